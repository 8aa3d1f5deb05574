import { expect, test } from 'vitest';
import { addressText, firstBits, networkText, readAddress, readNetwork } from './network.ts';

test.each([
  ['192.0.2.10', '192.0.2.10'],
  ['192.0.2.10/32', '192.0.2.10'],
  ['192.0.2.0/24', '192.0.2.0/24'],
  ['10.0.0.0/8', '10.0.0.0/8'],
  ['192.0.2.128/25', '192.0.2.128/25'],
  ['0.0.0.0/0', '0.0.0.0/0'],
  ['2001:DB8::', '2001:db8::'],
  ['2001:db8:0:0:0:0:0:1/128', '2001:db8::1'],
  ['2001:0db8:0000::/48', '2001:db8::/48'],
  ['2001:db8:0:1::/63', undefined],
  ['2001:db8:0:2::/63', '2001:db8:0:2::/63'],
  ['::/0', '::/0'],
  ['::1', '::1'],
  ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
])('RAD-03: %s is %s', (text, wanted) => {
  if (wanted === undefined) expect(() => readNetwork(text)).toThrow(RangeError);
  else expect(networkText(readNetwork(text))).toBe(wanted);
});

test.each([
  ['192.0.2.10/24', 'bits past the first 24 are set: the network would be 192.0.2.0/24'],
  ['2001:db8::1/64', 'bits past the first 64 are set: the network would be 2001:db8::/64'],
  ['192.0.2.0/33', 'a number from 0 to 32'],
  ['2001:db8::/129', 'a number from 0 to 128'],
  ['192.0.2.0/', 'a number from 0 to 32'],
  ['192.0.2.0/024', 'a number from 0 to 32'],
  ['192.0.2.0/24/24', 'more than one slash'],
  ['::ffff:192.0.2.1', 'write it as IPv4'],
  ['::ffff:0:0/96', 'write it as IPv4'],
  ['fe80::1%eth0', 'no IPv4 or IPv6 address'],
  ['192.0.2.010', 'no IPv4 or IPv6 address'],
  ['192.0.2', 'no IPv4 or IPv6 address'],
  ['vpn.example.com', 'no IPv4 or IPv6 address'],
  ['', 'no IPv4 or IPv6 address'],
])('RAD-03: %s is refused: %s', (text, sentence) => expect(() => readNetwork(text)).toThrow(sentence));

test.each([
  ['192.0.2.10', 'c000020a'],
  ['::ffff:192.0.2.10', 'c000020a'],
  ['::FFFF:c000:20a', 'c000020a'],
  ['2001:db8::5', '20010db8000000000000000000000005'],
  ['fe80::1%eth0', 'fe800000000000000000000000000001'],
  ['192.0.2.10/32', undefined],
  ['192.0.2', undefined],
  ['', undefined],
])('RAD-03: packets come from %s', (text, hex) => expect(readAddress(text)?.toString('hex')).toBe(hex));

test('RAD-03: an address is in a network when its first bits are those', () => {
  const address = Buffer.from([192, 0, 2, 255]);
  const found = [0, 1, 20, 25, 31, 32].map((prefix) => [...firstBits(address, prefix)].join('.'));
  expect(found).toEqual(['0.0.0.0', '128.0.0.0', '192.0.0.0', '192.0.2.128', '192.0.2.254', '192.0.2.255']);
});

test('addresses in attributes are written as people do', () => {
  expect(addressText(Buffer.from([192, 0, 2, 1]))).toBe('192.0.2.1');
  expect(addressText(Buffer.from('20010db8000000000000000000000001', 'hex'))).toBe('2001:db8::1');
  expect(addressText(Buffer.from([1, 2, 3]))).toBeUndefined();
});
