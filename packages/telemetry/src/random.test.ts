import { expect, test } from 'vitest';
import { pooledRandomBytes } from './random.ts';

test('gives as many bytes as asked for, and none twice, across many pools', () => {
  const drawn = Array.from({ length: 3000 }, (_, index) => pooledRandomBytes(8 + (index % 25)));
  for (const [index, bytes] of drawn.entries()) expect(bytes).toHaveLength(8 + (index % 25));
  expect(new Set(drawn.map((bytes) => bytes.subarray(0, 8).toString('hex'))).size).toBe(drawn.length);
});

test('what was given does not change with what is given later', () => {
  const first = pooledRandomBytes(16);
  const before = first.toString('hex');
  for (let count = 0; count < 1000; count++) pooledRandomBytes(16).fill(0);
  expect(first.toString('hex')).toBe(before);
});
