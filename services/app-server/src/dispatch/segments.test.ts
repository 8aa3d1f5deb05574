import { describe, expect, test } from 'vitest';
import { countSegments, toGsm7 } from './segments.ts';

describe('TEL-03: what a text costs', () => {
  test.each([
    ['a'.repeat(160), 'gsm7', 160, 1],
    ['a'.repeat(161), 'gsm7', 161, 2],
    ['a'.repeat(306), 'gsm7', 306, 2],
    ['a'.repeat(307), 'gsm7', 307, 3],
    ['ü'.repeat(160), 'gsm7', 160, 1],
    ['€'.repeat(80), 'gsm7', 160, 1],
    ['€'.repeat(81), 'gsm7', 162, 2],
    ['я'.repeat(70), 'ucs2', 70, 1],
    ['я'.repeat(71), 'ucs2', 71, 2],
    ['я'.repeat(135), 'ucs2', 135, 3],
    ['🔑'.repeat(35), 'ucs2', 70, 1],
    ['🔑'.repeat(67), 'ucs2', 134, 3],
    ['a'.repeat(69), 'gsm7', 69, 1],
    [`${'a'.repeat(69)}š`, 'ucs2', 70, 1],
  ])('%s', (text, alphabet, units, segments) => {
    expect(countSegments(text)).toEqual({ alphabet, units, segments });
  });

  test('an escape pair is not split between two parts: 152 letters leave no room for it', () => {
    expect(countSegments(`${'a'.repeat(152)}€${'a'.repeat(152)}`).segments).toBe(3);
  });

  test.each([
    ['Rīgas šķūnis', 'Rigas skunis'],
    ['Zürich', 'Zürich'],
    ['Łódź “Portal”…', 'Lódz "Portal"...'],
    ['Портал', 'Портал'],
  ])('a name keeps to the cheap alphabet where it can: %s', (name, plain) => {
    expect(toGsm7(name).normalize('NFC')).toBe(plain.replace('ó', 'o'));
  });
});
