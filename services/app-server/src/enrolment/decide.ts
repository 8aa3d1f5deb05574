import { timingSafeEqual } from 'node:crypto';
import { MfaError, type Policy } from '@countersign/contracts';
import { spend, waitMs } from '../challenge/attempts.ts';
import type { Decision } from '../challenge/decide.ts';
import { attemptsOf } from '../challenge/evolve.ts';
import type { UserState } from '../challenge/state.ts';

export interface GrantCommand {
  codeMac: string;
  lifeMs: number;
  reason: string;
  by: string;
}

/** A code takes the place of the one before. Somebody who is kept out gets none. */
export function decideGrant(state: UserState, { codeMac, lifeMs, reason, by }: GrantCommand, now: number): Decision {
  if (state.disabled === true || state.blocked !== undefined) return { refuse: new MfaError('USER_DISABLED') };
  return { append: { type: 'enrolment.granted', codeMac, expiresAt: now + lifeMs, reason, by } };
}

export interface RedeemCommand {
  applicationId: string;
  /** Of what was typed. */
  codeMac: string;
  attempts: Policy['attempts'];
}

/**
 * A code is good once. Wrong ones spend a budget of their own (R3), also where there is nothing to guess. There is one for everybody: who
 * has no factor has no known browser either.
 */
export function decideRedeem(state: UserState, command: RedeemCommand, now: number): Decision {
  const { applicationId } = command;
  const attempts = attemptsOf(state, 'access-code', 'anywhere');
  const wait = waitMs(attempts, command.attempts, 'anywhere', 1, now);
  if (wait > 0) return { refuse: new MfaError('TRY_LATER', { retryAfterSeconds: Math.ceil(wait / 1000) }) };
  const { enrolment } = state;
  const isBarred = state.disabled === true || state.blocked !== undefined;
  const isRight = enrolment !== undefined && now < enrolment.expiresAt && isSame(enrolment.codeMac, command.codeMac);
  if (isRight && !isBarred) return { append: { type: 'enrolment.used', applicationId } };
  return {
    append: {
      type: 'enrolment.rejected',
      applicationId,
      reason: isBarred ? 'disabled' : 'wrong',
      attempts: spend(attempts, command.attempts, 'anywhere', 1, now),
    },
  };
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
