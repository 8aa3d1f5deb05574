import type { handoverWait, InputOf, OutputOf } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { get as getChallenge, type GetDependencies } from '../challenge/get.ts';
import { assertOfPerson, onBehalf, type HandoverDependencies } from './on-behalf.ts';

/** Where the challenge stands, for a page that waits for the app. @throws MfaError CHALLENGE_NOT_FOUND, CHALLENGE_CLOSED, UNAVAILABLE. */
export async function wait(
  deps: HandoverDependencies & GetDependencies,
  { request: token, challengeId, waitSeconds }: InputOf<typeof handoverWait>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof handoverWait>> {
  const { facts, request: theirs } = await onBehalf(deps, token, request);
  await assertOfPerson(deps, facts, challengeId);
  const { state } = await getChallenge(deps, { challengeId, waitSeconds }, theirs);
  return { state };
}
