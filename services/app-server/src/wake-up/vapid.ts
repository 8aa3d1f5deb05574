import { createECDH } from 'node:crypto';
import type { VapidKeys } from 'web-push';
import type { KeyRing } from '../keys/ring.ts';

const PRIVATE_KEY_BYTES = 32;

/**
 * By which push services know this installation (RFC 8292). Derived, so that every replica has it and nobody has to keep it. Of 2^32 hashes
 * one is no key: then the next is taken.
 */
export function vapidKeysOf(ring: Pick<KeyRing, 'mac'>): VapidKeys {
  for (let nth = 0; ; nth += 1) {
    const ecdh = createECDH('prime256v1');
    try {
      ecdh.setPrivateKey(ring.mac('vapid', String(nth)));
    } catch {
      continue;
    }
    const privateKey = ecdh.getPrivateKey();
    const padded = Buffer.concat([Buffer.alloc(PRIVATE_KEY_BYTES - privateKey.length), privateKey]);
    return { publicKey: ecdh.getPublicKey().toString('base64url'), privateKey: padded.toString('base64url') };
  }
}
