import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalBytes, canonicalHash, type Json } from './canonical.ts';

const textOf = (value: Json) => new TextDecoder().decode(canonicalBytes(value));

test('RFC 8785 section 3.2.2 and 3.2.3: numbers, escapes and order', () => {
  const given = JSON.parse(
    '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],' +
      '"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}',
  ) as Json;

  expect(textOf(given)).toBe(
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
      '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  );
});

test('RFC 8785 section 3.2.3: names are in the order of their UTF-16 code units', () => {
  const given = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\ud83d\ude00': 5, '\u0080': 6, '\u00f6': 7 };

  expect(Object.values(JSON.parse(textOf(given)) as Record<string, number>)).toHaveLength(7);
  expect([...textOf(given).matchAll(/:(\d)/g)].map(([, place]) => Number(place))).toEqual([2, 4, 6, 7, 1, 5, 3]);
});

test('what is written another way has the same hash, what differs another', async () => {
  expect(await canonicalHash({ b: 1, a: [true] })).toBe(await canonicalHash({ a: [true], b: 1 }));
  expect(await canonicalHash({ a: 1 })).not.toBe(await canonicalHash({ a: '1' }));
  expect(await canonicalHash({})).toMatch(/^[\w-]{43}$/);
});

test.each([
  ['NaN', NaN],
  ['infinity', -Infinity],
  ['a lone surrogate', '\ud800'],
  ['nothing', undefined],
])('I-JSON has no %s', (_, value) => {
  expect(() => canonicalBytes(value as Json)).toThrow(/not allowed|only JSON/);
});

test('the canonical form says the same, and has itself as its canonical form', () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
      let text;
      try {
        text = textOf(value as Json);
      } catch {
        return; // A lone surrogate.
      }
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      expect(textOf(JSON.parse(text) as Json)).toBe(text);
    }),
  );
});
