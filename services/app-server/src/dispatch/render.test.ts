import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { plainName, renderSms } from './render.ts';
import { countSegments } from './segments.ts';
import { languagesFor, lintText, SMS_TEXTS, textFor } from './texts.ts';

const base = { code: '049203', application: 'Intranet', originHost: null, leftMs: 300_000 };
const DIGITS = [6, 7, 8, 9, 10];

/** The parser of the origin-bound one-time code specification, section 3.2, for the last line alone. */
function parseOriginBound(message: string): { host: string; code: string } | undefined {
  const line = message.split(/\r\n|[\n\r]/).at(-1) ?? '';
  const match = /^@([^\s@#]+) #(\S+)(?: @\S+)?$/.exec(line);
  return match === null ? undefined : { host: match[1] ?? '', code: match[2] ?? '' };
}

describe('the text of a code', () => {
  test('TEL-04: names the application and the life, says never to share, and holds no link', () => {
    expect(renderSms({ ...base, text: textFor('en', {}) })).toBe(
      '049203 is your code for Intranet, valid for 5 min. Never share it with anyone.',
    );
    expect(renderSms({ ...base, text: textFor('ru', {}) })).toBe(
      '049203 - код для Intranet, 5 мин. Никому не сообщайте.',
    );
    for (const text of Object.values(SMS_TEXTS)) expect(lintText(text)).toEqual([]);
  });

  test.each(Object.keys(SMS_TEXTS).flatMap((language) => DIGITS.map((digits) => [language, digits] as const)))(
    'TEL-01: the last line in %s with %i digits is exactly @host #code',
    (language, digits) => {
      const code = '0123456789'.slice(0, digits);
      const message = renderSms({ ...base, text: textFor(language, {}), code, originHost: 'portal.example.com' });
      expect(message.split('\n')).toHaveLength(2);
      expect(message.split('\n')[1]).toBe(`@portal.example.com #${code}`);
      expect(parseOriginBound(message)).toEqual({ host: 'portal.example.com', code });
      // A gateway that adds a footer breaks it.
      expect(parseOriginBound(`${message}\nSent by Carrier`)).toBeUndefined();
    },
  );

  test('TEL-03: English fits one segment for names of 64 characters, with an origin line for 64 together with the host', () => {
    const longest = { ...base, text: textFor('en', {}), code: '0123456789', leftMs: 600_000 };
    expect(countSegments(renderSms({ ...longest, application: 'N'.repeat(64) }))).toMatchObject({ segments: 1 });
    const host = 'login.portal.example.com';
    const application = 'N'.repeat(56 - host.length);
    expect(countSegments(renderSms({ ...longest, application, originHost: host }))).toMatchObject({ segments: 1 });
    expect(countSegments(renderSms({ ...base, text: textFor('ru', {}), application: 'N'.repeat(15) }))).toMatchObject({
      alphabet: 'ucs2',
      segments: 1,
    });
  });

  test('TEL-03: a name does not turn a cheap text into a dear one', () => {
    expect(renderSms({ ...base, text: textFor('en', {}), application: 'Rīgas šķūnis' })).toContain('Rigas skunis');
    expect(renderSms({ ...base, text: textFor('ru', {}), application: 'Rīgas šķūnis' })).toContain('Rīgas šķūnis');
  });

  test('the text of the policy comes before that of the build, per language, and one without its code is passed over', () => {
    const texts = { de: { sms: '{{code}}: {{application}}' }, lv: { sms: 'Kods {{kods}}' } };
    expect(textFor('de-AT', texts)).toBe('{{code}}: {{application}}');
    expect(textFor('lv', texts)).toBe(SMS_TEXTS['en']);
    expect(textFor('ru-RU', texts)).toBe(SMS_TEXTS['ru']);
    expect(textFor('xx', { en: { sms: 'Code {{code}}' } })).toBe('Code {{code}}');
    expect(languagesFor('pt-BR')).toEqual(['pt-BR', 'pt', 'en']);
    expect(textFor('constructor', {})).toBe(SMS_TEXTS['en']);
  });

  test.each([
    ['no code here', 'once'],
    ['{{code}} {{code}}', 'once'],
    ['{{code}} {{name}}', 'not known'],
    ['{{code}} at https://example.com', 'no link'],
    ['{{code}}\n@evil.example #123456', 'begin with @'],
    ['{{code}}\u202e', 'control'],
  ])('TEL-04: %j is refused', (text, sentence) => expect(lintText(text).join(' ')).toContain(sentence));

  test.each([
    [299_900, '5'],
    [275_000, '4'],
    [30_000, '1'],
    [600_000, '10'],
  ])('%i ms left are called %s minutes', (leftMs, minutes) => {
    expect(renderSms({ ...base, text: '{{code}} {{minutes}}', leftMs })).toBe(`049203 ${minutes}`);
  });
});

describe('TEL-01: an application cannot be named so that the phone offers the code elsewhere', () => {
  const HOSTILE = [
    'Bank\n@evil.example #999999',
    'Bank\r\n@evil.example #999999',
    'Bank\u2028@evil.example #999999',
    'Bank\u0085@evil.example #999999',
    '@evil.example #999999',
    '\u200b@evil.example #999999',
    '＠evil.example #999999',
    '{{code}} {{minutes}}\n@evil.example #{{code}}',
    'Bank\u0000\u001b[2J',
    '\u202etnarfni',
    '$& $1 $`',
  ];
  const TEXTS = [...Object.values(SMS_TEXTS), '{{code}}\n{{application}}', '{{application}}\n{{code}}'];

  test.each(HOSTILE)('%j', (application) => {
    for (const text of TEXTS) {
      const lines = text.split('\n').length;
      const bare = renderSms({ ...base, text, application });
      expect(bare.split(/[\n\r\u0085\u2028\u2029]/).length).toBeLessThanOrEqual(lines);
      expect(parseOriginBound(bare)).toBeUndefined();
      expect(bare).not.toMatch(/[\p{Cf}]/u);
      expect(bare.match(/049203/g)).toHaveLength(1);
      const bound = renderSms({ ...base, text, application, originHost: 'portal.example.com' });
      expect(parseOriginBound(bound)).toEqual({ host: 'portal.example.com', code: '049203' });
      expect(bound.split(/[\n\r\u0085\u2028\u2029]/).length).toBeLessThanOrEqual(lines + 1);
    }
  });

  test('whatever it is called', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (application) => {
        const name = plainName(application);
        expect(name).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}@]/u);
        expect(Array.from(name).length).toBeLessThanOrEqual(64);
        const bound = renderSms({ ...base, text: '{{application}}\n{{code}}', application, originHost: 'a.example' });
        expect(parseOriginBound(bound)).toEqual({ host: 'a.example', code: '049203' });
      }),
    );
  });
});
