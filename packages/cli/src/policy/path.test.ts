import { DEFAULT_POLICY } from '@countersign/contracts';
import { expect, test } from 'vitest';
import { CommandError } from '../failure.ts';
import { parseDocument } from './document.ts';
import { flatten, policyPaths, readValue, withoutValue, withValue } from './path.ts';

test('every value of the default policy has a path', () => {
  const paths = policyPaths();
  for (const { path } of flatten(DEFAULT_POLICY)) if (path !== 'texts') expect(paths).toContain(path);
  expect(paths.length).toBeGreaterThan(25);
});

test.each<[string, string, unknown]>([
  ['code.digits', '8', 8],
  ['code.originHost', 'login.example.com', 'login.example.com'],
  ['code.originHost', 'null', null],
  ['methods.order', 'totp, sms', ['totp', 'sms']],
  ['methods.order', '["sms"]', ['sms']],
  ['messages.prefixes', '+371,+372', ['+371', '+372']],
  ['messages.prefixes', '', []],
  ['totp.issuer', '2026', '2026'],
  ['totp.issuer', '"Example"', 'Example'],
  ['users.requireMatch', 'false', false],
  ['texts.pt-BR.sms', '{{code}} para {{application}}', '{{code}} para {{application}}'],
])('%s takes %j', (path, text, value) => {
  expect(readValue(path, text)).toEqual(value);
});

test.each([
  ['code.digits', '5'],
  ['code.digits', 'six'],
  ['methods.order', 'totp,fax'],
  ['methods.order', ''],
  ['users.requireMatch', 'yes'],
  ['users.unknown', 'maybe'],
])('%s does not take %j', (path, text) => {
  expect(() => readValue(path, text)).toThrow(CommandError);
});

test.each([
  'code',
  'code.digit',
  'code.digits.more',
  'nothing',
  '',
  '__proto__.x',
  'constructor',
  'texts.en',
  'texts.E N.sms',
])('%j is no path', (path) => {
  expect(() => readValue(path, '1')).toThrow(/has no value/);
});

test('a value is put and taken out; empty sections go', () => {
  const document = withValue({ code: { lifeSeconds: 60 } }, 'code.digits', 8);
  expect(document).toEqual({ code: { lifeSeconds: 60, digits: 8 } });
  expect(withoutValue(document, 'code.digits')).toEqual({ code: { lifeSeconds: 60 } });
  expect(withoutValue({ texts: { en: { sms: 'x' } } }, 'texts.en.sms')).toEqual({});
  expect(withoutValue({}, 'code.digits')).toEqual({});
});

test('a document that was written by hand or shown before is read', () => {
  expect(parseDocument('{"code":{"digits":8}}', 'f')).toEqual({ document: { code: { digits: 8 } } });
  expect(parseDocument('{"scope":"global","version":3,"document":{}}', 'f')).toEqual({
    document: {},
    madeFrom: { scope: 'global', version: 3 },
  });
});

test.each(['', '[]', 'null', '{"scope":"global","version":3}'])('%j is no document', (text) => {
  expect(() => parseDocument(text, 'f')).toThrow(CommandError);
});
