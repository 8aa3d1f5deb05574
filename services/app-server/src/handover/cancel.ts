import { MfaError, type handoverCancel, type InputOf, type OutputOf } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { cancel as cancelChallenge, type CancelDependencies } from '../challenge/cancel.ts';
import { assertOfPerson, onBehalf, type HandoverDependencies } from './on-behalf.ts';

/**
 * The person gives up: no code completes the challenge any more, and they go back to where they came from.
 * @throws MfaError CHALLENGE_CLOSED (the request is over), CHALLENGE_NOT_FOUND, UNAVAILABLE.
 */
export async function cancel(
  deps: HandoverDependencies & CancelDependencies,
  { request: token, challengeId }: InputOf<typeof handoverCancel>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof handoverCancel>> {
  const { facts, request: theirs } = await onBehalf(deps, token, request);
  if (challengeId !== undefined) {
    await assertOfPerson(deps, facts, challengeId);
    await cancelChallenge(deps, { challengeId }, theirs).catch((error: unknown) => {
      // What has ended already needs no end.
      if (!(error instanceof MfaError) || error.code !== 'CHALLENGE_CLOSED') throw error;
    });
  }
  return { returnUrl: facts.returnUrl, returnState: facts.state };
}
