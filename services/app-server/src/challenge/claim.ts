import {
  addressOfChallenge,
  MfaError,
  type challengeClaim,
  type InputOf,
  type VerifiedChallenge,
} from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { ResultSigner } from '../keys/signing.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import type { Policies } from '../policy/policies.ts';
import type { LoginUsers } from '../user/login-users.ts';
import { decideClaim } from './decide.ts';

export interface ClaimDependencies {
  ledger: UserLedger;
  users: LoginUsers;
  policies: Policies;
  signer: ResultSigner;
}

/**
 * The result of a challenge that was approved in the app: once, and soon after.
 * @throws MfaError CHALLENGE_NOT_FOUND, CHALLENGE_CLOSED (it was not approved, or was fetched before, or too long ago), REQUEST_INVALID
 * (nobody has answered yet), UNAVAILABLE.
 */
export async function claim(
  deps: ClaimDependencies,
  { challengeId }: InputOf<typeof challengeClaim>,
  request: AuthorisedRequest,
): Promise<VerifiedChallenge> {
  const { application, attemptId } = request;
  const { applicationId } = application;
  const address = addressOfChallenge(challengeId);
  if (address === undefined) throw new MfaError('CHALLENGE_NOT_FOUND');
  const { userId, key } = address;
  const user = await deps.users.byId(userId);
  // Whom their directory, or an administrator, keeps out by now is not let in by what was approved before (R17).
  if (user?.status === 'disabled') throw new MfaError('CHALLENGE_CLOSED', { reason: 'disabled' });
  const { event } = await deps.ledger.act(
    userId,
    attemptId,
    (state, now) => decideClaim(state, { key, applicationId, purpose: 'login', attemptId }, now),
    request,
  );
  if (event.type !== 'challenge.claimed') throw new MfaError('INTERNAL', { reason: `this attempt was ${event.type}` });
  if (event.key !== key || event.applicationId !== applicationId) {
    throw new MfaError('INTERNAL', { reason: 'attempt of another' });
  }
  if (user === undefined) throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 1, reason: 'approved user unread' });
  const policy = deps.policies.effective(applicationId);
  const { approvedAt: at } = event;
  const result = await deps.signer.sign({ user, application, challengeId, method: 'app', at, policy });
  return { challengeId, state: 'approved', method: 'app', result };
}
