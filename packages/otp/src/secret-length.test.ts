import { expect, test } from 'vitest';
import type { OtpAlgorithm } from './algorithm.ts';
import { checkSecretLength, RECOMMENDED_SECRET_BYTES } from './secret-length.ts';

const algorithms: OtpAlgorithm[] = ['SHA1', 'SHA256', 'SHA512'];

test.each(algorithms)('OATH-03: 16 to 64 bytes pass for %s, less and more do not', (algorithm) => {
  for (const byteCount of [16, 20, 32, 64]) {
    expect(() => {
      checkSecretLength(new Uint8Array(byteCount), algorithm);
    }).not.toThrow();
  }
  for (const byteCount of [0, 10, 15, 65]) {
    expect(() => {
      checkSecretLength(new Uint8Array(byteCount), algorithm);
    }).toThrow(RangeError);
  }
});

test('OATH-03: a new secret is as long as the hash', () => {
  expect(algorithms.map((algorithm) => RECOMMENDED_SECRET_BYTES[algorithm])).toEqual([20, 32, 64]);
});

test('R24: the refusal does not tell the secret', () => {
  const secret = Buffer.from('canary');
  expect(() => {
    checkSecretLength(secret, 'SHA1');
  }).toThrow(
    expect.objectContaining({ message: expect.not.stringMatching(/canary|63616e617279|MNQW4YLSPE/i) as unknown }),
  );
});
