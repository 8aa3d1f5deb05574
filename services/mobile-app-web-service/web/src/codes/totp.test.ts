import { expect, test } from 'vitest';
import rfc4226 from '../../../../../tests/vectors/rfc4226-appendix-d.json' with { type: 'json' };
import rfc6238 from '../../../../../tests/vectors/rfc6238-appendix-b.json' with { type: 'json' };
import type { Algorithm } from './otpauth.ts';
import { hotp, importSeed, totp } from './totp.ts';

const seed = (ascii: string, algorithm: Algorithm) => importSeed(new TextEncoder().encode(ascii), algorithm);

test('RFC 4226 appendix D', async () => {
  const key = await seed(rfc4226.secretAscii, 'SHA1');
  expect(rfc4226.vectors).toHaveLength(10);
  for (const { counter, code } of rfc4226.vectors) expect(await hotp(key, counter, 6)).toBe(code);
});

test.each(rfc6238.vectors)('RFC 6238 appendix B: $algorithm at $utc', async ({ algorithm, unixSeconds, code }) => {
  const key = await seed(rfc6238.secretsAscii[algorithm as Algorithm], algorithm as Algorithm);
  expect((await totp(key, { digits: 8, periodSeconds: 30 }, unixSeconds * 1000)).code).toBe(code);
});

test.each([
  [30, 59_999, 1],
  [30, 60_000, 30],
  [60, 61_000, 59],
] as const)('of %i s there are left at %i ms', async (periodSeconds, nowMs, leftSeconds) => {
  const key = await seed('12345678901234567890', 'SHA1');
  expect(await totp(key, { digits: 6, periodSeconds }, nowMs)).toMatchObject({ leftSeconds });
});

test('the seed cannot be read out', async () => {
  const key = await seed('12345678901234567890', 'SHA256');
  await expect(crypto.subtle.exportKey('raw', key)).rejects.toThrow('not extractable');
});
