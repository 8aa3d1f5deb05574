import {
  DEVICE_PATHS,
  ForgetBody,
  MfaError,
  type deviceForget,
  type InputOf,
  type OutputOf,
} from '@countersign/contracts';
import { removalChallenge } from '@countersign/device-protocol';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, recordAdministration } from '../audit/administration.ts';
import type { Router } from '../database/router.ts';
import { recordNotices } from '../notice/record.ts';
import { LONGEST_CEREMONY_SECONDS } from '../passkey/challenge.ts';
import { heldPasskey, type HeldPasskeyDependencies } from './held-passkey.ts';
import { kindOfRequest, recordRefusal, signedCall, type SignedCallDependencies } from './signed-call.ts';
import { forgetPasskey } from './store.ts';

const KIND = kindOfRequest(DEVICE_PATHS.forget, ForgetBody);

/**
 * Takes the passkey of a phone away. The passkey itself says so: whoever has no more than the key of the phone must not be able to. One
 * that is lost goes with its phone, at the portal. Said again, it is answered as it was.
 * @throws MfaError as `signedCall`; PASSKEY_REJECTED, PRIMARY_UNAVAILABLE.
 */
export async function forget(
  deps: SignedCallDependencies & HeldPasskeyDependencies & { router: Router },
  { request: signed }: InputOf<typeof deviceForget>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof deviceForget>> {
  const { device, body, attemptId } = await signedCall(deps, signed, KIND, request, { fresh: true, changes: true });
  const { deviceId, userId } = device;
  const { at, passkey: assertion } = body;
  const { credentialId } = assertion;
  const challenge = await removalChallenge({ v: 1, deviceId, forget: credentialId, at });
  const isLate = Math.abs(deps.now() - at) > LONGEST_CEREMONY_SECONDS * 1000;
  const held = isLate ? { refused: 'expired' } : await heldPasskey(deps, device, assertion, challenge);
  if ('refused' in held) {
    if (held.refused === 'passkey_none') return { deviceId };
    await recordRefusal(deps, device, held.refused, request);
    throw new MfaError('PASSKEY_REJECTED', { reason: held.refused });
  }
  await deps.router.write((db) =>
    changeOnce(db, attemptId, async (transaction) => {
      if (!(await forgetPasskey(transaction, deviceId, credentialId))) return;
      await recordAdministration(transaction, {
        type: 'device.forget',
        at: deps.now(),
        attemptId,
        actor: request.application.name,
        userId,
        detail: { deviceId },
      });
      await recordNotices(transaction, { userId, kind: 'app-passkey.removed', at: deps.now() });
    }),
  );
  deps.devices.lookAgain(device.keyThumbprint);
  return { deviceId };
}
