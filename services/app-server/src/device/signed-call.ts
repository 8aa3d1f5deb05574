import { createHash, hash, verify, type KeyObject } from 'node:crypto';
import { compileValidator } from '@countersign/bus';
import { MfaError, type SignedRequest } from '@countersign/contracts';
import { isFresh, parseSignature, verifyRequest, type RequestCryptography } from '@countersign/device-protocol';
import type { Static, TSchema } from 'typebox';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Trail } from '../audit/trail.ts';
import { barredReason } from '../challenge/decide.ts';
import { isRemoved, type UserState } from '../challenge/state.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import type { Devices } from './devices.ts';
import type { Nonces } from './nonces.ts';
import type { RequestRates } from './request-rates.ts';
import type { Device } from './store.ts';

export interface SignedCallDependencies {
  devices: Devices;
  rates: RequestRates;
  nonces: Nonces;
  ledger: UserLedger;
  trail: Trail;
  now: () => number;
}

/** A request that this phone made, now and once. */
export interface SignedCall<Body> {
  device: Device;
  body: Body;
  /** Of the request: what we answer is bound to it. */
  nonce: string;
  /** Names what the request does for ever: repeated by the edge it is the same, and no edge can name it otherwise. */
  attemptId: string;
  /** As one look showed it, a moment ago. */
  state: UserState;
}

/** One kind of request: where a phone sends it, and what it says. */
export interface Kind<S extends TSchema> {
  path: string;
  readBody: (text: string) => Static<S>;
}

/** @param path as phones sign it, so that a request for one thing is never taken for another, whatever an edge makes of it. */
export function kindOfRequest<S extends TSchema>(path: string, schema: S): Kind<S> {
  const validate = compileValidator(schema);
  const readBody = (text: string) => {
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch {
      throw new MfaError('REQUEST_INVALID', { detail: 'The body is no JSON.' });
    }
    const invalid = validate(body);
    if (invalid !== undefined) throw new MfaError('REQUEST_INVALID', { invalid });
    return body as Static<S>;
  };
  return { path, readBody };
}

/**
 * Whose request it is: the signature of a key that is enrolled, over exactly this request, made now, and never seen before (DEV-20 to
 * DEV-23). What a phone that we know is refused for is audited: it may be somebody between.
 * @param options.fresh the device is read from Postgres, if a node answers, and not from memory: for what changes something.
 * @param options.changes it changes the device, which a phone does now and then, and none of whom is blocked: it may have been stolen, and
 * would be the thief's still after it was found.
 * @throws MfaError SIGNATURE_INVALID, CLOCK_WRONG, DEVICE_UNKNOWN, REPLAYED, REQUEST_INVALID, UNAVAILABLE; TRY_LATER for a phone that asks
 * without end; USER_DISABLED.
 */
export async function signedCall<S extends TSchema>(
  deps: SignedCallDependencies,
  signed: SignedRequest,
  kind: Kind<S>,
  request: AuthorisedRequest,
  options: { fresh?: boolean; changes?: boolean } = {},
): Promise<SignedCall<Static<S>>> {
  const signature = parseSignature({ 'signature-input': signed.signatureInput, signature: signed.signature }, true);
  if (signature === undefined || signed.path !== kind.path) throw new MfaError('SIGNATURE_INVALID', { reason: 'form' });
  if (!isFresh(signature, Math.floor(deps.now() / 1000))) throw new MfaError('CLOCK_WRONG');
  const { keyId, nonce } = signature;
  const device = await deps.devices.byThumbprint(keyId, options);
  if (device === undefined) throw new MfaError('DEVICE_UNKNOWN');

  const refuse = async (
    code: 'SIGNATURE_INVALID' | 'REPLAYED' | 'DEVICE_UNKNOWN' | 'USER_DISABLED',
    reason: string,
  ) => {
    await recordRefusal(deps, device, code, request);
    return new MfaError(code, { reason });
  };
  const { method, authority, path, query, contentDigest } = signed;
  const body = new TextEncoder().encode(signed.body);
  const key = cryptographyOf(device.verifyingKey);
  const isTheirs = await verifyRequest({ method, authority, path, query, body }, signature, contentDigest, key);
  if (!isTheirs) throw await refuse('SIGNATURE_INVALID', 'signature');
  deps.rates.request(device.deviceId);
  if (options.changes === true) deps.rates.change(device.deviceId);

  // At once: a look does nothing, and is thrown away where the nonce was taken.
  const [isFirst, state] = await Promise.all([
    deps.nonces.claim(keyId, nonce, request.attemptId),
    deps.ledger.peek(device.userId),
  ]);
  if (!isFirst) throw await refuse('REPLAYED', 'nonce');
  if (isRemoved(state, device.deviceId)) throw await refuse('DEVICE_UNKNOWN', 'removed');
  if (options.changes === true && barredReason(state) !== undefined) throw await refuse('USER_DISABLED', 'barred');
  const attemptId = createHash('sha256').update(`device.request ${keyId} ${nonce}`).digest('base64url');
  return { device, body: kind.readBody(signed.body), nonce, attemptId, state };
}

/** Node's own, on this thread: a way to another and back costs more than what is to be done there. */
function cryptographyOf(key: KeyObject): RequestCryptography {
  return {
    sha256: (bytes) => hash('sha256', bytes, 'buffer'),
    verify: (signature, text) => verify('sha256', text, { key, dsaEncoding: 'ieee-p1363' }, signature),
  };
}

/** Of a phone that is enrolled, and so known to somebody; strangers leave no row. */
export async function recordRefusal(
  { devices, trail, now }: Pick<SignedCallDependencies, 'devices' | 'trail' | 'now'>,
  { deviceId, userId }: Pick<Device, 'deviceId' | 'userId'>,
  reason: string,
  { attemptId, traceId }: AuthorisedRequest,
  more: { challengeId?: string; applicationId?: string } = {},
): Promise<void> {
  if (!devices.isNews(deviceId, reason)) return;
  await trail.record({
    type: 'device.refused',
    at: now(),
    attemptId,
    userId,
    method: 'app',
    reason,
    traceId,
    ...more,
    detail: { deviceId },
  });
}
