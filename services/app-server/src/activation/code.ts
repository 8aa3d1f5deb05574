import { timingSafeEqual } from 'node:crypto';
import type { KeyRing } from '../keys/ring.ts';

const CODE_BYTES = 16;
/** As long as they are, guessing is bounded for each few of them, and not for all at once; see find.ts. */
const TYPED_DIGITS = 12;

/** The one-time code in the QR code: 128 bits, derived, so that a repeated attempt shows the same. @param challengeId of the enrolment. */
export function codeOf(ring: KeyRing, challengeId: string): string {
  return ring.mac('activation-code', challengeId).subarray(0, CODE_BYTES).toString('base64url');
}

export function isCode(ring: KeyRing, challengeId: string, code: string): boolean {
  const [given, wanted] = [Buffer.from(code), Buffer.from(codeOf(ring, challengeId))];
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

/** What somebody types who cannot scan. It leads to the code, and is guarded by how often anybody may try. */
export function typedCodeOf(ring: KeyRing, challengeId: string): string {
  const number = ring.mac('activation-typed', challengeId).readBigUInt64BE(0) % 10n ** BigInt(TYPED_DIGITS);
  return number.toString().padStart(TYPED_DIGITS, '0');
}

/** By which a typed code is found; the database holds no code. */
export function typedCodeMac(ring: KeyRing, typed: string): Buffer {
  return ring.mac('activation-typed-check', typed);
}
