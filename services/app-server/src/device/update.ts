import {
  DEVICE_PATHS,
  MfaError,
  UpdateBody,
  type deviceUpdate,
  type InputOf,
  type OutputOf,
} from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, recordAdministration } from '../audit/administration.ts';
import { setLabel } from '../authenticator/store.ts';
import type { Router } from '../database/router.ts';
import type { KeyRing } from '../keys/ring.ts';
import { readEndpoint } from '../wake-up/web-push.ts';
import { kindOfRequest, signedCall, type SignedCallDependencies } from './signed-call.ts';
import { keepPush, pushAt } from './store.ts';

const KIND = kindOfRequest(DEVICE_PATHS.update, UpdateBody);

/** What a phone is called, and how it is woken. @throws MfaError as `signedCall`; REQUEST_INVALID, PRIMARY_UNAVAILABLE. */
export async function update(
  deps: SignedCallDependencies & { router: Router; ring: KeyRing; pushHosts: readonly string[] },
  { request: signed }: InputOf<typeof deviceUpdate>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof deviceUpdate>> {
  const { device, body, attemptId } = await signedCall(deps, signed, KIND, request, { fresh: true, changes: true });
  const { deviceId, userId } = device;
  const { label, push } = body;
  if (push !== undefined && push !== null && 'refused' in readEndpoint(push.endpoint, deps.pushHosts)) {
    const message = 'is no push service that this server would call';
    throw new MfaError('REQUEST_INVALID', { invalid: [{ pointer: '/push/endpoint', message }] });
  }
  await deps.router.write((db) =>
    changeOnce(db, attemptId, async (transaction) => {
      const isThere = label === undefined || (await setLabel(transaction, userId, deviceId, label));
      if (!isThere) throw new MfaError('DEVICE_UNKNOWN');
      if (push !== undefined) {
        const sealed = push === null ? null : deps.ring.seal(Buffer.from(JSON.stringify(push)), pushAt(deviceId));
        if (!(await keepPush(transaction, deviceId, sealed))) throw new MfaError('DEVICE_UNKNOWN');
      }
      await recordAdministration(transaction, {
        type: 'device.update',
        at: deps.now(),
        attemptId,
        actor: request.application.name,
        userId,
        // Where a phone can be woken is nobody's business.
        detail: {
          deviceId,
          ...(label !== undefined && { label }),
          ...(push !== undefined && { wakeUps: push !== null }),
        },
      });
    }),
  );
  return { label: label ?? device.label };
}
