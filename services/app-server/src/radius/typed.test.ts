import type { RadiusClientSettings } from '@countersign/contracts';
import { describe, expect, test } from 'vitest';
import { methodOfWord, partTyped } from './typed.ts';

type Settings = Pick<RadiusClientSettings, 'firstFactor' | 'appended'>;
const plain: Settings = { firstFactor: { by: 'directory' }, appended: { how: 'none' } };
const digits: Settings = { ...plain, appended: { how: 'digits', digits: 6 } };
const comma: Settings = { ...plain, appended: { how: 'separator', separator: ',' } };
const held: Settings = { firstFactor: { by: 'none' }, appended: { how: 'none' } };

describe('RAD-51: what is typed behind a password', () => {
  test.each([
    ['is part of it unless the client says otherwise', plain, 'secret123456', { password: 'secret123456' }],
    ['is a code where it is as many digits', digits, 'secret123456', { password: 'secret', code: '123456' }],
    [
      'is a code also behind digits of the password',
      digits,
      'secret99123456',
      { password: 'secret99', code: '123456' },
    ],
    ['is no code where it is fewer digits', digits, 'secret12345', { password: 'secret12345' }],
    ['is no code where nothing stands before it', digits, '123456', { password: '123456' }],
    ['is no code in other digits than these ten', digits, 'secret１２３４５６', { password: 'secret１２３４５６' }],
    ['is a code after the separator', comma, 'secret,123456', { password: 'secret', code: '123456' }],
    ['is parted at the last separator', comma, 'sec,ret,123456', { password: 'sec,ret', code: '123456' }],
    ['is a way to be asked', comma, 'secret,PUSH', { password: 'secret', method: 'app' }],
    ['is nothing after a separator at the end', comma, 'secret,', { password: 'secret' }],
    ['is nothing without a separator', comma, 'secret123456', { password: 'secret123456' }],
    ['is whatever cannot be a code after a separator', comma, 'a,b', { password: 'a', code: 'b' }],
    ['is all of it where the client has held the password', held, '123456', { password: '', code: '123456' }],
    ['is all of it, also a word', held, ' sms ', { password: '', method: 'sms' }],
    ['is nothing where nothing is typed', held, '', { password: '' }],
  ])('%s', (_, settings, text, expected) => {
    expect(partTyped(text, settings)).toEqual(expected);
  });

  test('words are known in any case, and nothing else is one', () => {
    expect(['App', 'push', 'CODE', 'sms', 'recovery'].map(methodOfWord)).toEqual([
      'app',
      'app',
      'totp',
      'sms',
      'recovery',
    ]);
    expect(['', 'constructor', '__proto__', 'pushx'].map(methodOfWord)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});
