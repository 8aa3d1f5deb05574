import { generateKeyPairSync, sign, createHash, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalHash } from './canonical.ts';
import { removalChallenge, importPasskeyKey, verifyPasskey, type PasskeyKey } from './passkey.ts';

const origin = 'https://phones.example.com';
const challenge = 'c'.repeat(43);
const sha256 = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest();

/** @param digest of the signature; null: the algorithm has its own. */
function signed(privateKey: KeyObject, digest: 'sha256' | null, flags = 0x0d) {
  const client = Buffer.from(JSON.stringify({ type: 'webauthn.get', challenge, origin }));
  const data = Buffer.concat([sha256('phones.example.com'), Buffer.from([flags]), Buffer.alloc(4)]);
  const signature = sign(digest, Buffer.concat([data, sha256(client)]), { key: privateKey, dsaEncoding: 'der' });
  return {
    clientDataJSON: client.toString('base64url'),
    authenticatorData: data.toString('base64url'),
    signature: signature.toString('base64url'),
  };
}

function jwkOf(publicKey: KeyObject): PasskeyKey {
  return publicKey.export({ format: 'jwk' }) as unknown as PasskeyKey;
}

describe('the keys that authenticators make', () => {
  test.each([
    ['ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' }), 'sha256'],
    ['RS256', generateKeyPairSync('rsa', { modulusLength: 2048 }), 'sha256'],
    ['Ed25519', generateKeyPairSync('ed25519'), null],
  ] as const)('%s is taken, and not with another signature', async (_, { privateKey, publicKey }, digest) => {
    const asked = { key: jwkOf(publicKey), origin, challenge };
    const assertion = signed(privateKey, digest);
    expect(await verifyPasskey(assertion, asked)).toEqual({ outcome: 'verified', isBackupEligible: true });
    const spoiled = { ...assertion, signature: assertion.signature.replace(/.{4}$/, 'AAAA') };
    expect(await verifyPasskey(spoiled, asked)).toEqual({ outcome: 'refused', reason: 'passkey_not_signed' });
  });

  test.each([
    ['another curve', jwkOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey)],
    ['a short RSA key', jwkOf(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey)],
    ['a private key', generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })],
    ['nothing', undefined],
  ])('%s is none', async (_, key) => {
    expect(await importPasskeyKey(key)).toBeUndefined();
  });
});

test('numbers of a signature that begin with zeros are read as they are', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const asked = { key: jwkOf(publicKey), origin, challenge };
  const lengths = new Set<number>();
  for (let made = 0; made < 300; made += 1) {
    const assertion = signed(privateKey, 'sha256');
    lengths.add(Buffer.from(assertion.signature, 'base64url').length);
    expect(await verifyPasskey(assertion, asked)).toMatchObject({ outcome: 'verified' });
  }
  expect(lengths.size).toBeGreaterThan(2);
});

test.each<[string, (der: Buffer) => number[]]>([
  ['a zero more before a number', (der) => [0x30, der.length - 1, 0x02, (der[3] ?? 0) + 1, 0, ...der.subarray(4)]],
  ['a byte more after both', (der) => [0x30, der.length - 1, ...der.subarray(2), 0]],
  ['a length in two bytes', (der) => [0x30, 0x81, der.length - 2, ...der.subarray(2)]],
])('a signature has one spelling: %s is another', async (_, spell) => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const derOf = ({ signature }: { signature: string }) => Buffer.from(signature, 'base64url');
  let assertion = signed(privateKey, 'sha256');
  // Its first number takes all of its bytes, and no zero before them.
  while (derOf(assertion)[3] !== 32) assertion = signed(privateKey, 'sha256');
  const signature = Buffer.from(spell(derOf(assertion))).toString('base64url');
  const asked = { key: jwkOf(publicKey), origin, challenge };
  expect(await verifyPasskey({ ...assertion, signature }, asked)).toMatchObject({ reason: 'passkey_not_signed' });
});

test('the challenge of a removal is the hash of its canonical form', async () => {
  const removal = { v: 1, deviceId: 'device-0123456789', forget: 'AAAA', at: 5 } as const;
  expect(await removalChallenge(removal)).toBe(await canonicalHash(removal));
});

test('whatever it is, it is refused, and nothing throws', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const asked = { key: jwkOf(publicKey), origin, challenge };
  const right = signed(privateKey, 'sha256');
  const member = fc.constantFrom(...Object.keys(right));
  const bytes = fc.uint8Array({ maxLength: 120 }).map((some) => Buffer.from(some).toString('base64url'));
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.jsonValue(), bytes), member, async (value, name) => {
      expect(await verifyPasskey(value, asked)).toMatchObject({ outcome: 'refused' });
      expect(await verifyPasskey({ ...right, [name]: value }, asked)).toMatchObject({ outcome: 'refused' });
    }),
  );
});
