import { parseDictionary, type InnerList } from 'structured-headers';
import { expect, test } from 'vitest';
import rfc9421 from '../../../tests/vectors/rfc9421-appendix-b.json' with { type: 'json' };
import { ES256 } from './device-key.ts';
import { signatureBase } from './signature-base.ts';

/** How each kind of key of the appendix is imported. */
const IMPORTS = {
  EC: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  OKP: { name: 'Ed25519' },
  oct: { name: 'HMAC', hash: 'SHA-256' },
} as const;

function coveredBy(signatureInput: string): InnerList {
  return [...parseDictionary(signatureInput).values()][0] as InnerList;
}

test.each(rfc9421.vectors)(
  'RFC 9421 $section: the base is this, byte by byte',
  ({ components, signatureInput, base }) => {
    expect(signatureBase(coveredBy(signatureInput), Object.entries(components))).toBe(base);
  },
);

test.each(rfc9421.vectors)('RFC 9421 $section: the signature is of that base', async ({ base, key, signature }) => {
  const jwk = rfc9421.keys[key as keyof typeof rfc9421.keys];
  const algorithm = IMPORTS[jwk.kty as keyof typeof IMPORTS];
  const imported = await crypto.subtle.importKey('jwk', jwk, algorithm, false, ['verify']);
  const parameters = jwk.kty === 'EC' ? ES256 : algorithm;
  const bytes = new Uint8Array(Buffer.from(signature, 'base64'));

  expect(await crypto.subtle.verify(parameters, imported, bytes, new TextEncoder().encode(base))).toBe(true);
  expect(await crypto.subtle.verify(parameters, imported, bytes, new TextEncoder().encode(`${base} `))).toBe(false);
});

test.each([
  ['a component that is not there', 'a=("@method" "@path");keyid="k"', [['@method', 'GET']]],
  ['a component twice', 'a=("@method" "@method");keyid="k"', [['@method', 'GET']]],
  ['a component with a parameter', 'a=("@method";req);keyid="k"', [['@method', 'GET']]],
  ['a value that makes a line of its own', 'a=("@path");keyid="k"', [['@path', '/\n"@method": POST']]],
] as const)('no base for %s', (_, input, components) => {
  expect(signatureBase(coveredBy(input), components)).toBeUndefined();
});
