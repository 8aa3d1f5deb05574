import type { KeyRing } from '../keys/ring.ts';

/** 192 bits, in 32 characters that every product takes. */
const SECRET_BYTES = 24;

/** The same attempt makes the same secret, so that a repeated request can be told it again (INV-21). */
export function secretOfAttempt(ring: Pick<KeyRing, 'mac'>, attemptId: string): string {
  return ring.mac('radius-secret', attemptId).subarray(0, SECRET_BYTES).toString('base64url');
}
