import type { Algorithm, CodeParameters } from './otpauth.ts';

const HASHES = { SHA1: 'SHA-1', SHA256: 'SHA-256', SHA512: 'SHA-512' } as const satisfies Record<Algorithm, string>;

/** The seed, in a form that computes codes and cannot be read out. */
export function importSeed(secret: Uint8Array<ArrayBuffer>, algorithm: Algorithm): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: HASHES[algorithm] }, false, ['sign']);
}

/** @see RFC 4226 section 5.3 */
export async function hotp(key: CryptoKey, counter: number, digits: number): Promise<string> {
  const message = new DataView(new ArrayBuffer(8));
  message.setBigUint64(0, BigInt(counter));
  const hash = new DataView(await crypto.subtle.sign('HMAC', key, message.buffer));
  const offset = hash.getUint8(hash.byteLength - 1) & 0x0f;
  const number = hash.getUint32(offset) & 0x7fffffff;
  return String(number % 10 ** digits).padStart(digits, '0');
}

export interface Code {
  readonly code: string;
  /** Until the next one. */
  readonly leftSeconds: number;
}

/** @param nowMs by a clock that is right. @see RFC 6238 section 4 */
export async function totp(
  key: CryptoKey,
  { digits, periodSeconds }: Pick<CodeParameters, 'digits' | 'periodSeconds'>,
  nowMs: number,
): Promise<Code> {
  const seconds = Math.floor(nowMs / 1000);
  const code = await hotp(key, Math.floor(seconds / periodSeconds), digits);
  return { code, leftSeconds: periodSeconds - (seconds % periodSeconds) };
}
