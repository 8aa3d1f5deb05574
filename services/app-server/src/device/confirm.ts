import {
  ConfirmBody,
  DEVICE_PATHS,
  MfaError,
  type deviceConfirm,
  type InputOf,
  type OutputOf,
} from '@countersign/contracts';
import { passkeyThumbprint } from '@countersign/device-protocol';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, recordAdministration } from '../audit/administration.ts';
import type { Router } from '../database/router.ts';
import { recordNotices } from '../notice/record.ts';
import { LONGEST_CEREMONY_SECONDS } from '../passkey/challenge.ts';
import type { PasskeyRefusal } from '../passkey/client-data.ts';
import { rejected as refusalOfPasskey } from '../passkey/confirm.ts';
import type { MetadataFile } from '../passkey/metadata-file.ts';
import { verifyRegistration } from '../passkey/registration.ts';
import { relyingPartyOfApp } from '../passkey/relying-party.ts';
import { enrolmentChallengeOf, type EnrolDependencies } from './enrol.ts';
import { passkeyKeyOf } from './passkey-key.ts';
import { kindOfRequest, recordRefusal, signedCall } from './signed-call.ts';
import { keepPasskey } from './store.ts';

export interface ConfirmDependencies extends EnrolDependencies {
  router: Router;
  metadata: Pick<MetadataFile, 'current'> | undefined;
}

const KIND = kindOfRequest(DEVICE_PATHS.confirm, ConfirmBody);

/**
 * Takes the passkey that the browser of a phone has made: from here on the phone approves nothing without it (DEV-34). Its owner is told.
 * @throws MfaError as `signedCall`; NOT_ALLOWED, PASSKEY_REJECTED, KEY_NOT_ACCEPTED, METADATA_UNAVAILABLE, REQUEST_INVALID (the phone has
 * another one), PRIMARY_UNAVAILABLE.
 */
export async function confirm(
  deps: ConfirmDependencies,
  { request: signed }: InputOf<typeof deviceConfirm>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof deviceConfirm>> {
  const { device, body, attemptId } = await signedCall(deps, signed, KIND, request, { fresh: true, changes: true });
  const { issuedAt, registration } = body;
  const { deviceId, userId } = device;
  const relyingParty = relyingPartyOfApp(deps.deviceUrl);
  if (relyingParty === undefined) throw new MfaError('NOT_ALLOWED', { reason: 'COUNTERSIGN_DEVICE_URL has no name' });
  const refuse = async (refusal: MfaError) => {
    await recordRefusal(deps, device, refusal.reason ?? refusal.code, request);
    return refusal;
  };
  if (Math.abs(deps.now() - issuedAt) > LONGEST_CEREMONY_SECONDS * 1000) {
    throw await refuse(
      new MfaError('PASSKEY_REJECTED', { detail: 'It took too long. Begin again.', reason: 'expired' }),
    );
  }
  const policy = { ...deps.policies.global().passkeys, userVerification: 'required' as const };
  const challenge = enrolmentChallengeOf(deps, device, issuedAt);
  const registered = await verifyRegistration({ relyingParty, challenge, policy }, registration, {
    metadata: deps.metadata?.current,
    now: deps.now(),
  });
  if ('refused' in registered) throw await refuse(refusalOf(registered.refused, registered.cause));
  const { passkey: made } = registered;
  const key = await passkeyKeyOf(made.publicKey);
  if (key === undefined) throw await refuse(new MfaError('PASSKEY_REJECTED', { reason: 'key' }));

  const credentialId = made.credentialId.toString('base64url');
  const keyThumbprint = await passkeyThumbprint(key);
  const at = deps.now();
  await deps.router.write((db) =>
    changeOnce(db, attemptId, async (transaction) => {
      const { backupEligible: isBackupEligible, aaguid, attestationFormat, attestedModel } = made;
      if (!(await keepPasskey(transaction, deviceId, { credentialId, key, isBackupEligible }))) return;
      await recordAdministration(transaction, {
        type: 'device.confirm',
        at,
        attemptId,
        actor: request.application.name,
        userId,
        detail: {
          deviceId,
          passkeyThumbprint: keyThumbprint,
          backupEligible: isBackupEligible,
          aaguid,
          attestationFormat,
          ...(attestedModel !== undefined && { attestedModel }),
        },
      });
      await recordNotices(transaction, { userId, kind: 'app-passkey.added', at });
    }),
  );
  deps.devices.lookAgain(device.keyThumbprint);
  return { credentialId, keyThumbprint };
}

/** What the portal says of its own, said of a phone's. */
function refusalOf(reason: string, cause: unknown): MfaError {
  // Another try makes the same kind again.
  if (reason === ('syncable' satisfies PasskeyRefusal)) return new MfaError('KEY_NOT_ACCEPTED', { reason });
  const refusal = refusalOfPasskey(reason, cause);
  return refusal.code === 'CODE_REJECTED' ? new MfaError('PASSKEY_REJECTED', { reason, cause }) : refusal;
}
