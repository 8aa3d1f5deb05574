import { isIPv4, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ipv4Octets, ipv6Octets } from './address.ts';
import { ATTRIBUTE } from './attributes.ts';
import { attributeFrom, DICTIONARY, nameOf } from './dictionary.ts';
import { exchangeOf } from './testing/vectors.ts';

const hexOf = (name: string, value: string) => attributeFrom(name, value).value.toString('hex');

test('every name and every number is there once', () => {
  expect(DICTIONARY.length).toBeGreaterThan(70);
  expect(new Set(DICTIONARY.map(({ name }) => name.toLowerCase())).size).toBe(DICTIONARY.length);
  expect(new Set(DICTIONARY.map(({ type, vendor }) => `${vendor}/${type}`)).size).toBe(DICTIONARY.length);
});

test.each(DICTIONARY)('$name is written, and named again', ({ name, kind, type, vendor }) => {
  const value = { text: 'a text', integer: '1', ipaddr: '192.0.2.1', ipv6addr: '2001:db8::1', octets: '0xff' }[kind];
  const attribute = attributeFrom(name, value);

  expect(attribute.type).toBe(vendor === undefined ? type : ATTRIBUTE.vendorSpecific);
  expect(nameOf(attribute)).toBe(name);
});

test.each([
  ['User-Password', ATTRIBUTE.userPassword],
  ['State', ATTRIBUTE.state],
  ['Proxy-State', ATTRIBUTE.proxyState],
  ['EAP-Message', ATTRIBUTE.eapMessage],
  ['Message-Authenticator', ATTRIBUTE.messageAuthenticator],
  ['Tunnel-Password', ATTRIBUTE.tunnelPassword],
  ['Vendor-Specific', ATTRIBUTE.vendorSpecific],
  ['MS-MPPE-Send-Key', 16],
])('RAD-20: an administrator cannot add %s', (name, type) => {
  expect(() => attributeFrom(name, '0x00')).toThrow(RangeError);
  expect(DICTIONARY.some((row) => row.vendor === undefined && row.type === type && type !== 16)).toBe(false);
});

test('what FreeRADIUS sent for the same words is the same', () => {
  const { attributes } = exchangeOf('FreeRADIUS 3.2.1: Access-Accept with keys').reply;
  for (const [name, value] of [
    ['Reply-Message', 'Hello'],
    ['MS-MPPE-Encryption-Policy', '2'],
    ['Cisco-AVPair', 'shell:priv-lvl=15'],
    ['Cisco-AVPair', 'ip:inacl#1=permit ip any any'],
    ['Tunnel-Type:1', 'VLAN'],
    ['Tunnel-Medium-Type:1', 'IEEE-802'],
    ['Tunnel-Private-Group-Id:1', '42'],
    ['Fortinet-Group-Name', 'VPN users'],
  ] as const) {
    expect(attributes, name).toContainEqual(attributeFrom(name, value));
  }
});

describe('a value', () => {
  test.each([
    ['Session-Timeout', '3600', '00000e10'],
    ['Session-Timeout', '4294967295', 'ffffffff'],
    ['session-timeout', '0', '00000000'],
    ['Service-Type', 'Administrative', '00000006'],
    ['Service-Type', 'nas-prompt', '00000007'],
    ['Framed-IP-Address', '255.255.255.254', 'fffffffe'],
    ['Framed-IPv6-Address', '2001:db8::c000:201', '20010db80000000000000000c0000201'],
    ['Class', 'OU=Sales;', '4f553d53616c65733b'],
    ['Class', '0xCAFE', 'cafe'],
    ['Filter-Id', '0xCAFE', '307843414645'],
    ['Filter-Id', 'Zoë', '5a6fc3ab'],
    ['Tunnel-Type', 'VLAN', '0000000d'],
    ['Tunnel-Type:31', '13', '1f00000d'],
    ['Tunnel-Private-Group-Id', '42', '3432'],
    ['ASA-Group-Policy', 'Staff', '00000c0419075374616666'],
    ['PaloAlto-User-Group', 'vpn', '000063750505' + '76706e'],
    ['Citrix-User-Groups', 'vpn', '00000042100576706e'],
    ['Aruba-User-Role', 'staff', '000039e70107' + '7374616666'],
    ['Juniper-Local-User-Name', 'op', '00000a4c01046f70'],
  ])('of %s may be %s', (name, value, hex) => {
    expect(hexOf(name, value)).toBe(hex);
  });

  test.each([
    ['Session-Timeout', '4294967296', 'whole number from 0 to 4294967295'],
    ['Session-Timeout', '-1', 'whole number'],
    ['Session-Timeout', '1e3', 'whole number'],
    ['Session-Timeout', '', 'whole number'],
    ['Session-Timeout', 'Administrative', 'whole number'],
    ['Service-Type', 'God', 'Administrative, NAS-Prompt'],
    ['Service-Type', 'constructor', 'whole number'],
    ['Tunnel-Type', '16777216', 'from 0 to 16777215'],
    ['Framed-IP-Address', '192.0.2', 'IPv4 address'],
    ['Framed-IP-Address', '192.0.2.256', 'IPv4 address'],
    ['Framed-IP-Address', '192.0.2.010', 'IPv4 address'],
    ['Framed-IPv6-Address', 'fe80::1%eth0', 'IPv6 address'],
    ['Class', '0xabc', 'hexadecimal'],
    ['Class', '0x', 'hexadecimal'],
    ['Class', '', 'not empty'],
    ['Filter-Id', '', 'not empty'],
    ['Filter-Id', 'a'.repeat(254), 'at most 253 octets'],
    ['Filter-Id', 'ë'.repeat(127), 'at most 253 octets'],
    ['Tunnel-Private-Group-Id:1', 'a'.repeat(253), 'at most 253 octets'],
    ['Tunnel-Private-Group-Id', '\u0001group', 'control character'],
    ['Cisco-AVPair', 'a'.repeat(248), 'at most 247 octets'],
  ])('of %s may not be %s: %s', (name, value, sentence) => {
    expect(() => attributeFrom(name, value)).toThrow(RangeError);
    expect(() => attributeFrom(name, value)).toThrow(sentence);
  });
});

test.each([
  '',
  'Filter-Idd',
  'constructor',
  '__proto__',
  'Filter-Id:1',
  'Tunnel-Type:0',
  'Tunnel-Type:32',
  'Tunnel-Type:x',
])('there is no attribute %j', (name) => {
  expect(() => attributeFrom(name, '1')).toThrow(RangeError);
});

test.each([
  ['of a type that is not in it', { type: 1, value: Buffer.from('alice') }],
  ['of a vendor that is not in it', { type: 26, value: Buffer.from('00ffffff0103aa', 'hex') }],
  ['of a Vendor-Specific that is none', { type: 26, value: Buffer.from('00', 'hex') }],
  ['of a Vendor-Specific with nothing in it', { type: 26, value: Buffer.from('00000009', 'hex') }],
])('there is no name %s', (_, attribute) => {
  expect(nameOf(attribute)).toBeUndefined();
});

describe('an address is one exactly when node:net says so', () => {
  test('in dotted decimal', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.ipV4(), fc.string({ unit: fc.constantFrom('0', '1', '2', '9', '.'), maxLength: 15 })),
        (text) => {
          expect(ipv4Octets(text)?.join('.')).toBe(isIPv4(text) ? text : undefined);
        },
      ),
    );
  });

  test('in groups of hexadecimal digits', () => {
    const near = fc.array(fc.constantFrom('0', 'f', '12', 'ffff', ':', '::', ':', '1.2.3.4', 'g'), { maxLength: 17 });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.ipV6(),
          near.map((parts) => parts.join('')),
        ),
        (text) => {
          const octets = ipv6Octets(text);
          expect(octets !== undefined, text).toBe(isIPv6(text));
          if (octets === undefined) return;
          expect(octets).toHaveLength(16);
          // The URL parser reads IPv6 on its own.
          const again = (octets.toString('hex').match(/.{4}/g) ?? []).join(':');
          expect(new URL(`http://[${again}]`).hostname).toBe(new URL(`http://[${text}]`).hostname);
        },
      ),
      { numRuns: 1000 },
    );
  });
});
