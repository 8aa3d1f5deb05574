import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalUsername, MAX_NAME_LENGTH } from './canonical.ts';

const canonical = (text: string) => {
  const name = canonicalUsername(text);
  return 'canonical' in name ? name.canonical : undefined;
};

describe('R3: every spelling of a name is the same name', () => {
  const groups: Record<string, string[]> = {
    case: ['alice', 'Alice', 'ALICE', 'aLiCe'],
    spaces: ['alice', ' alice', 'alice ', '\talice\n', '\u00A0alice\u2003', '\u3000alice'],
    'spaces within': ['Ada Lovelace', 'ada  lovelace', 'ADA\u00A0LOVELACE', 'ada\u2003 lovelace'],
    'composed and decomposed': ['Žanis', 'Z\u030Canis', 'žanis', 'z\u030Canis'],
    'full width': ['alice', 'ａｌｉｃｅ', 'ＡＬＩＣＥ'],
    ligature: ['office', 'oﬃce', 'OFFICE'],
    'long s': ['strasse', 'straſſe', 'STRASSE', 'straße'],
    'final sigma': ['οδυσσεύς', 'ΟΔΥΣΣΕΎΣ', 'οδυσσεύσ'],
    kelvin: ['kelvin', '\u212Aelvin'],
    cyrillic: ['Иванов', 'ИВАНОВ', 'иванов'],
    upn: ['alice@example.com', 'Alice@Example.COM', ' alice@example.com '],
    'down-level': ['EXAMPLE\\alice', 'example\\ALICE'],
  };

  test.each(Object.entries(groups))('%s', (_, spellings) => {
    expect(new Set(spellings.map(canonical)).size).toBe(1);
    expect(canonical(spellings[0]!)).toBeDefined();
  });
});

test('different names stay different: nothing is cut off or guessed', () => {
  const names = [
    'alice',
    'alice@example.com',
    'EXAMPLE\\alice',
    'OTHER\\alice',
    'al.ice',
    'al ice',
    'álice',
    // Cyrillic а.
    'аlice',
    'isik',
    // Dotless: another letter in Turkish.
    'ısık',
  ];
  expect(new Set(names.map(canonical)).size).toBe(names.length);
});

describe('R8: what cannot be a name is refused with a reason', () => {
  const refused: [string, string, string][] = [
    ['empty', '', 'blank'],
    ['spaces', ' \t\u00A0\u3000', 'blank'],
    ['a NUL', 'ali\0ce', 'control'],
    ['an escape', 'alice\u001B[31m', 'control'],
    ['a line feed within becomes a space, a bell does not', 'ali\u0007ce', 'control'],
    ['an invisible space', 'ali\u200Bce', 'invisible'],
    ['a change of direction', 'alice\u202Eecila', 'invisible'],
    ['a soft hyphen', 'ali\u00ADce', 'invisible'],
    ['a variation selector', 'alice\uFE0F', 'invisible'],
    ['a Hangul filler', 'alice\u3164', 'invisible'],
    ['private use', 'alice\uE000', 'control'],
    ['half a surrogate pair', 'alice\uD800', 'well-formed'],
    ['a wildcard', '*', 'wildcard'],
    ['a wildcard within', 'ali*', 'wildcard'],
    ['a full-width wildcard', 'ali＊', 'wildcard'],
    ['one character too long', 'a'.repeat(MAX_NAME_LENGTH + 1), 'at most'],
    ['much too long', 'a'.repeat(1_000_000), 'at most'],
    ['long only when normalised', '\uFDFA'.repeat(15), 'at most'],
  ];
  test.each(refused)('%s', (_, text, reason) => {
    expect(canonicalUsername(text)).toEqual({ refused: expect.stringContaining(reason) });
  });

  test('the longest name is taken', () => {
    expect(canonical('a'.repeat(MAX_NAME_LENGTH))).toHaveLength(MAX_NAME_LENGTH);
  });
});

describe('for any text', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc.string({
      unit: fc.constantFrom('\uD800', '\0', ' ', 'ß', 'İ', 'ı', 'ς', '\u0345', 'ŉ', 'ΐ', 'ﬃ', '\u0301'),
      maxLength: 12,
    }),
  );

  test('R3: the canonical form of a canonical form is itself', () => {
    fc.assert(
      fc.property(text, (given) => {
        const name = canonical(given);
        expect(name === undefined ? undefined : canonical(name)).toBe(name);
      }),
      { numRuns: 5000 },
    );
  });

  test('R3: Unicode form and the spaces around it never matter, nor does the case', () => {
    fc.assert(
      fc.property(text, (given) => {
        const name = canonical(given);
        if (name === undefined) return;
        for (const form of ['NFC', 'NFD', 'NFKC', 'NFKD']) expect(canonical(given.normalize(form))).toBe(name);
        expect(canonical(` ${given}\u3000`)).toBe(name);
        // JavaScript’s upper case takes combining marks in the order in which they stand, so they are put in order first.
        const upper = given.normalize('NFD').toUpperCase();
        if (!given.includes('ı')) expect(canonical(upper)).toBe(name);
      }),
      { numRuns: 5000 },
    );
  });

  test('it is bounded, trimmed and without control characters', () => {
    fc.assert(
      fc.property(text, (given) => {
        const name = canonical(given);
        if (name === undefined) return;
        expect(name.length).toBeGreaterThan(0);
        expect(name.length).toBeLessThanOrEqual(MAX_NAME_LENGTH);
        expect(name).toBe(name.trim());
        expect(name).not.toMatch(/\p{C}/u);
      }),
    );
  });
});

test('no two characters fold together that Unicode keeps apart', () => {
  const groups = new Map<string, string[]>();
  for (let point = 0x21; point < 0x1_0000; point++) {
    if (point >= 0xd800 && point < 0xe000) continue;
    const character = String.fromCodePoint(point);
    const name = canonical(character);
    if (name === undefined || Array.from(name).length > 1) continue;
    groups.set(name, [...(groups.get(name) ?? []), character]);
  }
  expect(groups.size).toBeGreaterThan(30_000);
  for (const [name, characters] of groups) {
    for (const character of characters) {
      // The same by compatibility, or by simple case folding as regular expressions know it.
      const compatible = character.normalize('NFKC').trim();
      const escaped = name.replace(/[\\^$.*+?()[\]{}|/-]/, String.raw`\$&`);
      expect(compatible === name || new RegExp(`^${escaped}$`, 'iu').test(compatible), `${character} as ${name}`).toBe(
        true,
      );
    }
  }
});
