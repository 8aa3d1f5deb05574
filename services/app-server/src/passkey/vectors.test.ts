import { readFileSync } from 'node:fs';
import { DEFAULT_POLICY } from '@countersign/contracts';
import { expect, test } from 'vitest';
import { verifyAssertion } from './assertion.ts';
import { verifyRegistration } from './registration.ts';

interface Vector {
  name: string;
  registration: { challenge: string; credentialId: string; clientDataJSON: string; attestationObject: string };
  authentication: { challenge: string; authenticatorData: string; clientDataJSON: string; signature: string };
}

const { rpId, origin, vectors } = JSON.parse(
  readFileSync(new URL('../../../../tests/vectors/webauthn-level-3-section-16.json', import.meta.url), 'utf8'),
) as { rpId: string; origin: string; vectors: Vector[] };
const relyingParty = { id: rpId, origin };
// Some of the keys were not unlocked.
const policy = { ...DEFAULT_POLICY.passkeys, userVerification: 'preferred' } as const;
const bytes = (hex: string) => Buffer.from(hex, 'hex');
const text = (hex: string) => bytes(hex).toString('base64url');

/** Those that are right and that we do not take: framed pages, and algorithms that were not offered. */
const REFUSED: Readonly<Record<string, string>> = {
  'none-es256-crossOrigin': 'framed',
  'none-es256-topOrigin': 'framed',
  'packed-es384': 'invalid',
  'packed-es512': 'invalid',
  'packed-ed448': 'invalid',
};

function registered({ registration }: Vector) {
  const id = text(registration.credentialId);
  return verifyRegistration(
    { relyingParty, challenge: bytes(registration.challenge), policy },
    {
      id,
      rawId: id,
      type: 'public-key',
      response: {
        clientDataJSON: text(registration.clientDataJSON),
        attestationObject: text(registration.attestationObject),
      },
      clientExtensionResults: {},
    },
    { metadata: undefined, now: 0 },
  );
}

test('the vectors are read', () => {
  expect(vectors.map(({ name }) => name)).toEqual(expect.arrayContaining(['none-es256', ...Object.keys(REFUSED)]));
});

test.each(vectors.filter(({ name }) => name in REFUSED))('WEB-01, WEB-03: $name is refused', async (vector) => {
  expect(await registered(vector)).toMatchObject({ refused: REFUSED[vector.name] });
});

test.each(vectors.filter(({ name }) => !(name in REFUSED)))(
  'WEB-05: $name is enrolled and logs in, and not with another signature',
  async (vector) => {
    const outcome = await registered(vector);
    expect(outcome).toHaveProperty('passkey');
    if (!('passkey' in outcome)) return;
    const { passkey } = outcome;
    const { challenge, authenticatorData, clientDataJSON, signature } = vector.authentication;
    const id = passkey.credentialId.toString('base64url');
    const login = (signed: string) =>
      verifyAssertion(
        {
          relyingParty,
          challenge: bytes(challenge),
          userVerification: 'preferred',
          passkey: { ...passkey, passkeyId: 'p', userId: 'u', rpId, userHandle: Buffer.alloc(64), isAttested: false },
          discoverable: false,
        },
        {
          id,
          rawId: id,
          type: 'public-key',
          response: {
            clientDataJSON: text(clientDataJSON),
            authenticatorData: text(authenticatorData),
            signature: signed,
          },
          clientExtensionResults: {},
        },
      );
    expect(await login(text(signature))).toHaveProperty('asserted');
    const other = bytes(signature);
    other[other.length - 1] = (other.at(-1) ?? 0) ^ 1;
    expect(await login(other.toString('base64url'))).toMatchObject({ refused: 'invalid' });
  },
);
