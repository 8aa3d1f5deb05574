import type { handoverVerify, InputOf, OutputOf } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { assert, type AssertDependencies } from '../challenge/assert.ts';
import { verify as verifyChallenge, type VerifyDependencies as ChallengeDependencies } from '../challenge/verify.ts';
import { assertOfPerson, onBehalf, type HandoverDependencies } from './on-behalf.ts';

/**
 * Takes the person's answer. The result is the application's: nobody else can use it.
 * @throws MfaError REQUEST_INVALID, CHALLENGE_NOT_FOUND, CHALLENGE_CLOSED, CODE_REJECTED, TRY_LATER, UNAVAILABLE.
 */
export async function verify(
  deps: HandoverDependencies & ChallengeDependencies & AssertDependencies,
  input: InputOf<typeof handoverVerify>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof handoverVerify>> {
  const { facts, request: theirs } = await onBehalf(deps, input.request, request);
  const { challengeId } = input;
  await assertOfPerson(deps, facts, challengeId);
  const { result } =
    'passkey' in input
      ? await assert(deps, { challengeId, passkey: input.passkey }, theirs)
      : await verifyChallenge(deps, { challengeId, ...answerOf(input) }, theirs);
  return { result, returnUrl: facts.returnUrl, returnState: facts.state };
}

function answerOf({ code, pin }: { code: string; pin?: string }) {
  return { code, ...(pin !== undefined && { pin }) };
}
