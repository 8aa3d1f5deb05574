import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { base32Decode } from './base32.ts';
import { otpauthUri } from './otpauth-uri.ts';
import type { TotpParameters } from './totp.ts';

type Golden = Omit<TotpParameters, 'secret'> & { issuer: string; account: string; secretAscii: string; uri: string };
const { vectors } = JSON.parse(
  readFileSync(new URL('../../../tests/vectors/otpauth-uri.json', import.meta.url), 'utf8'),
) as { vectors: Golden[] };

const anna = {
  issuer: 'Countersign',
  account: 'anna',
  secret: Buffer.from('12345678901234567890'),
  algorithm: 'SHA1',
  digits: 6,
  periodSeconds: 30,
} as const;

test('there are golden strings', () => {
  expect(vectors.length).toBeGreaterThanOrEqual(9);
});

test.each(vectors)('OATH-60: $uri', ({ uri, secretAscii, ...enrolment }) => {
  expect(otpauthUri({ ...enrolment, secret: Buffer.from(secretAscii) })).toBe(uri);
});

test('OATH-28: the default has no parameters but secret and issuer', () => {
  expect([...new URL(otpauthUri(anna)).searchParams.keys()]).toEqual(['secret', 'issuer']);
});

test('OATH-60: whatever issuer and account hold, an app reads back what was written', () => {
  const name = fc
    .string({ unit: 'binary', minLength: 1 })
    .filter((text) => !/[:\p{Cc}]/u.test(text) && text.trim() !== '');
  fc.assert(
    fc.property(name, name, fc.uint8Array({ minLength: 16, maxLength: 64 }), (issuer, account, secret) => {
      const uri = otpauthUri({ ...anna, issuer, account, secret });
      const [, label, query] = /^otpauth:\/\/totp\/([^?#]+)\?([^#]+)$/.exec(uri) ?? [];
      expect(label?.split(':').map(decodeURIComponent)).toEqual([issuer, account]);
      const parameters = new Map(query?.split('&').map((pair) => pair.split('=') as [string, string]));
      expect(decodeURIComponent(parameters.get('issuer') ?? '')).toBe(issuer);
      expect(base32Decode(parameters.get('secret') ?? '')).toEqual(secret);
    }),
  );
});

test.each([
  ['a colon', 'a:b'],
  ['nothing', ''],
  ['only spaces', '  '],
  ['a line feed', 'a\nb'],
  ['NUL', 'a\0'],
  ['a lone surrogate', 'a\uD800'],
])('OATH-60: %s is refused in the issuer and in the account', (_, text) => {
  expect(() => otpauthUri({ ...anna, issuer: text })).toThrow(RangeError);
  expect(() => otpauthUri({ ...anna, account: text })).toThrow(RangeError);
});

test('OATH-03: a secret under 128 bits gets no URI', () => {
  expect(() => otpauthUri({ ...anna, secret: anna.secret.subarray(0, 15) })).toThrow(RangeError);
});
