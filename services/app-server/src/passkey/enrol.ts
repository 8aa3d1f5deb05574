import { MfaError, type OutputOf, type accountEnrol } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { recordAdministration } from '../audit/administration.ts';
import { authenticatorIdOf, enrolmentChallenge } from '../authenticator/enrolment.ts';
import { claimPlace } from '../authenticator/store.ts';
import { decideStart } from '../challenge/decide.ts';
import type { Router } from '../database/router.ts';
import type { KeyRing } from '../keys/ring.ts';
import { assertKnown, type Settled } from '../ledger/state-form.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import type { Policies } from '../policy/policies.ts';
import type { LoginUser } from '../user/store.ts';
import { ceremonyChallenge, LONGEST_CEREMONY_SECONDS } from './challenge.ts';
import type { MetadataFile } from './metadata-file.ts';
import { registrationOptions } from './registration.ts';
import type { RelyingParty } from './relying-party.ts';
import { insertPasskey, passkeysOf, userHandleOf } from './store.ts';

export interface EnrolPasskeyDependencies {
  router: Router;
  ledger: UserLedger;
  policies: Policies;
  ring: KeyRing;
  settled: Pick<Settled, 'number'>;
  relyingParty: RelyingParty | undefined;
  metadata: Pick<MetadataFile, 'current'> | undefined;
  randomBytes: (size: number) => Buffer;
  now: () => number;
}

/** No authenticator takes a longer one. @see WebAuthn Level 3 section 5.4.3; 64 random bytes are recommended in 14.6.1. */
const USER_HANDLE_BYTES = 64;
/**
 * Begins to enrol a passkey: a row that waits, a challenge that only its answer ends, and what the browser is to do.
 * @throws MfaError NOT_ALLOWED (there is no portal), UPGRADE_UNFINISHED, USER_NOT_FOUND, AUTHENTICATOR_LIMIT, USER_DISABLED,
 * CHALLENGE_CLOSED, METADATA_UNAVAILABLE, PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function enrolPasskey(
  deps: EnrolPasskeyDependencies,
  {
    user,
    label = 'Passkey',
  }: { user: Pick<LoginUser, 'userId' | 'username' | 'displayName'>; label?: string | undefined },
  request: AuthorisedRequest,
): Promise<OutputOf<typeof accountEnrol>> {
  const { ring, relyingParty } = deps;
  const { application, attemptId } = request;
  const { userId } = user;
  if (relyingParty === undefined) throw new MfaError('NOT_ALLOWED', { reason: 'COUNTERSIGN_PORTAL_URL is not set' });
  assertKnown(deps.settled);
  const passkeyId = authenticatorIdOf(request);
  const policy = deps.policies.effective(application.applicationId);
  // Before somebody touches a key that could not be judged.
  if (policy.passkeys.attestation === 'hardware' && deps.metadata?.current === undefined) {
    throw new MfaError('METADATA_UNAVAILABLE', { retryAfterSeconds: 60 });
  }
  const now = deps.now();
  const lifeSeconds = Math.min(policy.challenge.lifeSeconds, LONGEST_CEREMONY_SECONDS);
  const expiresAt = new Date(now + lifeSeconds * 1000);

  await deps.router.write((db) =>
    db.transaction().execute(async (transaction) => {
      const max = policy.users.maxAuthenticators;
      // Under its lock on the user, so that two that begin at once get one handle.
      await claimPlace(transaction, { userId, authenticatorId: passkeyId, max, now: new Date(now) });
      const isNew = await insertPasskey(transaction, {
        passkeyId,
        userId,
        label,
        rpId: relyingParty.id,
        userHandle: (await userHandleOf(transaction, userId)) ?? deps.randomBytes(USER_HANDLE_BYTES),
        createdBy: application.name,
        createdAt: new Date(now),
        expiresAt,
      });
      if (!isNew) return;
      await recordAdministration(transaction, {
        type: 'authenticator.enrol',
        at: now,
        attemptId,
        actor: application.name,
        userId,
        detail: { authenticatorId: passkeyId, type: 'passkey', state: 'pending' },
      });
    }),
  );
  // Read back rather than remembered: a repeated attempt must go on with what was kept.
  const rows = await deps.router.read((db) => passkeysOf(db, userId), { from: 'primary' });
  const ours = rows.find((row) => row.passkey_id === passkeyId);
  if (ours === undefined) throw new MfaError('AUTHENTICATOR_NOT_FOUND');
  if (ours.state !== 'pending' || ours.expires_at === null) throw new MfaError('CHALLENGE_CLOSED');

  const { challengeId, key } = enrolmentChallenge(ring, userId, passkeyId);
  await deps.ledger.act(
    userId,
    attemptId,
    (state, at) =>
      decideStart(
        state,
        {
          key,
          applicationId: application.applicationId,
          purpose: 'enrol',
          method: 'passkey',
          authenticatorId: passkeyId,
          digits: 0,
          lifeMs: lifeSeconds * 1000,
          attempts: policy.attempts,
          cost: 1,
          attemptId,
          reveal: true,
        },
        at,
      ),
    request,
  );
  const passkey = await registrationOptions({
    relyingParty,
    organisation: policy.totp.issuer,
    challenge: ceremonyChallenge(ring, 'enrol', challengeId),
    username: user.username,
    displayName: user.displayName,
    userHandle: ours.user_handle,
    enrolled: rows.flatMap(({ credential_id: id, transports }) =>
      id === null ? [] : [{ credentialId: id.toString('base64url'), transports: transports ?? [] }],
    ),
    policy: policy.passkeys,
  });
  return {
    authenticatorId: passkeyId,
    type: 'passkey',
    state: 'pending',
    expiresAt: ours.expires_at.toISOString(),
    passkey,
  };
}
