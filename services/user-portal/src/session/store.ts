import {
  MfaError,
  sessionDrop,
  sessionKeep,
  sessionList,
  sessionLoad,
  type KeptSession,
  type SessionPlace,
} from '@countersign/contracts';
import type { Ask } from '../calls/ask.ts';
import { nameOf, newToken, placeOf, writeToken, type SessionToken } from './cookie.ts';
import { seal, unseal } from './seal.ts';
import { isOver, MOVED_MS, type SessionFacts, type SessionState, type SignedIn } from './state.ts';

/** A session as it was found. */
export interface Session<State extends SessionState = SessionState> {
  token: SessionToken;
  place: SessionPlace;
  sequence: number;
  state: State;
  facts: SessionFacts;
}

/** What app-server keeps of it. */
interface StoredSession {
  v: 1;
  facts: SessionFacts;
  sealed: string;
}

/**
 * Sessions, kept by app-servers and nowhere here: any portal finds what any other left. Each is read where it was written last, so that one
 * that was ended a moment ago, on whichever replica, is gone (APP-04); and written only if nobody wrote meanwhile.
 */
export class SessionStore {
  readonly #ask: Ask;
  readonly #now: () => number;
  readonly #randomBytes: (size: number) => Buffer;

  constructor(ask: Ask, now: () => number, randomBytes: (size: number) => Buffer) {
    this.#ask = ask;
    this.#now = now;
    this.#randomBytes = randomBytes;
  }

  /** @returns undefined when it is not there, has ended, or is not the cookie's to open. @throws MfaError UNAVAILABLE. */
  async load(token: SessionToken): Promise<Session | undefined> {
    const ask = this.#ask;
    const place = placeOf(token);
    const { session } = await ask(sessionLoad, { place });
    const stored = session === undefined ? undefined : read(session);
    if (session === undefined || stored === undefined) return undefined;
    const state = unseal(token, place, stored.sealed) as SessionState | undefined;
    if (state === undefined || isOver(state, stored.facts, this.#now())) return undefined;
    return { token, place, sequence: session.sequence, state, facts: stored.facts };
  }

  /** Under a token that nobody has seen (APP-02). */
  async create(owner: string, state: SessionState, facts: Omit<SessionFacts, 'seenAt'>): Promise<SessionToken> {
    const token = newToken(owner, this.#randomBytes);
    const place = placeOf(token);
    const sequence = await this.#keep(token, place, state, { ...facts, seenAt: this.#now() }, 0);
    if (sequence === undefined) throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 1, reason: 'session taken' });
    return token;
  }

  /**
   * Writes what a session has become.
   * @returns the session as it is now; undefined when it was ended or changed meanwhile: then nothing was written.
   * @throws MfaError UNAVAILABLE.
   */
  async replace<State extends SessionState>(before: Session, state: State): Promise<Session<State> | undefined> {
    const { token, place } = before;
    const facts = { ...before.facts, seenAt: this.#now() };
    const sequence = await this.#keep(token, place, state, facts, before.sequence);
    return sequence === undefined ? undefined : { token, place, sequence, state, facts };
  }

  /**
   * Leaves behind where a session went, for the call that moved it.
   * @param to its new token; undefined: it has ended.
   * @returns false when the session was ended or changed meanwhile.
   */
  async leavePointer(
    session: Session,
    to: SessionToken | undefined,
    callId: string,
    answer: unknown,
  ): Promise<boolean> {
    const until = this.#now() + MOVED_MS;
    const gone = { ...session, facts: { ...session.facts, moved: true as const } };
    const pointer = { stage: 'moved', to: to === undefined ? '' : writeToken(to), callId, answer, until } as const;
    return (await this.replace(gone, pointer)) !== undefined;
  }

  async end(place: SessionPlace): Promise<void> {
    const ask = this.#ask;
    await ask(sessionDrop, { place });
  }

  /**
   * Those that a person has, newest first; not those that are over by idleness.
   * @throws MfaError SIGN_IN_NEEDED when the evidence is no longer good.
   */
  async of({ access, userId, idleSeconds }: SignedIn): Promise<OwnSession[]> {
    const ask = this.#ask;
    const { sessions } = await ask(sessionList, { access });
    return sessions
      .flatMap((session) => {
        const { hash } = session;
        const facts = read(session)?.facts;
        if (facts === undefined || facts.moved === true) return [];
        if (this.#now() >= facts.seenAt + idleSeconds * 1000) return [];
        return [{ place: { owner: userId, hash }, name: nameOf(hash), facts }];
      })
      .toSorted((a, b) => b.facts.startedAt - a.facts.startedAt);
  }

  async #keep(
    token: SessionToken,
    place: SessionPlace,
    state: SessionState,
    facts: SessionFacts,
    expected: number,
  ): Promise<number | undefined> {
    const ask = this.#ask;
    const sealed = seal(token, place, state, this.#randomBytes);
    const kept = JSON.stringify({ v: 1, facts, sealed } satisfies StoredSession);
    return (await ask(sessionKeep, { place, kept, expected })).sequence;
  }
}

export interface OwnSession {
  place: SessionPlace;
  name: string;
  facts: SessionFacts;
}

function read({ kept }: KeptSession): StoredSession | undefined {
  try {
    const stored = JSON.parse(kept) as StoredSession;
    return stored.v === 1 && typeof stored.sealed === 'string' ? stored : undefined;
  } catch {
    return undefined;
  }
}
