import { importPublicKey, keyIdOfStatement, thumbprintOf } from '@countersign/device-protocol';
import type { Device } from './device.ts';

/** The key of the server that a statement says it is signed with, if it is one that this phone trusts. */
export async function trustedKeyOf(
  statement: unknown,
  keySet: Device['keySet'],
): Promise<{ publicKey: CryptoKey; keyId: string } | undefined> {
  const keyId = typeof statement === 'string' ? keyIdOfStatement(statement) : undefined;
  if (keyId === undefined) return undefined;
  for (const key of keySet.keys) {
    if ((await thumbprintOf(key)) !== keyId) continue;
    const publicKey = await importPublicKey(key);
    return publicKey === undefined ? undefined : { publicKey, keyId };
  }
  return undefined;
}
