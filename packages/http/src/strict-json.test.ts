import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseStrictJson } from './strict-json.ts';

const parse = (text: string | Buffer) => parseStrictJson(Buffer.from(text));
const reason = (text: string | Buffer): string | undefined => {
  try {
    parse(text);
    return undefined;
  } catch (error) {
    expect(error).toMatchObject({ code: 'REQUEST_INVALID' });
    return (error as { invalid?: { message: string }[] }).invalid?.[0]?.message;
  }
};

test('every JSON value that JSON.stringify writes is read as JSON.parse reads it', () => {
  const clean = (text: string) => text.isWellFormed() && !text.includes('\\u0000') && !text.includes('__proto__');
  fc.assert(
    fc.property(fc.json({ maxDepth: 5 }).filter(clean), (text) => {
      expect(parse(text)).toEqual(JSON.parse(text));
    }),
  );
});

test('no bytes at all make it throw anything but REQUEST_INVALID', () => {
  const pieces = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    '"',
    '\\',
    'u',
    '0',
    ':',
    ',',
    'a',
    '1',
    ' ',
    '\\u0000',
    '__proto__',
  );
  // `reason` asserts the code.
  const isAnswered = (text: string | Buffer) => {
    expect(['string', 'undefined']).toContain(typeof reason(text));
  };
  const texts = fc.oneof(
    fc.array(pieces).map((list) => list.join('')),
    fc.string(),
  );
  fc.assert(fc.property(texts, (text) => isAnswered(text)));
  fc.assert(fc.property(fc.uint8Array(), (bytes) => isAnswered(Buffer.from(bytes))));
});

describe('refused', () => {
  test.each([
    ['invalid UTF-8', Buffer.from([0x22, 0xc3, 0x28, 0x22]), 'is not UTF-8'],
    ['an encoded surrogate', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), 'is not UTF-8'],
    ['an overlong NUL', Buffer.from([0x22, 0xc0, 0x80, 0x22]), 'is not UTF-8'],
    ['a byte order mark', '\ufeff{}', 'is not JSON'],
    ['UTF-16', Buffer.from('{}', 'utf16le'), 'is not JSON'],
    ['a raw NUL', '{"a":"\u0000"}', 'is not JSON'],
    ['an escaped NUL', '{"a":"\\u0000"}', 'holds NUL or half of a surrogate pair'],
    ['an escaped NUL in a name', '{"a\\u0000":1}', 'holds NUL or half of a surrogate pair'],
    ['a high surrogate alone', '["\\ud83d"]', 'holds NUL or half of a surrogate pair'],
    ['a low surrogate alone', '"\\ude00x"', 'holds NUL or half of a surrogate pair'],
    ['surrogates the wrong way round', '["\\ude00\\ud83d"]', 'holds NUL or half of a surrogate pair'],
    ['a name twice', '{"a":1,"a":1}', 'names a member twice'],
    ['a name twice, once escaped', '{"a":1,"\\u0061":2}', 'names a member twice'],
    ['a name twice, deep inside', '{"a":[{"b":{"c":1,"c":2}}]}', 'names a member twice'],
    ['__proto__', '{"__proto__":{"admin":true}}', 'has a member that is not allowed'],
    ['__proto__, escaped', '{"\\u005f_proto__":1}', 'has a member that is not allowed'],
    ['17 levels', `${'['.repeat(17)}${']'.repeat(17)}`, 'is nested too deeply'],
    ['30,000 levels', `${'['.repeat(30_000)}${']'.repeat(30_000)}`, 'is nested too deeply'],
    ['two documents', '{}{}', 'is not JSON'],
    ['nothing', '', 'is not JSON'],
  ])('%s', (_, text, message) => expect(reason(text)).toBe(message));
});

test.each([
  '{"a":"b:c","d":"{[\\"\\\\"}',
  '{"emoji":"\\ud83d\\ude00"}',
  '{"ä":{"a":1},"a":{"a":1}}',
  '[[[[1]]]]',
  '"\\\\"',
  '0',
])('let through: %s', (text) => expect(parse(text)).toEqual(JSON.parse(text)));
