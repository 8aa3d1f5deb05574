import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { randomDigits } from './random-digits.ts';

/** Gives the bytes of `list` one after the other, then zeros. */
function sourceOf(list: readonly number[]): (byteCount: number) => Uint8Array {
  let at = 0;
  return (byteCount) => Uint8Array.from({ length: byteCount }, () => list[at++] ?? 0);
}

test('no modulo bias: over all 256 bytes each digit comes up 25 times, and six bytes are thrown away', () => {
  const counts = new Map<string, number>();
  let thrownAway = 0;
  for (let byte = 0; byte < 256; byte += 1) {
    // A byte that is thrown away is followed by the marker 7.
    const [first] = randomDigits(1, sourceOf([byte, 7]));
    if (byte >= 250) thrownAway += first === '7' ? 1 : 0;
    else counts.set(first ?? '', (counts.get(first ?? '') ?? 0) + 1);
  }
  expect(Array.from('0123456789', (digit) => counts.get(digit))).toEqual(Array.from({ length: 10 }, () => 25));
  expect(counts.size).toBe(10);
  expect(thrownAway).toBe(6);
});

test('every position is filled from bytes that are still unused', () => {
  expect(randomDigits(6, sourceOf([255, 10, 21, 250, 249, 3, 4, 5, 6]))).toBe('019345');
});

test('with the real source every digit is about as frequent at every position', () => {
  const codes = 20_000;
  const counts = Array.from({ length: 6 }, () => new Map<string, number>());
  for (let i = 0; i < codes; i += 1) {
    const code = randomDigits(6, randomBytes);
    for (const [position, digit] of Array.from(code).entries()) {
      counts[position]?.set(digit, (counts[position].get(digit) ?? 0) + 1);
    }
  }
  const expected = codes / 10;
  for (const perDigit of counts) {
    const chiSquare = Array.from(
      '0123456789',
      (digit) => ((perDigit.get(digit) ?? 0) - expected) ** 2 / expected,
    ).reduce((sum, term) => sum + term, 0);
    // Nine degrees of freedom: an honest source goes over this once in about ten million tests.
    expect(chiSquare).toBeLessThan(55);
  }
});

test('always as many digits as asked, whatever the source gives', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 64 }),
      fc.array(fc.nat({ max: 255 }), { maxLength: 100 }),
      (length, bytes) => {
        expect(randomDigits(length, sourceOf(bytes))).toMatch(new RegExp(`^[0-9]{${length}}$`));
      },
    ),
  );
});

test.each([0, -1, 1.5, 65, Number.NaN, Number.POSITIVE_INFINITY])('a length of %d is refused', (length) => {
  expect(() => randomDigits(length, randomBytes)).toThrow(RangeError);
});

test.each([
  [
    'gives only bytes that are thrown away',
    'no usable bytes',
    (byteCount: number) => new Uint8Array(byteCount).fill(255),
  ],
  ['gives nothing', 'another number of bytes', () => new Uint8Array(0)],
  ['gives too few', 'another number of bytes', (byteCount: number) => new Uint8Array(byteCount - 1)],
  ['gives too many', 'another number of bytes', (byteCount: number) => new Uint8Array(byteCount + 1)],
])('R26: a source that %s ends in an error, not in a loop or a short code', (_, message, source) => {
  expect(() => randomDigits(6, source)).toThrow(message);
});
