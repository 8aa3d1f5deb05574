import { setTimeout as sleep } from 'node:timers/promises';
import { MfaError } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { browserFingerprint } from '../challenge/browser.ts';
import type { EventContext } from '../challenge/events.ts';
import type { BindOutcome } from '../directory/directory.ts';
import type { KeyRing } from '../keys/ring.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import type { Policies } from '../policy/policies.ts';
import { decideOutcome, decideTry } from './decide.ts';

/** What came of asking: `unknown` where whoever was asked may have heard, and did not say. */
export type PasswordOutcome = BindOutcome | 'unknown';

export interface OnceDependencies {
  ledger: UserLedger;
  policies: Pick<Policies, 'effective'>;
  ring: KeyRing;
  randomBytes: (size: number) => Buffer;
  now: () => number;
}

export interface Try {
  userId: string;
  context: EventContext | undefined;
  /** Asks whoever holds the password. `problem` is thrown once the outcome is on record. */
  ask: () => Promise<{ outcome: PasswordOutcome; problem?: MfaError }>;
}

/** Looked for, for so long, where another run of the same attempt asks. */
const OTHERS_TAKE_MS = 6000;
const LOOK_AGAIN_MS = 100;

/**
 * One attempt, one question. The try is appended first, and whoever's append it was asks; the same attempt on another replica waits
 * for what that one writes down (ADR 17).
 * @throws MfaError TRY_LATER, UNAVAILABLE, and the problem of whoever was asked.
 */
export async function once(
  deps: OnceDependencies,
  { userId, context, ask }: Try,
  request: AuthorisedRequest,
): Promise<PasswordOutcome> {
  const { ledger, ring } = deps;
  const { attemptId, traceId, deadline, application } = request;
  const { applicationId } = application;
  const { passwords: attempts } = deps.policies.effective(applicationId);
  const run = deps.randomBytes(9).toString('base64url');
  const browser = browserFingerprint(ring, userId, applicationId, context);
  const ofBrowser = browser !== undefined && { device: browser };
  const { event } = await ledger.act(
    userId,
    `${attemptId} try`,
    (state, now) =>
      decideTry(state, { applicationId, run, attempts, ...ofBrowser, ...(context !== undefined && { context }) }, now),
    { traceId, deadline },
  );
  if (event.type !== 'password.tried') throw new MfaError('INTERNAL', { reason: `this attempt was ${event.type}` });
  if (event.run !== run) return outcomeOfAnother(deps, userId, request);

  const { outcome, problem } = await ask();
  const { event: end } = await ledger.act(
    userId,
    `${attemptId} end`,
    (state) => decideOutcome(state, { applicationId, outcome, attempts, ...ofBrowser }),
    { traceId, deadline },
  );
  if (problem !== undefined) throw problem;
  return outcomeIn(end.type === 'password.rejected' ? end.reason : end.type);
}

/** @throws MfaError UNAVAILABLE when the other run has not said anything: it may have died after it asked, and nobody asks twice. */
async function outcomeOfAnother(
  { ledger, now }: OnceDependencies,
  userId: string,
  { attemptId, traceId, deadline }: AuthorisedRequest,
): Promise<PasswordOutcome> {
  const pending = new MfaError('UNAVAILABLE', { retryAfterSeconds: 1, reason: 'asked by another, who has not said' });
  const until = Math.min(deadline, now() + OTHERS_TAKE_MS);
  for (;;) {
    try {
      const { event } = await ledger.act(userId, `${attemptId} end`, () => ({ refuse: pending }), {
        traceId,
        deadline,
      });
      const outcome = outcomeIn(event.type === 'password.rejected' ? event.reason : event.type);
      // Nobody can say, now as then: that is no "no".
      if (outcome === 'unknown') throw unknown();
      return outcome;
    } catch (error) {
      if (error !== pending || now() >= until) throw error;
      await sleep(LOOK_AGAIN_MS);
    }
  }
}

function unknown(): MfaError {
  return new MfaError('UNAVAILABLE', { retryAfterSeconds: 1, reason: 'whoever was asked did not say' });
}

function outcomeIn(said: string): PasswordOutcome {
  if (said === 'password.accepted') return 'right';
  return said === 'expired' || said === 'barred' || said === 'unknown' ? said : 'wrong';
}
