import { acceptKeySet, importPublicKey, keyIdOfStatement, thumbprintOf } from '@countersign/device-protocol';
import type { Device } from './device.ts';
import { Problem } from './problem.ts';

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

/** Each set is signed by one before it. @throws Problem NOT_SIGNED when one does not fit, which breaks the chain. */
export async function followKeySets(
  trusted: Device['keySet'],
  statements: readonly unknown[],
): Promise<Device['keySet']> {
  let keySet = trusted;
  for (const statement of statements) {
    const next = typeof statement === 'string' ? await acceptKeySet(statement, keySet) : undefined;
    if (next === undefined) throw new Problem('NOT_SIGNED');
    keySet = { version: next.version, keys: next.keys };
  }
  return keySet;
}
