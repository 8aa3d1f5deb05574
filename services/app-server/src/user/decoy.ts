import { uuidFrom } from '@countersign/contracts';
import type { KeyRing } from '../keys/ring.ts';

/** The id under which a name that nobody has is asked, and pays for its tries, as a user's would be (R21). */
export function decoyIdOf(ring: Pick<KeyRing, 'mac'>, canonical: string): string {
  return uuidFrom(ring.mac('decoy', canonical));
}
