import { MfaError, type PasskeyRegistration } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, recordAdministration } from '../audit/administration.ts';
import { assertConfirmedBefore, type Confirming } from '../authenticator/confirm.ts';
import { assertFirst } from '../authenticator/first.ts';
import { enrolmentChallenge } from '../authenticator/enrolment.ts';
import { violatedConstraint } from '../database/failure.ts';
import type { Router } from '../database/router.ts';
import type { KeyRing } from '../keys/ring.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import { recordNotices } from '../notice/record.ts';
import type { Policies } from '../policy/policies.ts';
import type { AttestationRefusal } from './attestation.ts';
import { ceremonyChallenge } from './challenge.ts';
import { decideAssert, type AssertCommand } from './decide.ts';
import type { MetadataFile } from './metadata-file.ts';
import { verifyRegistration, type Registered } from './registration.ts';
import type { RelyingParty } from './relying-party.ts';
import { activatePasskey, isEnrolled, passkeysOf } from './store.ts';

export interface ConfirmPasskeyDependencies {
  router: Router;
  ledger: UserLedger;
  policies: Policies;
  ring: KeyRing;
  relyingParty: RelyingParty | undefined;
  metadata: Pick<MetadataFile, 'current'> | undefined;
  now: () => number;
}

export interface NewPasskeyAnswer {
  user: { userId: string };
  authenticatorId: string;
  passkey: PasskeyRegistration;
}

/**
 * Takes what the browser answered to an enrolment. The ledger ends its challenge first, so that the same answer counts once; only then
 * does the passkey become active.
 * @throws MfaError AUTHENTICATOR_NOT_FOUND, CHALLENGE_NOT_FOUND, CHALLENGE_CLOSED, CODE_REJECTED, KEY_NOT_ACCEPTED, METADATA_UNAVAILABLE,
 * PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function confirmPasskey(
  deps: ConfirmPasskeyDependencies,
  { user: { userId }, authenticatorId, passkey: answer }: NewPasskeyAnswer,
  request: AuthorisedRequest,
  { onlyFirst = false }: Confirming = {},
): Promise<{ authenticatorId: string; state: 'active' }> {
  const { application, attemptId } = request;
  const { relyingParty } = deps;
  const rows = await deps.router.read((db) => passkeysOf(db, userId), { from: 'primary' });
  const isTheirs = rows.some(({ passkey_id: id }) => id === authenticatorId);
  if (!isTheirs || relyingParty === undefined) throw new MfaError('AUTHENTICATOR_NOT_FOUND');
  const policy = deps.policies.effective(application.applicationId);
  const { challengeId, key } = enrolmentChallenge(deps.ring, userId, authenticatorId);
  const challenge = ceremonyChallenge(deps.ring, 'enrol', challengeId);
  const held = await verifyRegistration({ relyingParty, challenge, policy: policy.passkeys }, answer, {
    metadata: deps.metadata?.current,
    now: deps.now(),
  });
  const registered = await unlessEnrolled(deps.router, held, authenticatorId);

  await deps.ledger
    .act(
      userId,
      attemptId,
      (state, now) =>
        decideAssert(
          state,
          {
            key,
            applicationId: application.applicationId,
            purpose: 'enrol',
            attemptId,
            answer: answerOf(registered, authenticatorId),
          },
          now,
        ),
      request,
    )
    .then(({ event }) => {
      if (event.type === 'assertion.rejected') {
        throw rejected(event.reason, 'refused' in registered ? registered.cause : undefined);
      }
      if (event.type !== 'challenge.approved' || event.authenticatorId !== authenticatorId) {
        throw new MfaError('INTERNAL', { reason: `this attempt was ${event.type}` });
      }
    })
    .catch((refusal: unknown) => assertConfirmedBefore(deps, userId, key, attemptId, refusal));

  // Approved when this attempt came the first time, and against the policy, or another's, by now.
  if ('refused' in registered) throw rejected(registered.refused, registered.cause);
  const now = deps.now();
  const { passkey } = registered;
  await deps.router
    .write((db) =>
      changeOnce(db, attemptId, async (transaction) => {
        if (onlyFirst) await assertFirst(transaction, userId, authenticatorId);
        await activatePasskey(transaction, userId, authenticatorId, passkey, new Date(now));
        const { aaguid, backupEligible, userVerified, attestationFormat, attestedModel } = passkey;
        await recordAdministration(transaction, {
          type: 'authenticator.confirm',
          at: now,
          attemptId,
          actor: application.name,
          userId,
          detail: {
            authenticatorId,
            type: 'passkey',
            aaguid,
            backupEligible,
            userVerified,
            attestationFormat,
            ...(attestedModel !== undefined && { attestedModel }),
          },
        });
        await recordNotices(transaction, { userId, kind: 'passkey.added', at: now });
      }),
    )
    .catch(enrolledMeanwhile);
  return { authenticatorId, state: 'active' };
}

function enrolledMeanwhile(error: unknown): never {
  if (violatedConstraint(error) === 'passkey_credential_key') throw rejected('enrolled', error);
  throw error;
}

const OF_ATTESTATION: ReadonlySet<string> = new Set<AttestationRefusal>([
  'unattested',
  'model',
  'compromised',
  'maker',
  'copied',
]);

/** What a refused registration is to whoever made it. */
export function rejected(reason: string, cause?: unknown): MfaError {
  if (reason === ('metadata' satisfies AttestationRefusal)) {
    return new MfaError('METADATA_UNAVAILABLE', { retryAfterSeconds: 60, reason });
  }
  if (OF_ATTESTATION.has(reason)) return new MfaError('KEY_NOT_ACCEPTED', { reason, cause });
  return new MfaError('CODE_REJECTED', { detail: 'The passkey was not accepted.', reason, cause });
}

/** A passkey belongs to one account. Two enrolments of one at the same time meet at the constraint of the table. */
async function unlessEnrolled(router: Router, registered: Registered, passkeyId: string): Promise<Registered> {
  if ('refused' in registered) return registered;
  const { credentialId } = registered.passkey;
  const isTaken = await router.read((db) => isEnrolled(db, credentialId, passkeyId), { from: 'primary' });
  return isTaken ? { refused: 'enrolled' } : registered;
}

function answerOf(registered: Registered, passkeyId: string): AssertCommand['answer'] {
  if ('refused' in registered) return registered;
  const { signCount, backupEligible, userVerified } = registered.passkey;
  return { asserted: { passkeyId, signCount, knownSignCount: 0, backupEligible, userVerified } };
}
