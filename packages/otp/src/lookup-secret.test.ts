import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatLookupSecret, LOOKUP_SECRET_CHARACTERS, lookupSecret, parseLookupSecret } from './lookup-secret.ts';

const random = fc.uint8Array({ minLength: LOOKUP_SECRET_CHARACTERS, maxLength: LOOKUP_SECRET_CHARACTERS });

test('AAL-25: what is shown is what is read, however it is typed', () => {
  fc.assert(
    fc.property(random, fc.constantFrom('-', ' ', '', ' – '), fc.boolean(), (bytes, separator, lower) => {
      const secret = lookupSecret(bytes);
      const shown = formatLookupSecret(secret).replaceAll('-', separator);
      expect(parseLookupSecret(lower ? shown.toLowerCase() : shown)).toBe(secret);
    }),
  );
});

test('AAL-25: every character is as likely as any other, 60 bits in all', () => {
  const counts = new Map<string, number>();
  for (let byte = 0; byte < 256; byte += 1) {
    const [first = ''] = lookupSecret(new Uint8Array(LOOKUP_SECRET_CHARACTERS).fill(byte));
    counts.set(first, (counts.get(first) ?? 0) + 1);
  }
  expect([...counts.values()]).toEqual(Array.from({ length: 32 }, () => 8));
});

test('what is mistaken for a digit is that digit, and what cannot be one is refused', () => {
  expect(parseLookupSecret('oOiI-lL00-1111')).toBe('001111001111');
  for (const text of ['', '7KQ2-M9XD-4HT', '7KQ2-M9XD-4HTVV', '7KQ2-M9XD-4HTU', '7KQ2-M9XD-4HT*', ' '.repeat(100)]) {
    expect(parseLookupSecret(text), text).toBeUndefined();
  }
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void parseLookupSecret(text)));
  expect(() => lookupSecret(new Uint8Array(3))).toThrow(RangeError);
});
