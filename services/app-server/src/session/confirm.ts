import { MfaError, type InputOf, type OpenedSession, type sessionConfirm } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Evidence } from '../evidence/evidence.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import type { Policies } from '../policy/policies.ts';
import type { LoginUsers } from '../user/login-users.ts';
import { assertWelcome, openedSession } from './opened.ts';

export interface ConfirmSessionDependencies {
  ledger: UserLedger;
  users: LoginUsers;
  policies: Policies;
  evidence: Evidence;
}

/**
 * Takes a second factor once more, of the person who is signed in, so that what is sensitive may follow (APP-08). The session ends when it
 * would have ended.
 * @throws MfaError SIGN_IN_NEEDED, UNAVAILABLE.
 */
export async function confirm(
  { ledger, users, policies, evidence }: ConfirmSessionDependencies,
  input: InputOf<typeof sessionConfirm>,
  request: AuthorisedRequest,
): Promise<OpenedSession> {
  const { application } = request;
  const access = await evidence.readAccess(input.access, application);
  const proof = await evidence.readProof(input.proof, application);
  const isTheirs = proof.userId === access.userId && proof.amr.length > 0 && proof.at > access.confirmedAt;
  // Who may only enrol has no factor to prove: that of a session before would be no proof of this one (R14).
  if (!isTheirs || access.level !== 'full') {
    throw new MfaError('SIGN_IN_NEEDED', { reason: 'proof of another sign-in' });
  }
  const user = await users.byId(access.userId);
  const state = await ledger.peek(access.userId);
  assertWelcome(user, state, access);
  const amr = [...new Set([...access.amr, ...proof.amr])];
  const policy = policies.effective(application.applicationId).portal;
  return openedSession(evidence, user, { ...access, amr, confirmedAt: proof.at }, policy, request);
}
