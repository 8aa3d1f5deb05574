import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { importPublicKey, thumbprintOf, type PublicKeyJwk } from './device-key.ts';
import { Hash, Id, Instant } from './prompt.ts';
import { signStatement, verifyStatement } from './statement.ts';

/** A new key's word that it takes the place of the old one, which signs the request that carries this. */
export const Rotation = Type.Object(
  { v: Type.Literal(1), deviceId: Id, from: Hash, to: Hash, at: Instant },
  { additionalProperties: false },
);
export type Rotation = Static<typeof Rotation>;

/** @param privateKey of the new key. */
export function signRotation(rotation: Rotation, privateKey: CryptoKey): Promise<string> {
  return signStatement('mfa-rotation+jws', rotation, { privateKey, keyId: rotation.to });
}

/**
 * Undefined unless the private half of the new key signed it, for this device and its key of now, and the new key is another one. How old it
 * may be is said by the request that carries it.
 * @param key the new one, as the phone sent it. Its thumbprint is made here, so that nobody claims the name of another key.
 */
export async function verifyRotation(
  statement: string,
  key: PublicKeyJwk,
  expected: Pick<Rotation, 'deviceId' | 'from'>,
): Promise<Rotation | undefined> {
  const publicKey = await importPublicKey(key);
  if (publicKey === undefined) return undefined;
  const keyId = await thumbprintOf(key);
  const rotation = await verifyStatement('mfa-rotation+jws', statement, { publicKey, keyId });
  if (!Value.Check(Rotation, rotation)) return undefined;
  const isExpected =
    rotation.to === keyId && rotation.from === expected.from && rotation.deviceId === expected.deviceId;
  return isExpected && rotation.from !== rotation.to ? rotation : undefined;
}
