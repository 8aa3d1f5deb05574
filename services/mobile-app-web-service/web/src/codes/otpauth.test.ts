import { describe, expect, test } from 'vitest';
import uris from '../../../../../tests/vectors/otpauth-uri.json' with { type: 'json' };
import { parseOtpauth } from './otpauth.ts';

const GOOD = 'otpauth://totp/Bank:anna?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Bank';

test.each(uris.vectors)('$uri', ({ uri, issuer, account, secretAscii, algorithm, digits, periodSeconds }) => {
  const secret = new TextEncoder().encode(secretAscii);
  expect(parseOtpauth(uri)).toEqual({ issuer, account, secret, algorithm, digits, periodSeconds });
});

describe('names', () => {
  test.each([
    ['otpauth://totp/anna?secret=GEZDGNBVGY3TQOJQ', { issuer: '', account: 'anna' }],
    ['otpauth://totp/Bank:%20anna?secret=GEZDGNBVGY3TQOJQ', { issuer: 'Bank', account: 'anna' }],
    ['otpauth://totp/Bank%3Aanna?secret=GEZDGNBVGY3TQOJQ', { issuer: 'Bank', account: 'anna' }],
    ['otpauth://TOTP/anna?secret=gezd%20gnbv%20gy3t%20qojq&issuer=Bank', { issuer: 'Bank', account: 'anna' }],
  ])('%s', (uri, names) => expect(parseOtpauth(uri)).toMatchObject(names));
});

test.each([
  ['another kind', GOOD.replace('totp', 'hotp')],
  ['another scheme', GOOD.replace('otpauth', 'https')],
  ['no secret', 'otpauth://totp/anna?issuer=Bank'],
  ['an empty secret', GOOD.replace(/secret=\w+/, 'secret=')],
  ['a secret that is none', GOOD.replace('GEZD', 'GE1D')],
  ['an algorithm that is not known', `${GOOD}&algorithm=MD5`],
  ['seven digits', `${GOOD}&digits=7`],
  ['a period that is not known', `${GOOD}&period=45`],
  ['no name', 'otpauth://totp/?secret=GEZDGNBVGY3TQOJQ'],
  ['a name that breaks the line', GOOD.replace('anna', 'an%0Ana')],
  ['a name that is no text', GOOD.replace('anna', '%FF')],
  ['more than any code holds', `${GOOD}&x=${'x'.repeat(2048)}`],
  ['anything else', 'nonsense'],
])('refuses %s', (_, uri) => expect(parseOtpauth(uri)).toBeUndefined());
