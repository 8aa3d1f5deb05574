import type { KeyRing } from '../keys/ring.ts';

/** As it is kept: of one user, so that the same code of another is another. */
export function accessCodeMac(ring: KeyRing, userId: string, secret: string): string {
  return ring.mac('access-code', userId, secret).subarray(0, 16).toString('base64url');
}
