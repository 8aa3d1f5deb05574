import { DEVICE_PATHS } from '@countersign/contracts/device-paths';
import { signRequest } from '@countersign/device-protocol';
import type { Device, DeviceKey } from './device.ts';
import { post, type Outside } from './post.ts';
import { codeOf, Problem, type ProblemCode } from './problem.ts';

const NONCE_BYTES = 16;
/** A poll waits up to 25 s by itself. */
const POLL_TIMEOUT_MS = 40_000;
/** What a server says to a key that it does not know, or not any more. */
const OF_OTHER_KEYS: ReadonlySet<string> = new Set<ProblemCode>(['DEVICE_UNKNOWN', 'SIGNATURE_INVALID']);

export interface SignedCall {
  readonly device: Device;
  readonly call: keyof typeof DEVICE_PATHS;
  readonly body: object;
  /** What the phone's clock is behind by. */
  readonly clockOffsetMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface SignedAnswer {
  readonly answer: Readonly<Record<string, unknown>>;
  /** Of the request: the server's statements name it. */
  readonly nonce: string;
  /** With the key that the server knows. */
  readonly device: Device;
  /** With which it was taken. Unless a signed statement bears it out, good for this request alone. */
  readonly clockOffsetMs: number;
}

/**
 * Asks as this phone. Of two keys the one is tried that the server knows.
 * @throws Problem.
 */
export async function callSigned(outside: Outside, call: SignedCall): Promise<SignedAnswer> {
  const { device } = call;
  try {
    return await callInTime(outside, call, device.key);
  } catch (error) {
    if (device.nextKey === undefined || !OF_OTHER_KEYS.has(codeOf(error))) throw error;
    const { nextKey, ...rest } = device;
    return callInTime(outside, { ...call, device: { ...rest, key: nextKey } }, nextKey);
  }
}

/**
 * Once more by the server's clock, when the phone's own is said to be wrong; once more in other words, when the browser has sent the
 * request twice, as it may when a connection ends under it.
 */
async function callInTime(outside: Outside, call: SignedCall, key: DeviceKey): Promise<SignedAnswer> {
  try {
    return await callOnce(outside, call, key);
  } catch (error) {
    const { code, serverMs } = error instanceof Problem ? error : new Problem('INTERNAL');
    if (code === 'REPLAYED') return callOnce(outside, call, key);
    if (code !== 'CLOCK_WRONG' || serverMs === undefined) throw error;
    return callOnce(outside, { ...call, clockOffsetMs: serverMs - outside.nowMs() }, key);
  }
}

async function callOnce(outside: Outside, call: SignedCall, key: DeviceKey): Promise<SignedAnswer> {
  const { device, clockOffsetMs, signal } = call;
  const path = DEVICE_PATHS[call.call];
  const body = JSON.stringify(call.body);
  const nonce = base64url(outside.randomBytes(NONCE_BYTES));
  const { 'content-digest': digest = '', ...signature } = await signRequest(
    { method: 'POST', authority: new URL(device.server).host, path, query: '?', body: new TextEncoder().encode(body) },
    {
      privateKey: key.privateKey,
      keyId: key.thumbprint,
      createdAt: Math.floor((outside.nowMs() + clockOffsetMs) / 1000),
      nonce,
    },
  );
  const headers = { ...signature, 'content-digest': digest };
  const answer = await post(outside, {
    address: device.server + path,
    body,
    headers,
    signal,
    ...(call.call === 'poll' && { timeoutMs: POLL_TIMEOUT_MS }),
  });
  return { answer: answer as Readonly<Record<string, unknown>>, nonce, device, clockOffsetMs };
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}
