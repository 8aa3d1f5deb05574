import { DEVICE_PATHS, type deviceRemove, type InputOf, type OutputOf } from '@countersign/contracts';
import { Type } from 'typebox';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { remove as removeAuthenticator, type RemoveDependencies } from '../authenticator/remove.ts';
import { kindOfRequest, signedCall, type SignedCallDependencies } from './signed-call.ts';

const KIND = kindOfRequest(DEVICE_PATHS.remove, Type.Object({}, { additionalProperties: false }));

/** A phone takes itself away; it bites at once. @throws MfaError as `signedCall`; PRIMARY_UNAVAILABLE. */
export async function remove(
  deps: SignedCallDependencies & RemoveDependencies,
  { request: signed }: InputOf<typeof deviceRemove>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof deviceRemove>> {
  const { device, attemptId } = await signedCall(deps, signed, KIND, request, { fresh: true });
  const { userId, deviceId } = device;
  await removeAuthenticator(deps, { userId, authenticatorId: deviceId }, { ...request, attemptId });
  return { deviceId };
}
