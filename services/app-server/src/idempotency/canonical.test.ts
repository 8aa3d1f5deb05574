import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson, requestHash } from './canonical.ts';

test('INV-21 the order of members does not matter, that of a list does', () => {
  expect(canonicalJson({ b: [1, { d: 'x', c: null }], a: true })).toBe('{"a":true,"b":[1,{"c":null,"d":"x"}]}');
  expect(requestHash({ b: 1, a: 2 })).toBe(requestHash({ a: 2, b: 1 }));
  expect(requestHash([1, 2])).not.toBe(requestHash([2, 1]));
});

test('INV-21 equal values have equal texts, and different ones different texts', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
      const copy: unknown = JSON.parse(JSON.stringify(a));
      expect(canonicalJson(copy)).toBe(canonicalJson(a));
      expect(JSON.parse(canonicalJson(a))).toEqual(copy);
      if (canonicalJson(a) === canonicalJson(b)) expect(copy).toEqual(JSON.parse(JSON.stringify(b)));
    }),
  );
});
