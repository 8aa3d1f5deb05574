import { ERRORS } from '@countersign/contracts';
import { describe, expect, test } from 'vitest';
import { en } from './en.ts';
import { agoIn, grouped, waitIn } from './format.ts';
import { sayIn, sayProblem } from './messages.ts';
import { ru } from './ru.ts';

test('no language lacks a word, has one too many, or left one in English', () => {
  expect(Object.keys(ru)).toEqual(Object.keys(en));
  const same = Object.entries(ru).filter(([key, text]) => text === en[key as keyof typeof en]);
  expect(same.map(([key]) => key)).toEqual([]);
  for (const text of Object.values(ru)) if (typeof text === 'string') expect(text).toMatch(/[а-яё]/i);
});

test('every code has a sentence, those that nobody foresaw one in common', () => {
  const say = sayIn('en');
  expect(sayProblem(say, 'TRY_LATER', waitIn('en', 30))).toBe('Too many tries. Try again in 30 seconds.');
  expect(sayProblem(say, 'TRY_LATER', '')).toBe(say('problem.busy'));
  expect(sayProblem(say, 'SOMETHING_NEW', '')).toBe(say('problem.other'));
});

test('no sentence is of a code that no server sends', () => {
  const own = ['OFFLINE', 'NOT_SIGNED', 'NOT_CONFIRMED', 'other', 'busy'];
  const codes = Object.keys(en).flatMap((key) => (key.startsWith('problem.') ? key.slice('problem.'.length) : []));
  expect(codes.length).toBeGreaterThan(10);
  expect(codes.filter((code) => !own.includes(code) && !Object.hasOwn(ERRORS, code))).toEqual([]);
});

describe('how long ago', () => {
  test.each([
    [-1500, 'now'],
    [12_300, '12 seconds ago'],
    [150_000, '3 minutes ago'],
  ])('%i ms', (pastMs, text) => expect(agoIn('en', pastMs)).toBe(text));
});

test('a code is shown in two halves', () => {
  expect(grouped('123456')).toBe('123 456');
  expect(grouped('12345678')).toBe('1234 5678');
});
