import type { LookupAddress } from 'node:dns';
import { describe, expect, test } from 'vitest';
import { isPublicAddress, isPublicHost, publicLookup } from './public-address.ts';

describe('what is no address in the internet', () => {
  test.each([
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:8.8.8.8',
    '::127.0.0.1',
    '64:ff9b::7f00:1',
    '64:ff9b:1::a00:1',
    'fc00::1',
    'fd12:3456::1',
    'fe80::1',
    'fec0::1',
    'ff02::1',
    '2001::1',
    '2001:db8::1',
    '2002:7f00:1::',
    'localhost',
    '',
  ])('%s', (address) => expect(isPublicAddress(address)).toBe(false));

  test.each(['8.8.8.8', '100.128.0.1', '172.32.0.1', '17.57.144.1', '2a00:1450:4001::200a', '2620:149:208::1'])(
    'and %s is one',
    (address) => expect(isPublicAddress(address)).toBe(true),
  );
});

test.each([
  ['https://127.0.0.1/', false],
  ['https://2130706433/', false],
  ['https://0x7f.1/', false],
  ['https://[::1]/', false],
  ['https://[::ffff:10.0.0.1]/', false],
  ['https://8.8.8.8/', true],
  ['https://push.example.com/', true],
])('the host of %s, however it is written', (url, isPublic) =>
  expect(isPublicHost(new URL(url).hostname)).toBe(isPublic),
);

describe('a name is followed only to public addresses', () => {
  const followed = (addresses: string[], all: boolean) =>
    new Promise((resolve) => {
      const given = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
      const lookup = publicLookup((_hostname, _options, answer) => answer(null, given));
      lookup('push.example.com', { all }, (error, found: string | LookupAddress[]) => resolve(error?.code ?? found));
    });

  test.each([[['10.0.0.1']], [['127.0.0.1', '::1']], [['fd00::1', '169.254.169.254']], [[]]])(
    '%j: nowhere',
    async (addresses) => {
      expect(await followed(addresses, true)).toBe('PRIVATE_ADDRESS');
      expect(await followed(addresses, false)).toBe('PRIVATE_ADDRESS');
    },
  );

  test('of several, to the public ones', async () => {
    const addresses = ['10.0.0.1', '17.57.144.1', '::1'];
    expect(await followed(addresses, true)).toEqual([{ address: '17.57.144.1', family: 4 }]);
    expect(await followed(addresses, false)).toBe('17.57.144.1');
  });

  test('the error of the resolver is passed on', async () => {
    const lookup = publicLookup((_hostname, _options, answer) =>
      answer(Object.assign(new Error('none'), { code: 'ENOTFOUND' }), []),
    );
    expect(await new Promise((resolve) => lookup('x', {}, (error) => resolve(error?.code)))).toBe('ENOTFOUND');
  });
});
