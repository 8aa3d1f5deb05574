import { MfaError, type InputOf, type Policy, type sessionAccept } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Trail } from '../audit/trail.ts';
import { browserFingerprint } from '../challenge/browser.ts';
import type { Evidence } from '../evidence/evidence.ts';
import type { KeyRing } from '../keys/ring.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import type { LoginUsers } from '../user/login-users.ts';
import type { LoginUser } from '../user/store.ts';
import { fits, verifyAssertion, type LoginPasskey } from './assertion.ts';
import { ceremonyChallenge } from './challenge.ts';
import { decideAccept, passkeyRejected } from './decide.ts';
import type { LoginPasskeys } from './login-passkeys.ts';
import type { RelyingParty } from './relying-party.ts';

export interface AcceptPasskeyDependencies {
  ledger: UserLedger;
  users: LoginUsers;
  passkeys: LoginPasskeys;
  ring: KeyRing;
  evidence: Evidence;
  trail: Trail;
  now: () => number;
}

/**
 * Who it is that answered an invitation. One append to that person's ledger decides, so that the same answer lets in once, on whichever
 * replicas it is posted. What is refused before is a row of the audit and nothing else: a stranger who makes up answers writes nothing
 * to anybody's ledger.
 * @throws MfaError CHALLENGE_CLOSED (not one of ours, over, or used), CREDENTIALS_REJECTED whatever else it was, UNAVAILABLE.
 */
export async function acceptPasskey(
  deps: AcceptPasskeyDependencies,
  relyingParty: RelyingParty,
  policy: Policy['passkeys'],
  { invitation, passkey: answer, context }: InputOf<typeof sessionAccept>,
  request: AuthorisedRequest,
): Promise<{ user: LoginUser; at: number; authenticatorId: string }> {
  const { ring } = deps;
  const { attemptId, application } = request;
  const { applicationId } = application;
  const { key, issuedAt } = await deps.evidence.readInvitation(invitation, application);

  const found = await deps.passkeys.byCredential(Buffer.from(answer.id, 'base64url'));
  const passkey = found !== undefined && fits(found, relyingParty, policy) ? found : undefined;
  const held = await verifyAssertion(
    {
      relyingParty,
      challenge: ceremonyChallenge(ring, 'invite', key),
      userVerification: 'required',
      passkey,
      discoverable: true,
    },
    answer,
  );
  if ('refused' in held || passkey === undefined) {
    const refusal = 'refused' in held ? passkeyRejected(held.refused, held.cause) : passkeyRejected('credential');
    return refused(deps, request, found, refusal);
  }
  const { userId } = passkey;
  const user = await deps.users.byId(userId);
  const browser = browserFingerprint(ring, userId, applicationId, context);
  const { event } = await deps.ledger
    .act(
      userId,
      attemptId,
      (state, now, floor) =>
        decideAccept(
          state,
          {
            key,
            issuedAt,
            applicationId,
            attemptId,
            asserted: held.asserted,
            floor,
            disabled: user?.status === 'disabled',
            ...(browser !== undefined && { device: browser }),
            ...(context !== undefined && { context }),
          },
          now,
        ),
      request,
    )
    .catch((error: unknown) => refused(deps, request, passkey, error));
  if (event.type !== 'invitation.accepted' || event.key !== key || event.applicationId !== applicationId) {
    throw new MfaError('INTERNAL', { reason: `this attempt was ${event.type}` });
  }
  if (user === undefined) throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 1, reason: 'approved user unread' });
  return { user, at: event.at, authenticatorId: event.authenticatorId };
}

/** Leaves a row in the audit (R8), with whose passkey it was where that is known. */
async function refused(
  { trail, now }: AcceptPasskeyDependencies,
  { attemptId, traceId, application }: AuthorisedRequest,
  passkey: LoginPasskey | undefined,
  error: unknown,
): Promise<never> {
  const isRefusal = error instanceof MfaError && ['CREDENTIALS_REJECTED', 'CHALLENGE_CLOSED'].includes(error.code);
  if (!isRefusal) throw error;
  const { applicationId } = application;
  const { reason } = error;
  const userId = passkey?.userId;
  const type = 'session.refused';
  await trail.record({ type, at: now(), attemptId, traceId, applicationId, userId, method: 'passkey', reason });
  throw error;
}
