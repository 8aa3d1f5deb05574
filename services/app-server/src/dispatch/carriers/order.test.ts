import { expect, test } from 'vitest';
import { orderOf } from './order.ts';

const configured = ['a', 'b', 'c'];

test.each([
  ['the order of the policy', ['c', 'a'], [], ['c', 'a']],
  ['without those that rest', ['c', 'a', 'b'], ['a'], ['c', 'b']],
  ['without those that are not configured', ['x', 'b'], [], ['b']],
  ['each once', ['b', 'b', 'a'], [], ['b', 'a']],
  ['all of them when the policy names none', [], ['b'], ['a', 'c']],
  ['nobody when all that are named are unknown', ['x'], [], []],
])('TEL-10: %s', (_, named, resting, expected) => {
  expect(orderOf(named, configured, (name) => !resting.includes(name))).toEqual(expected);
});
