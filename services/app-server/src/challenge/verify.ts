import {
  addressOfChallenge,
  MfaError,
  type challengeVerify,
  type InputOf,
  type VerifiedChallenge,
} from '@countersign/contracts';
import { parseCode, parseLookupSecret } from '@countersign/otp';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { verifyRecoveryCode, type RecoveryDependencies } from '../recovery/verify.ts';
import { approved } from './approved.ts';
import { holdPin, type HoldDependencies } from '../pin/hold.ts';
import { decideVerify, type LookCommand } from './decide.ts';
import { matcherFor } from './match.ts';

export type VerifyDependencies = RecoveryDependencies & HoldDependencies;

/**
 * Takes the code a person typed, and the PIN where the challenge wants one: both are decided together, by one append. This file gathers what
 * the decision needs and signs what it says.
 * @throws MfaError REQUEST_INVALID (nothing was evaluated), CHALLENGE_NOT_FOUND, CHALLENGE_CLOSED, TRY_LATER, CODE_REJECTED,
 * PIN_NEEDED (the code was right, and is used up), UNAVAILABLE.
 */
export async function verify(
  deps: VerifyDependencies,
  input: InputOf<typeof challengeVerify>,
  request: AuthorisedRequest,
  { turn }: Pick<LookCommand, 'turn'> = {},
): Promise<VerifiedChallenge> {
  const { application, attemptId } = request;
  const { challengeId } = input;
  const address = addressOfChallenge(challengeId);
  const secret = parseLookupSecret(input.code);
  // No code that is sent or shown by an app looks like one.
  if (secret !== undefined) {
    if (address === undefined) throw new MfaError('CHALLENGE_NOT_FOUND');
    return verifyRecoveryCode(deps, { challengeId, ...address }, secret, request, { turn });
  }
  const code = parseCode(input.code);
  if (code === undefined) {
    throw new MfaError('REQUEST_INVALID', { invalid: [{ pointer: '/code', message: 'must be 6 to 10 digits' }] });
  }
  if (address === undefined) throw new MfaError('CHALLENGE_NOT_FOUND');

  const { userId, key } = address;
  const policy = deps.policies.effective(application.applicationId);
  const user = await deps.users.byId(userId);
  const matcher = matcherFor(deps, user, policy.totp, challengeId, code);
  const look = {
    key,
    applicationId: application.applicationId,
    purpose: 'login',
    code,
    otherDigits: matcher.otherDigits,
    attempts: policy.attempts,
    cost: matcher.cost,
    turn,
  } as const;
  const pin = await holdPin(deps, { userId, user, pin: input.pin, look, policy: policy.pin }, request);
  const { event } = await deps.ledger.act(
    userId,
    attemptId,
    (state, now, floor) =>
      decideVerify(
        state,
        {
          ...look,
          attemptId,
          floor,
          disabled: user?.status === 'disabled',
          matches: (challenge) => matcher.matches(state, challenge, now),
          ...(pin !== undefined && { pin }),
        },
        now,
      ),
    request,
  );
  return approved(deps, { challengeId, key, user }, event, request);
}
