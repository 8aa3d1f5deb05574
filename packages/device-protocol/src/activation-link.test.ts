import fc from 'fast-check';
import { expect, test } from 'vitest';
import { activationLink, parseActivationLink, type ActivationLink } from './activation-link.ts';

const link: ActivationLink = {
  servers: ['https://mfa.example.com', 'https://mfa-2.example.com:8443'],
  activationId: 'activation-0123456789',
  code: 'AAECAwQFBgcICQoLDA0ODw',
  serverKeyThumbprint: 'x'.repeat(43),
  organisation: 'Клиника & Söhne #1',
};

test('is read as it was written', () => {
  expect(parseActivationLink(activationLink(link))).toEqual(link);
});

test('nothing of it but the server and the page is sent to anybody', () => {
  expect(new URL(activationLink(link))).toMatchObject({ origin: link.servers[0], pathname: '/app/', search: '' });
});

test('without a server there is none', () => {
  expect(() => activationLink({ ...link, servers: [] })).toThrow(RangeError);
});

test.each<[string, (text: string) => string]>([
  ['plain HTTP', (text) => text.replace('https:', 'http:')],
  ['a second server by plain HTTP', (text) => text.replace('server=https', 'server=http')],
  ['a second server with a path', (text) => `${text}%2Fpath`],
  ['too many servers', (text) => `${text}${'&server=https%3A%2F%2Fa.example'.repeat(3)}`],
  ['another version', (text) => text.replace('activate=1', 'activate=2')],
  ['another page', (text) => text.replace('/app/', '/other/')],
  ['a query', (text) => text.replace('/app/', '/app/?x')],
  ['a name and password in front', (text) => text.replace('mfa.example.com/', 'good@evil.example/')],
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
