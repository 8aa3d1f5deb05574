import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseCode } from './code.ts';

test.each([
  ['plain', '123456', '123456'],
  ['leading zeros', '000042', '000042'],
  ['ten digits', '0123456789', '0123456789'],
  ['grouped', '123 456', '123456'],
  ['hyphen', '123-456', '123456'],
  ['around it', ' 123456\r\n', '123456'],
  ['no-break and narrow no-break space', '12\u00A03\u202F456', '123456'],
  ['ideographic space, full-width digits', '１２３\u3000４５６', '123456'],
  ['en dash, figure dash, minus, hyphen of its own', '1\u20132\u20123\u22124\u201056', '123456'],
  ['copied out of an SMS with marks of direction', '\u2068123456\u2069\u200B', '123456'],
])('OATH-02: %s is taken', (_, typed, code) => {
  expect(parseCode(typed)).toBe(code);
});

test.each([
  ['empty', ''],
  ['spaces', '      '],
  ['hyphens', '------'],
  ['five digits', '12345'],
  ['eleven digits', '12345678901'],
  ['letters', '12345a'],
  ['the letter O for a zero', '12345O'],
  ['a sign', '+123456'],
  ['a decimal point', '123.456'],
  ['NUL', '123456\0'],
  ['another control character', '\u001B123456'],
  ['digits of other scripts, which NFKC leaves alone', '\u0661\u0662\u0663\u0664\u0665\u0666'],
  ['a lone surrogate', '123456\uD800'],
  ['only lone surrogates', '\uDC00\uD800\uDC00\uD800\uDC00\uD800'],
  ['a long text around a code', `${' '.repeat(100)}123456`],
  ['a megabyte', '1'.repeat(1_048_576)],
])('%s is refused', (_, typed) => {
  expect(parseCode(typed)).toBeUndefined();
});

test('any string gives 6 to 10 ASCII digits or undefined, and the same again when parsed again', () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.integer({ min: 0, max: 0xff_ff }).map((unit) => String.fromCharCode(unit)), maxLength: 80 }),
    fc.string({ unit: fc.constantFrom(...Array.from('0123456789 -\u00A0\u2011１۱²⑩ﬀ\uD800')), maxLength: 16 }),
  );
  fc.assert(
    fc.property(hostile, (typed) => {
      const code = parseCode(typed);
      if (code === undefined) return;
      expect(code).toMatch(/^[0-9]{6,10}$/);
      expect(parseCode(code)).toBe(code);
    }),
    { numRuns: 2000 },
  );
});

test('what is put between the digits does not change the code', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(fc.constantFrom(...Array.from('0123456789')), fc.constantFrom('', ' ', '-', '\t', '\u00A0', '\u2013')),
        {
          minLength: 6,
          maxLength: 10,
        },
      ),
      (typed) => {
        expect(parseCode(typed.flat().join(''))).toBe(typed.map(([digit]) => digit).join(''));
      },
    ),
  );
});
