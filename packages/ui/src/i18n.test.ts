import { expect, test } from 'vitest';
import { languageOf, sayWith } from './i18n.ts';

test('the language is the first that we speak', () => {
  expect(languageOf(['de-DE', 'ru-RU', 'en'])).toBe('ru');
  expect(languageOf(['xx'])).toBe('en');
});

test('a sentence is said as it is, or made of what belongs into it', () => {
  const words = { hello: 'Hello', left: (count: number) => `${count} left` };
  const say = sayWith<typeof words>(words);
  expect(say('hello')).toBe('Hello');
  expect(say('left', 3)).toBe('3 left');
});
