import {
  DEVICE_PATHS,
  MfaError,
  RotateBody,
  type deviceRotate,
  type InputOf,
  type OutputOf,
} from '@countersign/contracts';
import { parsePublicKey, verifyRotation } from '@countersign/device-protocol';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, recordAdministration } from '../audit/administration.ts';
import type { Router } from '../database/router.ts';
import { recordNotices } from '../notice/record.ts';
import { kindOfRequest, recordRefusal, signedCall, type SignedCallDependencies } from './signed-call.ts';
import { keepKey } from './store.ts';

const KIND = kindOfRequest(DEVICE_PATHS.rotate, RotateBody);

/**
 * Puts a new key in place of the one that signs the request; the new one has signed that it takes its place (DEV-26). The owner is told:
 * whoever could use the key for a moment could put one of their own in its place (AAL-26).
 * @throws MfaError as `signedCall`; SIGNATURE_INVALID, REQUEST_INVALID, PRIMARY_UNAVAILABLE.
 */
export async function rotate(
  deps: SignedCallDependencies & { router: Router },
  { request: signed }: InputOf<typeof deviceRotate>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof deviceRotate>> {
  const { device, body, attemptId } = await signedCall(deps, signed, KIND, request, { fresh: true, changes: true });
  const { deviceId, userId, keyThumbprint: from } = device;
  const publicKey = parsePublicKey(body.key);
  const rotation =
    publicKey === undefined ? undefined : await verifyRotation(body.rotation, publicKey, { deviceId, from });
  if (publicKey === undefined || rotation === undefined) {
    await recordRefusal(deps, device, 'rotation', request);
    throw new MfaError('SIGNATURE_INVALID', {
      detail: 'The new key has not signed that it takes the place of this one.',
    });
  }
  const at = deps.now();
  await deps.router.write((db) =>
    changeOnce(db, attemptId, async (transaction) => {
      await keepKey(transaction, deviceId, { publicKey, keyThumbprint: rotation.to, replaces: from });
      await recordAdministration(transaction, {
        type: 'device.rotate',
        at,
        attemptId,
        actor: request.application.name,
        userId,
        detail: { deviceId, from, to: rotation.to },
      });
      await recordNotices(transaction, { userId, kind: 'app.changed', at });
    }),
  );
  deps.devices.forget(from);
  return { keyThumbprint: rotation.to };
}
