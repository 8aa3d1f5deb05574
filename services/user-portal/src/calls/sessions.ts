import { accountLeave, MfaError } from '@countersign/contracts';
import type { CALLS } from '../api.ts';
import type { Handle } from './call.ts';

type Calls = typeof CALLS;

export const sessions: Handle<Calls['sessions']> = async ({ store }, _input, { place, state }) => {
  const own = await store.of(state);
  const views = own.map(({ place: { hash }, name, facts }) => ({
    sessionId: name,
    current: hash === place.hash,
    startedAt: new Date(facts.startedAt).toISOString(),
    lastSeenAt: new Date(facts.seenAt).toISOString(),
    ...(facts.device !== undefined && { device: facts.device }),
    ...(facts.ip !== undefined && { ip: facts.ip }),
  }));
  return { answer: { sessions: views }, becomes: 'stay' };
};

/** Nobody ends the sessions of somebody else: those that are looked through are one's own. */
export const endSessions: Handle<Calls['endSessions']> = async ({ ask, store }, { which }, { place, state }) => {
  // Those of which a list would not know yet end with the others.
  if (which === 'all') return { answer: await ask(accountLeave, { access: state.access }), becomes: 'leave' };
  const own = await store.of(state);
  const chosen = own.filter(({ place: { hash }, name }) => (which === 'others' ? hash !== place.hash : name === which));
  if (chosen.length === 0 && which !== 'others') {
    throw new MfaError('REQUEST_INVALID', { invalid: [{ pointer: '/which', message: 'is no session of yours' }] });
  }
  await Promise.all(chosen.map((session) => store.end(session.place)));
  const isGone = chosen.some((session) => session.place.hash === place.hash);
  return { answer: { ended: chosen.length }, becomes: isGone ? 'leave' : 'stay' };
};
