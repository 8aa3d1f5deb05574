import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readText, textAttributes } from './text.ts';

describe('RAD-07: a text is read', () => {
  test.each(['', 'alice', 'Zoë', '日本', '😀', '\uFEFFbom', 'a\0b'])('as UTF-8: %j', (text) => {
    expect(readText(Buffer.from(text))).toBe(text);
    expect(readText(Buffer.from(text), 'iso-8859-1')).toBe(text);
  });

  test.each([
    ['a lone octet of a sequence', 'c3'],
    ['latin letters', '5a6feb'],
    ['an overlong slash', 'c0af'],
    ['a surrogate', 'eda080'],
    ['beyond the last code point', 'f4908080'],
    ['an emoji cut short', 'f09f98'],
  ])('strictly: %s is none', (_, hex) => {
    expect(readText(Buffer.from(hex, 'hex'))).toBeUndefined();
  });

  test('in the character set of the client only when it is not UTF-8', () => {
    expect(readText(Buffer.from('5a6feb', 'hex'), 'iso-8859-1')).toBe('Zoë');
    expect(readText(Buffer.from('5a6feb', 'hex'), 'windows-1252')).toBe('Zoë');
    expect(readText(Buffer.from('8035', 'hex'), 'windows-1252')).toBe('€5');
    expect(readText(Buffer.from('8035', 'hex'), 'iso-8859-1')).toBe('\u00805');
  });

  test('in windows-1252 as the standard table has it, and the five octets without a character make it none', () => {
    const table = new TextDecoder('windows-1252');
    for (let octet = 0x80; octet < 0x100; octet += 1) {
      const isUnassigned = [0x81, 0x8d, 0x8f, 0x90, 0x9d].includes(octet);
      const read = readText(Buffer.of(octet), 'windows-1252');
      expect(read, octet.toString(16)).toBe(isUnassigned ? undefined : table.decode(Buffer.of(octet)));
    }
  });

  test('never with another character in place of one', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const text = readText(Buffer.from(bytes));
        expect(text === undefined || Buffer.from(text).equals(bytes)).toBe(true);
        expect(readText(Buffer.from(bytes), 'iso-8859-1')).toBeDefined();
      }),
    );
  });
});

describe('RAD-07: a text is split', () => {
  const split = (text: string) => textAttributes(18, text).map(({ value }) => value);

  test('not at all when it is empty or fits', () => {
    expect(textAttributes(18, '')).toEqual([]);
    expect(split('a'.repeat(253))).toHaveLength(1);
    expect(split('a'.repeat(254)).map(({ length }) => length)).toEqual([253, 1]);
  });

  test.each([
    ['ë', 252, [252, 2]],
    ['ë', 251, [253]],
    ['日', 251, [251, 3]],
    ['日', 250, [253]],
    ['😀', 252, [252, 4]],
    ['😀', 251, [251, 4]],
    ['😀', 250, [250, 4]],
    ['😀', 249, [253]],
  ])('before %s after %i letters', (character, before, lengths) => {
    expect(split('a'.repeat(before) + character).map(({ length }) => length)).toEqual(lengths);
  });

  test('never inside a code point, and nothing is lost', () => {
    const texts = fc.string({
      unit: fc.oneof(fc.constantFrom('a', 'ë', '日', '😀'), fc.string({ unit: 'binary', maxLength: 1 })),
      maxLength: 900,
    });
    fc.assert(
      fc.property(texts, (text) => {
        const pieces = split(text);
        expect(pieces.every((piece) => piece.length > 0 && piece.length <= 253)).toBe(true);
        expect(pieces.map((piece) => readText(piece)).join('')).toBe(text.toWellFormed());
        // As few as can be: each next code point would not have fitted.
        expect(pieces.slice(0, -1).every((piece) => piece.length >= 250)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  test('half a surrogate becomes what Unicode has for it', () => {
    expect(split('a\uD83D').map((piece) => readText(piece))).toEqual(['a\uFFFD']);
  });
});
