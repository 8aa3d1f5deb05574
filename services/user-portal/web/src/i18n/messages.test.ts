import { describe, expect, test } from 'vitest';
import { codesLeftIn, grouped, inThrees, spelled, waitIn } from './format.ts';
import { en } from './en.ts';
import { sayIn, sayProblem } from './messages.ts';
import { ru } from './ru.ts';

test('no language lacks a word, has one too many, or left one in English', () => {
  expect(Object.keys(ru)).toEqual(Object.keys(en));
  const same = Object.entries(ru).filter(([key, text]) => text === en[key as keyof typeof en]);
  // A count with its noun is all that is said.
  expect(same.map(([key]) => key)).toEqual([]);
  for (const text of Object.values(ru)) if (typeof text === 'string') expect(text).toMatch(/[а-яё]/i);
});

describe('Russian counts', () => {
  test.each([
    [1, 'Осталось: 1 код'],
    [3, 'Осталось: 3 кода'],
    [5, 'Осталось: 5 кодов'],
    [11, 'Осталось: 11 кодов'],
    [21, 'Осталось: 21 код'],
  ])('%i', (count, text) => expect(codesLeftIn('ru', count)).toBe(text));
});

test('every code has a sentence, those that nobody foresaw one in common', () => {
  const say = sayIn('en');
  expect(sayProblem(say, 'TRY_LATER', waitIn('en', 30))).toBe('Too many tries. Try again in 30 seconds.');
  expect(sayProblem(say, 'SOMETHING_NEW', '')).toBe(say('problem.other'));
});

test('a secret is shown in groups that are typed without losing the place', () => {
  expect(grouped('JBSWY3DPEHPK3PXP')).toBe('JBSW Y3DP EHPK 3PXP');
  expect(inThrees('492039118275')).toBe('492 039 118 275');
  expect(spelled('492')).toBe('4 9 2');
});
