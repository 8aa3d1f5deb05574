import { DEFAULT_POLICY, type Policy } from '@countersign/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assertFit, isDue, weaknessOf } from './rules.ts';

const digit = fc.integer({ min: 0, max: 9 });
const length = fc.integer({ min: 4, max: 16 });

describe('a PIN that anybody would try first is weak', () => {
  test.each([
    ['0000', 'one digit'],
    ['77777777', 'one digit'],
    ['1234', 'run'],
    ['34567890', 'run'],
    ['98765432', 'run'],
    ['1212', 'pattern'],
    ['12341234', 'pattern'],
    ['1231231', 'pattern'],
    ['20000012', 'phone'],
    ['0012', 'phone'],
    ['58203917', undefined],
    ['5820', undefined],
    ['13579', undefined],
    ['12345679', undefined],
  ])('%s: %s', (pin, weakness) => {
    expect(weaknessOf(pin, ['+4915112345678', '+37120000012'])).toBe(weakness);
  });

  test('whatever digit is repeated, however often', () => {
    fc.assert(
      fc.property(digit, length, (one, count) => {
        expect(weaknessOf(String(one).repeat(count), [])).toBe('one digit');
      }),
    );
  });

  test('whichever way it runs, wherever it begins', () => {
    fc.assert(
      fc.property(digit, length, fc.constantFrom(1, 9), (first, count, step) => {
        const pin = Array.from({ length: count }, (_, index) => (first + index * step) % 10).join('');
        expect(weaknessOf(pin, [])).toBe('run');
      }),
    );
  });

  test('whatever is said twice or more, whole or in part', () => {
    const pattern = fc.array(digit, { minLength: 1, maxLength: 8 }).map((digits) => digits.join(''));
    fc.assert(
      fc.property(pattern, length, (said, count) => {
        const pin = said.repeat(16).slice(0, count);
        fc.pre(said.length * 2 <= count);
        expect(weaknessOf(pin, [])).toBeDefined();
      }),
    );
  });

  test('the end of any of the numbers', () => {
    const number = fc.array(digit, { minLength: 8, maxLength: 15 }).map((digits) => `+${digits.join('')}`);
    fc.assert(
      fc.property(fc.array(number, { minLength: 1, maxLength: 5 }), fc.nat(), length, (numbers, which, count) => {
        const phone = numbers[which % numbers.length] ?? '';
        const pin = phone.slice(1).slice(-count);
        fc.pre(pin.length >= 4);
        expect(weaknessOf(pin, numbers)).toBeDefined();
      }),
    );
  });

  test('and few others are: of those that are drawn nearly all may stay', () => {
    let weak = 0;
    for (let pin = 0; pin < 10_000; pin += 1)
      weak += weaknessOf(String(pin).padStart(4, '0'), []) === undefined ? 0 : 1;
    // 10 of one digit, 20 runs, 90 pairs said twice.
    expect(weak).toBe(120);
  });
});

const policy = (changes: Partial<Policy['pin']>): Policy['pin'] => ({ ...DEFAULT_POLICY.pin, ...changes });

test('length and weakness are as the policy says', () => {
  expect(() => assertFit('5820391', policy({}), [])).toThrow(expect.objectContaining({ code: 'REQUEST_INVALID' }));
  expect(() => assertFit('5820', policy({ minLength: 4 }), [])).not.toThrow();
  expect(() => assertFit('11111111', policy({}), [])).toThrow(expect.objectContaining({ code: 'PIN_WEAK' }));
  expect(() => assertFit('11111111', policy({ allowWeak: true }), [])).not.toThrow();
});

test.each([
  ['made by an administrator', true, 0, 0, true],
  ['of one’s own, without an end', false, 0, 5000, false],
  ['before its end', false, 90, 89, false],
  ['at its end', false, 90, 90, true],
])('%s', (_, mustChange, lifeDays, ageDays, expected) => {
  const now = Date.UTC(2026, 10, 26);
  expect(isDue({ mustChange, setAt: now - ageDays * 86_400_000 }, policy({ lifeDays }), now)).toBe(expected);
});
