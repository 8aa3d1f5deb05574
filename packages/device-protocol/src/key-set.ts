import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { importPublicKey, thumbprintOf, type PublicKeyJwk } from './device-key.ts';
import { Instant } from './prompt.ts';
import { keyIdOfStatement, signStatement, verifyStatement, type StatementKey } from './statement.ts';

const Coordinate = Type.String({ pattern: '^[\\w-]{43}$' });
/** Public half of an ES256 key. That it is a point on the curve is for `importPublicKey`. */
export const PublicKey = Type.Object(
  { kty: Type.Literal('EC'), crv: Type.Literal('P-256'), x: Coordinate, y: Coordinate },
  { additionalProperties: false },
);

/** The keys that a server signs with, now and next. */
export const KeySet = Type.Object(
  {
    v: Type.Literal(1),
    /** One more with each change of the keys. */
    version: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
    at: Instant,
    keys: Type.Array(PublicKey, { minItems: 1, maxItems: 8 }),
  },
  { additionalProperties: false },
);
export type KeySet = Static<typeof KeySet>;

/** A set is signed by a key of the set before it: that is how a phone goes from the pinned key to the next. */
export function signKeySet(keySet: KeySet, key: StatementKey): Promise<string> {
  return signStatement('mfa-keys+jws', keySet, key);
}

/**
 * The set that a phone trusts from now on. Undefined, and the phone keeps what it has, unless a key that it trusts signed the new one, it is
 * the very next, and each of its keys is a point on the curve. So sets are a chain: a server keeps all of them, and gives a phone that was
 * away each that it missed, in order; and no stolen key can name a last one.
 */
export async function acceptKeySet(
  statement: string,
  trusted: { readonly version: number; readonly keys: readonly PublicKeyJwk[] },
): Promise<KeySet | undefined> {
  const keyId = keyIdOfStatement(statement);
  for (const jwk of trusted.keys) {
    if ((await thumbprintOf(jwk)) !== keyId) continue;
    const publicKey = await importPublicKey(jwk);
    if (publicKey === undefined) return undefined;
    const keySet = await verifyStatement('mfa-keys+jws', statement, { publicKey, keyId });
    if (!Value.Check(KeySet, keySet) || keySet.version !== trusted.version + 1) return undefined;
    return (await holdsKeysAlone(keySet)) ? keySet : undefined;
  }
  return undefined;
}

/** Whether each of its keys is one: a point on the curve, in its one spelling. */
export async function holdsKeysAlone({ keys }: KeySet): Promise<boolean> {
  const imported = await Promise.all(keys.map((key) => importPublicKey(key)));
  return imported.every((key) => key !== undefined);
}
