import { MfaError, type Policy } from '@countersign/contracts';
import { refund, spend, waitMs } from '../challenge/attempts.ts';
import type { Decision } from '../challenge/decide.ts';
import type { EventContext } from '../challenge/events.ts';
import { attemptsOf, laneOf } from '../challenge/evolve.ts';
import type { UserState } from '../challenge/state.ts';

export interface TryCommand {
  applicationId: string;
  /** Names the run that may ask the directory: whoever repeats the attempt finds this one, and does not ask again (ADR 17). */
  run: string;
  attempts: Policy['attempts'];
  device?: string;
  context?: EventContext;
}

/** A try is paid for before anybody is asked, so that however many replicas are at it, the directory hears no more than the budget (AAL-21). */
export function decideTry(state: UserState, command: TryCommand, now: number): Decision {
  const { applicationId, run, context } = command;
  const lane = laneOf(state, command.device);
  const attempts = attemptsOf(state, 'password', lane);
  const wait = waitMs(attempts, command.attempts, lane, 1, now);
  if (wait > 0) return { refuse: new MfaError('TRY_LATER', { retryAfterSeconds: Math.ceil(wait / 1000) }) };
  return {
    append: {
      type: 'password.tried',
      applicationId,
      run,
      lane,
      attempts: spend(attempts, command.attempts, lane, 1, now),
      ...(context !== undefined && { context }),
    },
  };
}

export interface OutcomeCommand {
  applicationId: string;
  outcome: 'right' | 'wrong' | 'expired' | 'barred' | 'unknown';
  attempts: Policy['attempts'];
  device?: string;
}

/** A right one gives back what the try cost. Of a wrong one it only remains to be written down. */
export function decideOutcome(state: UserState, command: OutcomeCommand): Decision {
  const { applicationId, outcome } = command;
  if (outcome !== 'right') return { append: { type: 'password.rejected', applicationId, reason: outcome } };
  const lane = laneOf(state, command.device);
  const attempts = refund(attemptsOf(state, 'password', lane), command.attempts, lane, 1);
  return { append: { type: 'password.accepted', applicationId, lane, attempts } };
}
