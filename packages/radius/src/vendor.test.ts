import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VENDOR } from './attributes.ts';
import * as arbitrary from './testing/arbitraries.ts';
import { vendorAttribute, vendorAttributesOf } from './vendor.ts';

const of = (vendor: number, ...hex: string[]) =>
  vendorAttributesOf({ attributes: hex.map((one) => ({ type: 26, value: Buffer.from(one, 'hex') })) }, vendor);

test('RFC 2865 section 5.26: an attribute of a vendor is written in the recommended form', () => {
  expect(vendorAttribute({ vendor: VENDOR.microsoft, type: 11, value: Buffer.of(1, 2, 3) })).toEqual({
    type: 26,
    value: Buffer.from('00000137' + '0b05010203', 'hex'),
  });
});

test('what is written is read again', () => {
  fc.assert(
    fc.property(
      fc.record({
        vendor: fc.integer({ min: 1, max: 2 ** 24 - 1 }),
        type: fc.integer({ min: 0, max: 255 }),
        value: arbitrary.octets({ maxLength: 247 }),
      }),
      ({ vendor, type, value }) => {
        const attributes = [vendorAttribute({ vendor, type, value })];
        expect(vendorAttributesOf({ attributes }, vendor)).toEqual([{ type, value }]);
        expect(vendorAttributesOf({ attributes }, vendor + 1)).toEqual([]);
      },
    ),
  );
});

test('several may share one Vendor-Specific, and several of those keep their order', () => {
  expect(of(9, '00000009' + '0103aa' + '0202', '00000137' + '0103bb', '00000009' + '0103cc')).toEqual([
    { type: 1, value: Buffer.of(0xaa) },
    { type: 2, value: Buffer.alloc(0) },
    { type: 1, value: Buffer.of(0xcc) },
  ]);
});

describe('one that does not hold whole attributes is passed over', () => {
  test.each([
    ['with nothing in it', ''],
    ['with three octets', '000000'],
    ['with the vendor alone', '00000009'],
    ['with a length of 0', '00000009' + '0100aa'],
    ['with a length of 1', '00000009' + '0101aa'],
    ['with a type alone', '00000009' + '01'],
    ['with a length beyond it', '00000009' + '0104aa'],
    ['with a second one beyond it', '00000009' + '0103aa' + '0204bb'],
    ['with an octet behind', '00000009' + '0103aa' + '02'],
  ])('%s, and the next is read', (_, hex) => {
    expect(of(9, hex, '00000009' + '0103cc')).toEqual([{ type: 1, value: Buffer.of(0xcc) }]);
  });
});

test('what is in other attributes is not looked at', () => {
  const attributes = [{ type: 25, value: Buffer.from('000000090103aa', 'hex') }];

  expect(vendorAttributesOf({ attributes }, 9)).toEqual([]);
});

test.each([
  ['no vendor', { vendor: 0 }],
  ['a vendor beyond three octets', { vendor: 2 ** 24 }],
  ['half a vendor', { vendor: 1.5 }],
  ['a type beyond one octet', { type: 256 }],
  ['a type below 0', { type: -1 }],
  ['a value of 248 octets', { value: Buffer.alloc(248) }],
])('%s is refused', (_, wrong) => {
  expect(() => vendorAttribute({ vendor: 9, type: 1, value: Buffer.alloc(1), ...wrong })).toThrow(RangeError);
});
