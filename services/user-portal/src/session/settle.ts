import { MfaError, type LoginContext } from '@countersign/contracts';
import type { FastifyReply } from 'fastify';
import type { Static } from 'typebox';
import type { Outcome } from '../calls/call.ts';
import { COOKIE_OPTIONS, placeOf, SESSION_COOKIE, writeToken } from './cookie.ts';
import { SEEN_EVERY_MS, type SignedIn, type SigningIn } from './state.ts';
import type { Session, SessionStore } from './store.ts';

/** What a browser keeps of a person who has left (Clear Site Data section 3.1). */
const CLEAR_SITE_DATA = '"cache", "storage"';

export interface Settling {
  session: Session<SigningIn | SignedIn> | undefined;
  outcome: Outcome<unknown>;
  callId: string;
  browser: Static<typeof LoginContext>;
}

/** What becomes of a session, and of the cookie. @throws MfaError SIGN_IN_NEEDED when the session was ended meanwhile: nothing was gained then. */
export async function settle(
  { store, now }: { store: SessionStore; now: () => number },
  reply: FastifyReply,
  { session, outcome, callId, browser }: Settling,
): Promise<void> {
  switch (outcome.becomes) {
    case 'stay':
      if (session !== undefined && now() - session.facts.seenAt >= SEEN_EVERY_MS) {
        // Whoever wrote meanwhile has said as well that somebody is there.
        await store.replace(session, session.state);
      }
      return;
    case 'keep':
      if (session === undefined || !(await store.replace(session, outcome.state))) {
        throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 1, reason: 'session changed meanwhile' });
      }
      return;
    case 'rise': {
      const facts = { startedAt: outcome.state.startedAt, ...browser };
      const token = await store.create(outcome.owner, outcome.state, facts);
      if (session !== undefined && !(await store.leavePointer(session, token, callId, outcome.answer))) {
        await store.end(placeOf(token));
        throw new MfaError('SIGN_IN_NEEDED', { reason: 'ended meanwhile' });
      }
      const { state, maxSessions } = outcome;
      if (state.stage === 'signed-in' && maxSessions !== undefined) await makeRoom(store, state, maxSessions);
      setCookie(reply, writeToken(token));
      return;
    }
    case 'over':
      if (session !== undefined) await store.end(session.place);
      return;
    case 'leave':
      if (session !== undefined) await store.end(session.place);
      reply.clearCookie(SESSION_COOKIE, COOKIE_OPTIONS).header('clear-site-data', CLEAR_SITE_DATA);
  }
}

/** Those that were used longest ago make room (APP-07). */
async function makeRoom(store: SessionStore, state: SignedIn, maxSessions: number): Promise<void> {
  const own = await store.of(state);
  const tooMany = own.toSorted((a, b) => b.facts.seenAt - a.facts.seenAt).slice(maxSessions);
  await Promise.all(tooMany.map(({ place }) => store.end(place)));
}

export function setCookie(reply: FastifyReply, token: string): void {
  reply.setCookie(SESSION_COOKIE, token, COOKIE_OPTIONS);
}
