import { DEVICE_PATHS, PollBody, type devicePoll, type InputOf, type OutputOf } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { kindOfRequest, signedCall, type SignedCallDependencies } from './signed-call.ts';
import { tell, type TellDependencies } from './tell.ts';

const KIND = kindOfRequest(DEVICE_PATHS.poll, PollBody);

/**
 * The logins that wait for a phone. Answered at once: where it is to wait, the edge keeps it waiting and asks again (`look.ts`), so that
 * neither a place nor a replica is tied to it.
 * @throws MfaError as `signedCall` and `tell`.
 */
export async function poll(
  deps: SignedCallDependencies & TellDependencies,
  { request: signed }: InputOf<typeof devicePoll>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof devicePoll>> {
  const { device, body, nonce, state } = await signedCall(deps, signed, KIND, request);
  const { deviceId, userId } = device;
  const { keySet, wait, known = [] } = body;
  await deps.phoneKeys.catchUpWith(keySet);
  return tell(deps, { deviceId, userId, keySet, nonce, known, until: deps.now() + wait * 1000 }, state);
}
