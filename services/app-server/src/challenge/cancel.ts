import {
  addressOfChallenge,
  MfaError,
  type challengeCancel,
  type ChallengeView,
  type InputOf,
} from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import { decideCancel } from './decide.ts';
import { viewOf } from './get.ts';
import type { Wake } from './wake.ts';

/**
 * The application gives a challenge up: no code completes it any more.
 * @throws MfaError CHALLENGE_NOT_FOUND, CHALLENGE_CLOSED, UNAVAILABLE.
 */
export async function cancel(
  deps: { ledger: UserLedger; wake: Wake; now: () => number },
  { challengeId }: InputOf<typeof challengeCancel>,
  request: AuthorisedRequest,
): Promise<ChallengeView> {
  const { applicationId } = request.application;
  const { attemptId, traceId, deadline } = request;
  const address = addressOfChallenge(challengeId);
  if (address === undefined) throw new MfaError('CHALLENGE_NOT_FOUND');
  const { userId, key } = address;
  const { state } = await deps.ledger.act(
    userId,
    attemptId,
    (current, now) => decideCancel(current, { key, applicationId, purpose: 'login', attemptId }, now),
    { traceId, deadline },
  );
  deps.wake.publish(challengeId);
  return viewOf(state, challengeId, key, applicationId, deps.now());
}
