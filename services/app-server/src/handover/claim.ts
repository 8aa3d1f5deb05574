import type { handoverClaim, InputOf, OutputOf } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { claim as claimChallenge, type ClaimDependencies } from '../challenge/claim.ts';
import { assertOfPerson, onBehalf, type HandoverDependencies } from './on-behalf.ts';

/**
 * The result of what was approved in the app. It is the application's: nobody else can use it.
 * @throws MfaError CHALLENGE_NOT_FOUND, CHALLENGE_CLOSED, REQUEST_INVALID, UNAVAILABLE.
 */
export async function claim(
  deps: HandoverDependencies & ClaimDependencies,
  { request: token, challengeId }: InputOf<typeof handoverClaim>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof handoverClaim>> {
  const { facts, request: theirs } = await onBehalf(deps, token, request);
  await assertOfPerson(deps, facts, challengeId);
  const { result } = await claimChallenge(deps, { challengeId }, theirs);
  return { result, returnUrl: facts.returnUrl, returnState: facts.state };
}
