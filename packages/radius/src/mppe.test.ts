import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MICROSOFT, VENDOR } from './attributes.ts';
import { hideKey, revealKey } from './mppe.ts';
import * as arbitrary from './testing/arbitraries.ts';
import { MPPE_KEYS } from './testing/vectors.ts';
import { vendorAttributesOf } from './vendor.ts';

const secret = Buffer.from('the secret of a VPN gateway');
const authenticator = Buffer.alloc(16, 0x21);
const salt = Buffer.of(0x80, 0x01);
const salts = fc
  .tuple(fc.integer({ min: 0x80, max: 0xff }), fc.integer({ min: 0, max: 0xff }))
  .map(([high, low]) => Buffer.of(high, low));

test('both keys of FreeRADIUS are looked at', () => {
  expect(MPPE_KEYS.map(({ type }) => type)).toEqual([MICROSOFT.mppeSendKey, MICROSOFT.mppeRecvKey]);
});

test.each(MPPE_KEYS)(
  'RAD-61: $name that FreeRADIUS hid is revealed, and hidden again the same',
  ({ type, exchange, key }) => {
    const { reply, request } = exchange;
    const hidden =
      vendorAttributesOf(reply, VENDOR.microsoft).find((one) => one.type === type)?.value ?? Buffer.alloc(0);

    expect(revealKey(hidden, exchange.secret, request.authenticator)).toEqual(key);
    expect(hideKey(key, hidden.subarray(0, 2), exchange.secret, request.authenticator)).toEqual(hidden);
  },
);

test('RAD-61: a key that was hidden is revealed', () => {
  fc.assert(
    fc.property(
      arbitrary.octets({ minLength: 1, maxLength: 239 }),
      salts,
      arbitrary.secret,
      arbitrary.authenticator,
      (key, anySalt, shared, random) => {
        const value = hideKey(key, anySalt, shared, random);
        expect(value.subarray(0, 2)).toEqual(anySalt);
        expect(revealKey(value, shared, random)).toEqual(key);
      },
    ),
  );
});

test('RAD-61: with the secret, the request or the salt of another it is not the key', () => {
  const key = Buffer.alloc(32, 0x5a);
  const value = hideKey(key, salt, secret, authenticator);
  const resalted = Buffer.from(value);
  resalted[1] = 0x02;

  expect(revealKey(value, Buffer.from('another'), authenticator)).not.toEqual(key);
  expect(revealKey(value, secret, Buffer.alloc(16))).not.toEqual(key);
  expect(revealKey(resalted, secret, authenticator)).not.toEqual(key);
});

describe('a key is not hidden', () => {
  test.each<[string, Buffer, Buffer]>([
    ['when there is none', Buffer.alloc(0), salt],
    ['of 240 octets', Buffer.alloc(240), salt],
    ['with a salt without its top bit', Buffer.alloc(16), Buffer.of(0x7f, 0xff)],
    ['with a salt of one octet', Buffer.alloc(16), Buffer.of(0x80)],
    ['with a salt of three', Buffer.alloc(16), Buffer.of(0x80, 1, 2)],
  ])('%s', (_, key, anySalt) => {
    expect(() => hideKey(key, anySalt, secret, authenticator)).toThrow(RangeError);
  });
});

describe('a value is no key', () => {
  const value = hideKey(Buffer.alloc(16, 1), salt, secret, authenticator);
  const withFirst = (changed: Buffer, mask: number) => {
    const octets = Buffer.from(changed);
    octets[2] = (octets[2] ?? 0) ^ mask;
    return octets;
  };

  test.each<[string, Buffer]>([
    ['when it is empty', Buffer.alloc(0)],
    ['when it is a salt alone', salt],
    ['when its salt is wrong', Buffer.concat([Buffer.of(0x00, 0x01), value.subarray(2)])],
    ['when an octet is missing', value.subarray(0, -1)],
    ['when there is one too many', Buffer.concat([value, Buffer.of(0)])],
    ['when it has sixteen blocks', Buffer.concat([salt, Buffer.alloc(256)])],
    // Length 16 is the first octet under the mask.
    ['when its length is beyond what is there', withFirst(value, 16 ^ 32)],
    ['when its length is 0', withFirst(value, 16)],
  ])('%s', (_, octets) => {
    expect(revealKey(octets, secret, authenticator)).toBeUndefined();
  });

  test('and is one up to the last octet', () => {
    expect(revealKey(withFirst(value, 16 ^ 31), secret, authenticator)).toHaveLength(31);
  });
});

test('an authenticator of another length is refused', () => {
  expect(() => hideKey(Buffer.alloc(16), salt, secret, Buffer.alloc(15))).toThrow(RangeError);
  expect(() => revealKey(Buffer.alloc(18), secret, Buffer.alloc(17))).toThrow(RangeError);
});
