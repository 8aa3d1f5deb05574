import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { base32Decode, base32Encode } from './base32.ts';

const rfc4648 = JSON.parse(
  readFileSync(new URL('../../../tests/vectors/rfc4648-base32.json', import.meta.url), 'utf8'),
) as { vectors: { ascii: string; base32: string }[] };

test('the file holds the seven vectors of the RFC', () => {
  expect(rfc4648.vectors).toHaveLength(7);
});

test.each(rfc4648.vectors)('RFC 4648 section 10: "$ascii" is "$base32"', ({ ascii, base32 }) => {
  expect(base32Encode(Buffer.from(ascii))).toBe(base32);
  expect(Buffer.from(base32Decode(base32) ?? 'refused').toString()).toBe(ascii);
});

test('what was encoded is decoded, in lower case, in groups and with padding too', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const text = base32Encode(bytes);
      expect(text).toMatch(/^[A-Z2-7]*$/);
      const grouped = text.toLowerCase().replaceAll(/(.{4})/g, '$1 ');
      const padded = text.padEnd(Math.ceil(text.length / 8) * 8, '=');
      for (const written of [text, grouped, padded, ` ${padded}\n`]) expect(base32Decode(written)).toEqual(bytes);
    }),
  );
});

describe('R27: everything else is refused', () => {
  test.each([
    ['a digit outside the alphabet', 'MZXW6YT1'],
    ['zero', 'MZXW6YT0'],
    ['a hyphen', 'MZXW-6YTB'],
    ['padding in the middle', 'MY======MY'],
    ['too much padding', 'MZXW6YTBMY======='],
    ['a length that no bytes give: 1', 'M'],
    ['a length that no bytes give: 3', 'MZX'],
    ['a length that no bytes give: 6', 'MZXW6Y'],
    ['left-over bits', 'MZ'],
    ['a letter that upper-cases to I', 'mzxw6yt\u0131'],
    ['a letter that upper-cases to S', 'mzxw6yt\u017F'],
    ['a letter that upper-cases to SS', 'mzxw6y\u00DF'],
    ['full-width letters', '\uFF2D\uFF39'],
    ['NUL', 'MY\0'],
    ['a lone surrogate', 'MZXW6YT\uD800'],
  ])('%s', (_, text) => {
    expect(base32Decode(text)).toBeUndefined();
  });

  test('no string throws, and whatever is taken is the one way to write its bytes', () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.integer({ min: 0, max: 0xff_ff }).map((unit) => String.fromCharCode(unit)) }),
      fc.string({ unit: fc.constantFrom(...Array.from('ABCDMYZ234567abyz=  \n')), maxLength: 40 }),
      fc.string({ unit: fc.constantFrom(...Array.from('AEIMQUY4')), maxLength: 16 }),
    );
    let taken = 0;
    fc.assert(
      fc.property(hostile, (text) => {
        const bytes = base32Decode(text);
        if (bytes === undefined) return;
        taken += 1;
        expect(base32Encode(bytes)).toBe(text.replaceAll(/\s/g, '').replace(/=+$/, '').toUpperCase());
      }),
      { numRuns: 5000 },
    );
    expect(taken).toBeGreaterThan(100);
  });
});
