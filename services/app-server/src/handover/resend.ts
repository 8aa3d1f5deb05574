import type { handoverResend, InputOf, OutputOf } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { resend as resendChallenge, type ResendDependencies as ChallengeDependencies } from '../challenge/resend.ts';
import { assertOfPerson, onBehalf, type HandoverDependencies } from './on-behalf.ts';
import { shown } from './start.ts';

/**
 * Sends a new code in place of the one before.
 * @throws MfaError CHALLENGE_NOT_FOUND, CHALLENGE_CLOSED, REQUEST_INVALID, TRY_LATER, UNAVAILABLE.
 */
export async function resend(
  deps: HandoverDependencies & ChallengeDependencies,
  { request: token, challengeId }: InputOf<typeof handoverResend>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof handoverResend>> {
  const { facts, request: theirs } = await onBehalf(deps, token, request);
  await assertOfPerson(deps, facts, challengeId);
  return shown(await resendChallenge(deps, { challengeId }, theirs), facts);
}
