import {
  addressOfChallenge,
  MfaError,
  type challengeVerify,
  type InputOf,
  type VerifiedChallenge,
} from '@countersign/contracts';
import { parseCode } from '@countersign/otp';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { KeyRing } from '../keys/ring.ts';
import type { ResultSigner } from '../keys/signing.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import type { Policies } from '../policy/policies.ts';
import type { LoginUsers } from '../user/login-users.ts';
import { decideVerify } from './decide.ts';
import { matcherFor } from './match.ts';
import type { Wake } from './wake.ts';

export interface VerifyDependencies {
  ledger: UserLedger;
  users: LoginUsers;
  policies: Policies;
  signer: ResultSigner;
  ring: KeyRing;
  wake: Wake;
  now: () => number;
}

/**
 * Takes the code a person typed. One append decides; this file gathers what the decision needs and signs what it says.
 * @throws MfaError REQUEST_INVALID (nothing was evaluated), CHALLENGE_NOT_FOUND, CHALLENGE_CLOSED, TRY_LATER, CODE_REJECTED,
 * UNAVAILABLE.
 */
export async function verify(
  deps: VerifyDependencies,
  input: InputOf<typeof challengeVerify>,
  request: AuthorisedRequest,
): Promise<VerifiedChallenge> {
  const { application, attemptId } = request;
  const { challengeId } = input;
  const code = parseCode(input.code);
  if (code === undefined) {
    throw new MfaError('REQUEST_INVALID', { invalid: [{ pointer: '/code', message: 'must be 6 to 10 digits' }] });
  }
  const address = addressOfChallenge(challengeId);
  if (address === undefined) throw new MfaError('CHALLENGE_NOT_FOUND');

  const { userId, key } = address;
  const policy = deps.policies.effective(application.applicationId);
  const user = await deps.users.byId(userId);
  const matcher = matcherFor(deps, user, policy.totp, challengeId, code);
  const { event } = await deps.ledger.act(
    userId,
    attemptId,
    (state, now, floor) =>
      decideVerify(
        state,
        {
          key,
          applicationId: application.applicationId,
          purpose: 'login',
          attemptId,
          code,
          otherDigits: matcher.otherDigits,
          attempts: policy.attempts,
          cost: matcher.cost,
          floor,
          disabled: user?.status === 'disabled',
          matches: (challenge) => matcher.matches(state, challenge, now),
        },
        now,
      ),
    request,
  );
  if (event.type === 'code.rejected') throw new MfaError('CODE_REJECTED', { reason: event.reason });
  if (event.type !== 'challenge.approved') throw new MfaError('INTERNAL', { reason: `this attempt was ${event.type}` });
  const ours = event.key === key && event.applicationId === application.applicationId && event.purpose === 'login';
  if (!ours) throw new MfaError('INTERNAL', { reason: 'attempt of another' });
  if (user === undefined) throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 1, reason: 'approved user unread' });
  deps.wake.publish(challengeId);
  const { method, at } = event;
  const result = await deps.signer.sign({ user, application, challengeId, method, at, policy });
  return { challengeId, state: 'approved', method, result };
}
