import { MfaError } from '@countersign/contracts';
import type { Decision } from '../challenge/decide.ts';
import type { DatedEvent, UserEvent } from '../challenge/events.ts';
import { evolve } from '../challenge/evolve.ts';
import { INITIAL_STATE, restoredState, type UserState } from '../challenge/state.ts';
import type { Continuity } from './continuity.ts';
import type { LedgerRecord } from './record.ts';
import type { Stored, UserLog } from './log.ts';

/** One decision that was recorded. */
export interface Recorded {
  event: DatedEvent;
  state: UserState;
  sequence: number;
}

export interface LedgerDependencies {
  log: UserLog;
  continuity: Continuity;
  /** What was projected of a user whose subject holds no message. Called only then. */
  projected: (userId: string) => Promise<UserState | undefined>;
  replica: string;
  now: () => number;
  random: () => number;
  sleep: (ms: number) => Promise<void>;
}

export interface ActOptions {
  /** Saves asking Postgres when the caller has already read the projected state. */
  projected?: UserState | undefined;
  traceId?: string | undefined;
}

/** Tries at one append before UNAVAILABLE; between them a wait that doubles, with jitter (HA-15). */
const MAX_TRIES = 8;
const FIRST_WAIT_MS = 4;
const LONGEST_WAIT_MS = 400;

/**
 * The one way in which anything is decided: read, decide, append on condition that nothing happened meanwhile, and only then
 * tell anybody. There is no other write.
 */
export class Ledger {
  readonly #deps: LedgerDependencies;

  constructor(deps: LedgerDependencies) {
    this.#deps = deps;
  }

  /** The state as any replica knows it: good enough to look at, never to decide on. */
  async peek(userId: string): Promise<UserState> {
    const last = await this.#readOr(() => this.#deps.log.last(userId));
    return last === undefined ? this.#start(userId, {}) : last.record.state;
  }

  /**
   * Decides and records. The same attempt twice is given the first event again.
   * @throws MfaError the refusal of `decide`, or UNAVAILABLE when no append was acknowledged in time; then nothing was said to
   * anybody, whatever became of the append.
   */
  async act(
    userId: string,
    attemptId: string,
    decide: (state: UserState, now: number) => Decision,
    options: ActOptions = {},
  ): Promise<Recorded> {
    const { log, now } = this.#deps;
    this.#deps.continuity.assertProven();
    let last = await this.#readOr(() => log.last(userId));
    let fromLeader = false;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      if (last?.record.attemptId === attemptId) return recorded(last);
      const state = last?.record.state ?? (await this.#start(userId, options));
      const decision = decide(state, now());
      if ('refuse' in decision) {
        // The read may have been old. A stale "no" is asked again, of the leader, before it is believed (HA-11).
        if (fromLeader) throw decision.refuse;
        const current = await this.#readOr(() => log.lastFromLeader(userId));
        if (current?.sequence === last?.sequence) throw decision.refuse;
        last = current;
        fromLeader = true;
        continue;
      }
      const record = this.#record(attemptId, decision.append, state, options);
      const sequence = await this.#append(userId, record, last?.sequence ?? 0);
      if (sequence !== undefined) return { event: record.event, state: record.state, sequence };
      await this.#wait(tries);
      last = await this.#readOr(() => log.lastFromLeader(userId));
      fromLeader = true;
    }
    throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 1, reason: 'append contended' });
  }

  #record(attemptId: string, event: UserEvent, before: UserState, options: ActOptions): LedgerRecord {
    const dated: DatedEvent = { ...event, at: this.#deps.now() };
    return {
      attemptId,
      event: dated,
      state: evolve(before, dated),
      replica: this.#deps.replica,
      ...(options.traceId !== undefined && { traceId: options.traceId }),
    };
  }

  /**
   * One place in the user's history, one message. An acknowledgement that was lost is cleared up by looking who took the place:
   * our attempt, and it happened; another, and it did not; nobody, and the same bytes are sent again for the same place.
   * @returns the sequence, or undefined when another attempt took the place.
   */
  async #append(userId: string, record: LedgerRecord, expectedSequence: number): Promise<number | undefined> {
    const { log, continuity } = this.#deps;
    let doubtful = false;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const mark = continuity.highest();
      const result = await log.append(userId, record, expectedSequence);
      if (result.outcome === 'stored') {
        continuity.acknowledged(result.sequence, mark);
        return result.sequence;
      }
      if (result.outcome === 'taken' && !doubtful) return undefined;
      doubtful = true;
      if (tries > 0 || result.outcome === 'unknown') await this.#wait(tries);
      const taker = await log.successor(userId, expectedSequence).catch(() => 'unanswered' as const);
      if (taker === 'unanswered' || taker === undefined) continue;
      if (taker.record.attemptId !== record.attemptId) return undefined;
      continuity.acknowledged(taker.sequence, mark);
      return taker.sequence;
    }
    throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 2, reason: 'append unacknowledged' });
  }

  async #start(userId: string, options: ActOptions): Promise<UserState> {
    const projected = 'projected' in options ? options.projected : await this.#deps.projected(userId);
    return projected === undefined ? INITIAL_STATE : restoredState(projected);
  }

  async #readOr(read: () => Promise<Stored | undefined>): Promise<Stored | undefined> {
    for (let tries = 0; ; tries++) {
      try {
        return await read();
      } catch (error) {
        if (tries >= 2)
          throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 2, reason: 'ledger unread', cause: error });
        await this.#wait(tries);
      }
    }
  }

  #wait(tries: number): Promise<void> {
    const bound = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** tries);
    return this.#deps.sleep(bound * (0.5 + this.#deps.random() / 2));
  }
}

function recorded(stored: Stored): Recorded {
  return { event: stored.record.event, state: stored.record.state, sequence: stored.sequence };
}
