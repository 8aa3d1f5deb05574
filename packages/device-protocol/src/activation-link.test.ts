import fc from 'fast-check';
import { expect, test } from 'vitest';
import { activationLink, parseActivationLink, type ActivationLink } from './activation-link.ts';

const link: ActivationLink = {
  server: 'https://mfa.example.com',
  activationId: 'activation-0123456789',
  code: 'AAECAwQFBgcICQoLDA0ODw',
  serverKeyThumbprint: 'x'.repeat(43),
  organisation: 'Клиника & Söhne #1',
};

test('is read as it was written', () => {
  expect(parseActivationLink(activationLink(link))).toEqual(link);
});

test('nothing of it but the server and the page is sent to anybody', () => {
  expect(new URL(activationLink(link))).toMatchObject({ origin: link.server, pathname: '/app/', search: '' });
});

test.each<[string, Partial<ActivationLink>]>([
  ['without a server', { server: '' }],
  ['with a server that is more than an origin', { server: 'https://mfa.example.com/' }],
  ['with plain HTTP', { server: 'http://mfa.example.com' }],
  ['without a name', { organisation: ' ' }],
  ['with a name without end', { organisation: 'a'.repeat(129) }],
  ['with a name of two lines', { organisation: 'Clinic\nhttps://clinic.example' }],
  ['with half a character', { organisation: 'Clinic \uD83D' }],
])('%s there is none', (_, change) => {
  expect(() => activationLink({ ...link, ...change })).toThrow(RangeError);
});

test.each<[string, (text: string) => string]>([
  ['plain HTTP', (text) => text.replace('https:', 'http:')],
  ['a second server', (text) => `${text}&server=https%3A%2F%2Fa.example`],
  ['another version', (text) => text.replace('activate=1', 'activate=2')],
  ['another page', (text) => text.replace('/app/', '/other/')],
  ['a query', (text) => text.replace('/app/', '/app/?x')],
  ['a name and password in front', (text) => text.replace('mfa.example.com/', 'good@evil.example/')],
  ['an empty name in front', (text) => text.replace('https://', 'https://@')],
  ['backslashes', (text) => text.replace('https://', 'https:\\\\')],
  ['one slash', (text) => text.replace('https://', 'https:/')],
  ['the port that is meant anyway', (text) => text.replace('.com/', '.com:443/')],
  ['a path that leads there in the end', (text) => text.replace('/app/', '/x/%2e%2e/app/')],
  ['a line break', (text) => text.replace('/app/', '/a\npp/')],
  ['capital letters', (text) => text.replace('mfa.example', 'MFA.example')],
  ['another alphabet', (text) => text.replace('mfa.example', 'mf\u0430.example')],
  ['a plus for a space', (text) => text.replaceAll('%20', '+')],
  ['broken UTF-8', (text) => text.replace('org=', 'org=%FF')],
  ['more than belongs there', (text) => `${text}&x=1`],
  ['a short code', (text) => text.replace(link.code, 'AAECAwQF')],
  ['a code twice', (text) => `${text}&code=${link.code}`],
  ['no thumbprint', (text) => text.replace(/&key=[^&]*/, '')],
  ['no organisation', (text) => text.replace(/&org=[^&]*/, '')],
  ['an organisation without end', (text) => text.replace(/&org=[^&]*/, `&org=${'a'.repeat(129)}`)],
  ['what is too long', (text) => `${text}&x=${'a'.repeat(2048)}`],
])('%s is no activation', (_, change) => {
  expect(change(activationLink(link))).not.toBe(activationLink(link));
  expect(parseActivationLink(change(activationLink(link)))).toBeUndefined();
});

test('whatever a camera reads is refused, and never throws', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.webUrl({ withFragments: true })), (text) => {
      expect(parseActivationLink(text)).toBeUndefined();
    }),
  );
});
