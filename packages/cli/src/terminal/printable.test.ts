import fc from 'fast-check';
import { expect, test } from 'vitest';
import { printable, printableJson } from './printable.ts';
import { card, table, width } from './table.ts';

test.each([
  ['Alice Berg', 'Alice Berg'],
  ['Ālise Bērziņa 木村', 'Ālise Bērziņa 木村'],
  ['\u001b[2Jgone', String.raw`\u{1b}[2Jgone`],
  ['two\nlines', String.raw`two\u{a}lines`],
  ['\u009b31m', String.raw`\u{9b}31m`],
  ['abc\u202edef', String.raw`abc\u{202e}def`],
])('%j is shown as %j', (text, shown) => {
  expect(printable(text)).toBe(shown);
});

test('no text of others can move the cursor, in a table or in JSON; and the JSON says the same', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const unsafe = /(?!\n)\p{Cc}|[\u202a-\u202e\u2066-\u2069]/u;
      expect(table(['A', 'B'], [[text, 'x']])).not.toMatch(unsafe);
      expect(card({ Name: text })).not.toMatch(unsafe);
      expect(printableJson({ text }, 2)).not.toMatch(unsafe);
      expect(JSON.parse(printableJson({ text }, 2))).toEqual({ text });
    }),
  );
});

test('columns stand below each other, for wide and combining characters too', () => {
  expect(
    table(
      ['NAME', 'ID'],
      [
        ['木村', '1'],
        ['e\u0301', '2'],
        ['alice', '3'],
      ],
    ),
  ).toBe('NAME   ID\n木村   1\ne\u0301      2\nalice  3\n');
  expect(width('木村')).toBe(4);
});

test('a card leaves out what there is not', () => {
  expect(card({ Name: 'alice', Language: undefined, 'User id': '1' })).toBe('Name     alice\nUser id  1\n');
});
