import {
  addressOfChallenge,
  MfaError,
  type challengeCancel,
  type ChallengeView,
  type InputOf,
} from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { WakePhones } from '../device/wake-phones.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import { decideCancel } from './decide.ts';
import { viewOf } from './get.ts';
import type { Wake } from './wake.ts';

export interface CancelDependencies {
  ledger: UserLedger;
  wake: Wake;
  wakePhones: WakePhones;
  now: () => number;
}

/**
 * The application gives a challenge up: no code completes it any more.
 * @throws MfaError CHALLENGE_NOT_FOUND, CHALLENGE_CLOSED, UNAVAILABLE.
 */
export async function cancel(
  deps: CancelDependencies,
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
  const view = viewOf(state, challengeId, key, applicationId, deps.now());
  // Of what no phone shows none has to look: anybody may begin and give up as many of those as they like.
  if (view.method === 'app') deps.wakePhones.of(userId);
  return view;
}
