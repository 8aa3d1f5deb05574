import { timingSafeEqual } from 'node:crypto';
import type { KeyRing } from '../keys/ring.ts';

const MAC_BYTES = 16;

/**
 * The code of the n-th message of a challenge. Derived with a keyed hash, as HOTP derives its codes (RFC 4226 section 5), so
 * that a repeated attempt on another replica sends the same code and not a second one.
 * @param digits 6 to 10.
 * @param sends 1 for the first message.
 */
export function codeFor(ring: KeyRing, challengeId: string, sends: number, digits: number): string {
  // 64 bits against at most 10^10 values: the bias is under 1 in 10^9.
  const number = ring.mac('sms-code', challengeId, String(sends)).readBigUInt64BE(0) % 10n ** BigInt(digits);
  return number.toString().padStart(digits, '0');
}

/** What the ledger keeps of a code: a keyed hash that fits this challenge and this message only (KEY-10, INV-3). */
export function codeMacFor(ring: KeyRing, challengeId: string, sends: number, code: string): string {
  return ring.mac('sms-code-check', challengeId, String(sends), code).subarray(0, MAC_BYTES).toString('base64url');
}

const NEVER_RIGHT = Buffer.alloc(MAC_BYTES);

/** Whether a code is the one that was sent. The same work is done when nothing was sent (R21). */
export function isCodeSent(
  ring: KeyRing,
  challengeId: string,
  challenge: { sends: number; codeMac?: string },
  code: string,
): boolean {
  const given = ring.mac('sms-code-check', challengeId, String(challenge.sends), code).subarray(0, MAC_BYTES);
  const sent = challenge.codeMac === undefined ? NEVER_RIGHT : Buffer.from(challenge.codeMac, 'base64url');
  return sent.length === MAC_BYTES && timingSafeEqual(given, sent) && challenge.codeMac !== undefined;
}
