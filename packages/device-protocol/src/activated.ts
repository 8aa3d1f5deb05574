import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { importPublicKey, thumbprintOf } from './device-key.ts';
import { holdsKeysAlone, KeySet } from './key-set.ts';
import { Hash, Id, Instant } from './prompt.ts';
import { ShownText } from './shown-text.ts';
import { signStatement, unprovenValue, verifyStatement, type StatementKey } from './statement.ts';

/** What a server answers to an activation: from here on the phone is this device, and trusts these keys. */
export const Activated = Type.Object(
  {
    v: Type.Literal(1),
    activationId: Id,
    deviceId: Id,
    /** Of the device key: the answer to this phone and no other. */
    keyThumbprint: Hash,
    keySet: KeySet,
    /** Names to show. */
    organisation: ShownText({ minLength: 1, maxLength: 128 }),
    user: ShownText({ maxLength: 1024 }),
    at: Instant,
  },
  { additionalProperties: false },
);
export type Activated = Static<typeof Activated>;

/** @throws TypeError for what phones would refuse. */
export async function signActivated(activated: Activated, key: StatementKey): Promise<string> {
  if (!Value.Check(Activated, activated)) throw new TypeError('an activation that no phone would accept');
  return signStatement('mfa-activated+jws', activated, key);
}

/**
 * What a phone keeps of its activation. Undefined unless the key that the QR code pinned is one of the set and signed it, for exactly the
 * expected activation and device key, and each key of the set is a point on the curve: so whoever stands between cannot put their own keys
 * in place of the server's.
 */
export async function verifyActivated(
  statement: string,
  expected: Pick<Activated, 'activationId' | 'keyThumbprint'> & { readonly serverKeyThumbprint: string },
): Promise<Activated | undefined> {
  const { serverKeyThumbprint: keyId } = expected;
  const pinned = await pinnedKey(statement, keyId);
  const publicKey = pinned === undefined ? undefined : await importPublicKey(pinned);
  if (publicKey === undefined) return undefined;
  const activated = await verifyStatement('mfa-activated+jws', statement, { publicKey, keyId });
  if (!Value.Check(Activated, activated)) return undefined;
  const isExpected =
    activated.activationId === expected.activationId && activated.keyThumbprint === expected.keyThumbprint;
  return isExpected && (await holdsKeysAlone(activated.keySet)) ? activated : undefined;
}

/** The pin is a hash of the key, so that a key that has it can be taken from the statement before anything of that is proven. */
async function pinnedKey(statement: string, keyId: string) {
  const unproven = unprovenValue(statement);
  if (!Value.Check(Activated, unproven)) return undefined;
  for (const jwk of unproven.keySet.keys) {
    if ((await thumbprintOf(jwk)) === keyId) return jwk;
  }
  return undefined;
}
