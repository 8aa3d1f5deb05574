import {
  addressOfChallenge,
  MfaError,
  type challengeAssert,
  type InputOf,
  type OutputOf,
} from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { KeyRing } from '../keys/ring.ts';
import type { ResultSigner } from '../keys/signing.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import { fits, verifyAssertion } from '../passkey/assertion.ts';
import { ceremonyChallenge } from '../passkey/challenge.ts';
import { decideAssert } from '../passkey/decide.ts';
import type { LoginPasskeys } from '../passkey/login-passkeys.ts';
import type { RelyingParty } from '../passkey/relying-party.ts';
import type { Policies } from '../policy/policies.ts';
import type { LoginUsers } from '../user/login-users.ts';
import { approved } from './approved.ts';
import type { Wake } from './wake.ts';

export interface AssertDependencies {
  ledger: UserLedger;
  users: LoginUsers;
  passkeys: LoginPasskeys;
  policies: Policies;
  signer: ResultSigner;
  ring: KeyRing;
  wake: Wake;
  relyingParty: RelyingParty | undefined;
}

/**
 * Takes what the browser answered with a passkey. The signature is checked here, since it depends on the challenge's id alone; whether
 * it counts is decided by one append, as with a code.
 * @throws MfaError REQUEST_INVALID (another method), CHALLENGE_NOT_FOUND, CHALLENGE_CLOSED, CODE_REJECTED, UNAVAILABLE.
 */
export async function assert(
  deps: AssertDependencies,
  { challengeId, passkey: answer }: InputOf<typeof challengeAssert>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof challengeAssert>> {
  const { application, attemptId } = request;
  const { relyingParty } = deps;
  const address = addressOfChallenge(challengeId);
  if (address === undefined || relyingParty === undefined) throw new MfaError('CHALLENGE_NOT_FOUND');
  const { userId, key } = address;
  const policy = deps.policies.effective(application.applicationId);
  const [user, passkeys] = await Promise.all([deps.users.byId(userId), deps.passkeys.of(userId, { lane: 'verify' })]);
  // Those that were asked for (WEB-04), as the policy is now.
  const passkey = passkeys.find(
    (one) => one.credentialId.toString('base64url') === answer.id && fits(one, relyingParty, policy.passkeys),
  );
  const held = await verifyAssertion(
    {
      relyingParty,
      challenge: ceremonyChallenge(deps.ring, 'login', challengeId),
      userVerification: policy.passkeys.userVerification,
      passkey,
      discoverable: false,
    },
    answer,
  );
  const { event } = await deps.ledger.act(
    userId,
    attemptId,
    (state, now) =>
      decideAssert(
        state,
        {
          key,
          applicationId: application.applicationId,
          purpose: 'login',
          attemptId,
          answer: held,
          disabled: user?.status === 'disabled',
        },
        now,
      ),
    request,
  );
  if (event.type === 'assertion.rejected') {
    const cause = 'refused' in held ? held.cause : undefined;
    throw new MfaError('CODE_REJECTED', { detail: 'The passkey was not accepted.', reason: event.reason, cause });
  }
  const { result } = await approved(deps, { challengeId, key, user }, event, request);
  return { challengeId, state: 'approved', method: 'passkey', result };
}
