import { setTimeout as sleep } from 'node:timers/promises';
import type { Caller } from './caller.ts';
import type { Person } from './logins.ts';

/** Enough that nobody is asked twice within one time step. */
export const CANARIES = 60;
const AT_ONCE = 6;
const EVERY_MS = 5000;
/** A ledger that was in doubt takes no code from before for two minutes. */
const WITHIN_MS = 180_000;

/**
 * Waits until people get in with TOTP again, so that what follows is not blamed for what was before.
 * @param canaries nobody else logs in as them.
 * @returns false when they still do not after a while.
 */
export async function peopleGetIn(caller: Caller, canaries: readonly Person[], clock: () => number): Promise<boolean> {
  const until = clock() + WITHIN_MS;
  for (let from = 0; clock() < until; from = (from + AT_ONCE) % canaries.length) {
    const tried = canaries.slice(from, from + AT_ONCE).map((person) => getsIn(caller, person));
    if ((await Promise.all(tried)).every(Boolean)) return true;
    await sleep(EVERY_MS);
  }
  return false;
}

async function getsIn(caller: Caller, { username, totp }: Person): Promise<boolean> {
  const ask = (path: string, body: object) => caller.once({ login: -1, what: 'canary' }, 'POST', path, body);
  const { body } = await ask('/v1/challenges', { username, method: 'totp' });
  if (typeof body['challengeId'] !== 'string') return false;
  const { status } = await ask(`/v1/challenges/${body['challengeId']}/verify`, { code: totp(Date.now()) });
  return status === 200;
}
