import { describe, expect, test } from 'vitest';
import { noticeTexts } from './texts.ts';

const KINDS = ['totp', 'phone', 'passkey', 'recovery'].flatMap((type) => [`${type}.added`, `${type}.removed`]);

describe.each(['en', 'ru'])('in %s', (language) => {
  test.each([...KINDS, 'access-code.granted', 'pin.changed', 'pin.removed', 'questions.changed'])(
    'AAL-26: %s says what happened, with nothing to use or to follow',
    (kind) => {
      const { sentence = '', subject = '' } = noticeTexts(kind, language) ?? {};
      for (const text of [sentence, subject]) {
        expect(text.match(/\{\{[^}]*\}\}/g)).toEqual(['{{application}}']);
        expect(text).not.toMatch(/[0-9@]|:\/\/|www\./);
      }
      // Three parts of a text message in either alphabet, with a long name.
      expect(sentence.length).toBeLessThan(language === 'ru' ? 150 : 250);
    },
  );

  test('each kind has its own sentence', () => {
    const sentences = KINDS.map((kind) => noticeTexts(kind, language)?.sentence);
    expect(new Set(sentences).size).toBe(KINDS.length);
    expect(/\p{Script=Cyrillic}/u.test(sentences.join(' '))).toBe(language === 'ru');
  });
});

test('a language that we do not have is told in the next one in line, and at last in English', () => {
  expect(noticeTexts('totp.added', 'ru-lv')).toEqual(noticeTexts('totp.added', 'ru'));
  expect(noticeTexts('totp.added', 'lv')).toEqual(noticeTexts('totp.added', 'en'));
  expect(noticeTexts('totp.added', '__proto__')).toEqual(noticeTexts('totp.added', 'en'));
});

test.each(['face.added', 'subject', 'constructor', 'toString.'])('%s is no kind of this build', (kind) => {
  expect(noticeTexts(kind, 'en')).toBeUndefined();
});
