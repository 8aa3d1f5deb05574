import { expect, test } from 'vitest';
import { networkText, readNetwork } from './network.ts';

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
