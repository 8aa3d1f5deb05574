import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { OtpAlgorithm, OtpDigits } from './algorithm.ts';
import { hotp } from './hotp.ts';
import { nodeHmac } from './node-hmac.ts';

interface AppendixD {
  secretAscii: string;
  algorithm: OtpAlgorithm;
  digits: OtpDigits;
  vectors: { counter: number; hmacHex: string; truncated: number; code: string }[];
}
const rfc4226 = JSON.parse(
  readFileSync(new URL('../../../tests/vectors/rfc4226-appendix-d.json', import.meta.url), 'utf8'),
) as AppendixD;
const secret = Buffer.from(rfc4226.secretAscii, 'ascii');
const options = { algorithm: 'SHA1', digits: 6 } as const;

describe('RFC 4226 appendix D (OATH-01)', () => {
  test('the file holds the ten counters of the RFC', () => {
    expect(rfc4226.vectors.map(({ counter }) => counter)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test.each(rfc4226.vectors)('counter $counter gives $code', ({ counter, hmacHex, truncated, code }) => {
    const movingFactor = Buffer.alloc(8);
    movingFactor.writeBigUInt64BE(BigInt(counter));
    expect(Buffer.from(nodeHmac.hmac('sha1', secret, movingFactor) as Uint8Array).toString('hex')).toBe(hmacHex);
    expect(hotp(secret, counter, rfc4226)).toBe(code);
    expect(hotp(secret, BigInt(counter), rfc4226)).toBe(code);
    expect(hotp(secret, counter, { ...options, digits: 8 })).toBe(String(truncated % 1e8).padStart(8, '0'));
  });
});

test('OATH-02: a code always has its digits, leading zeros included, and the shorter code is the tail of the longer', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 16, maxLength: 64 }),
      fc.nat({ max: Number.MAX_SAFE_INTEGER }),
      fc.constantFrom<OtpAlgorithm>('SHA1', 'SHA256', 'SHA512'),
      (anySecret, counter, algorithm) => {
        const [six, seven, eight] = ([6, 7, 8] as const).map((digits) =>
          hotp(anySecret, counter, { algorithm, digits }),
        );
        expect(eight).toMatch(/^[0-9]{8}$/);
        expect(seven).toBe(eight?.slice(1));
        expect(six).toBe(eight?.slice(2));
      },
    ),
  );
  const withZeros = Array.from({ length: 2000 }, (_, counter) => hotp(secret, counter, options)).filter((code) =>
    code.startsWith('00'),
  );
  expect(withZeros.length).toBeGreaterThan(0);
  expect(withZeros.every((code) => code.length === 6)).toBe(true);
});

test.each([
  ['a negative counter', -1],
  ['a fraction', 1.5],
  ['not a number', Number.NaN],
  ['infinity', Number.POSITIVE_INFINITY],
  ['beyond 2^53 - 1', 2 ** 53],
  ['a bigint beyond 2^53 - 1', 2n ** 53n],
  ['a bigint that rounds into range', -1n],
])('%s is refused as a counter', (_, counter) => {
  expect(() => hotp(secret, counter, options)).toThrow(RangeError);
});

test('the largest counter counts', () => {
  expect(hotp(secret, Number.MAX_SAFE_INTEGER, options)).toBe(hotp(secret, 2n ** 53n - 1n, options));
});

test.each([
  ['no algorithm', { digits: 6 }],
  ['an unknown algorithm', { algorithm: 'MD5', digits: 6 }],
  ['a name every object has', { algorithm: 'constructor', digits: 6 }],
  ['no digits', { algorithm: 'SHA1' }],
  ['five digits', { algorithm: 'SHA1', digits: 5 }],
  ['ten digits', { algorithm: 'SHA1', digits: 10 }],
])('%s is refused and never becomes a default', (_, wrong) => {
  expect(() => hotp(secret, 0, wrong as typeof options)).toThrow(RangeError);
});

test('OATH-03: a secret under 128 bits gives no code', () => {
  expect(() => hotp(secret.subarray(0, 15), 0, options)).toThrow(RangeError);
});
