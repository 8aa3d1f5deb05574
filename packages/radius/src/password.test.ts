import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ATTRIBUTE } from './attributes.ts';
import { firstOf } from './packet.ts';
import { hidePassword, revealPassword } from './password.ts';
import * as arbitrary from './testing/arbitraries.ts';
import { EXCHANGES, SIGNED_REQUESTS } from './testing/vectors.ts';

const vectors = [
  ...EXCHANGES.map(({ name, secret, password, request }) => ({ name, secret, password, packet: request })),
  ...SIGNED_REQUESTS,
].flatMap(({ password, ...vector }) => (password === undefined ? [] : [{ ...vector, password }]));
const secret = Buffer.from('xyzzy5461');
const authenticator = Buffer.alloc(16, 0x33);

test('five vectors were looked at', () => expect(vectors).toHaveLength(5));

test.each(vectors)('RAD-05: $name holds its password', ({ packet, secret: shared, password }) => {
  const hidden = firstOf(packet, ATTRIBUTE.userPassword) ?? Buffer.alloc(0);

  expect(revealPassword(hidden, shared, packet.authenticator)?.toString()).toBe(password);
  expect(hidePassword(Buffer.from(password), shared, packet.authenticator)).toEqual(hidden);
});

test('RAD-05: what is hidden is revealed, without the NULs at its end and with all others', () => {
  fc.assert(
    fc.property(
      arbitrary.octets({ minLength: 1, maxLength: 128 }),
      arbitrary.secret,
      arbitrary.authenticator,
      (password, shared, random) => {
        const hidden = hidePassword(password, shared, random);
        expect(hidden.length).toBe(Math.ceil(password.length / 16) * 16);
        const end = password.findLastIndex((octet) => octet !== 0) + 1;
        expect(revealPassword(hidden, shared, random)).toEqual(password.subarray(0, end));
      },
    ),
  );
  const inside = Buffer.from('a\0b\0\0');
  expect(revealPassword(hidePassword(inside, secret, authenticator), secret, authenticator)).toEqual(
    Buffer.from('a\0b'),
  );
});

describe('RAD-06: a password of', () => {
  test.each([0, 129, 131, 144])('%s octets cannot be hidden', (length) => {
    expect(() => hidePassword(Buffer.alloc(length, 0x61), secret, authenticator)).toThrow(RangeError);
  });

  test.each([1, 16, 17, 128])('%s octets can', (length) => {
    const password = Buffer.alloc(length, 0x61);

    expect(revealPassword(hidePassword(password, secret, authenticator), secret, authenticator)).toEqual(password);
  });
});

test.each([0, 1, 15, 17, 31, 129, 144, 253])('RAD-05: %s hidden octets are no password', (length) => {
  expect(revealPassword(Buffer.alloc(length), secret, authenticator)).toBeUndefined();
});

test('a password of NULs alone is empty', () => {
  expect(revealPassword(hidePassword(Buffer.alloc(16), secret, authenticator), secret, authenticator)).toHaveLength(0);
});

test('an authenticator of another length is refused', () => {
  const short = authenticator.subarray(1);

  expect(() => hidePassword(Buffer.from('a'), secret, short)).toThrow(RangeError);
  expect(() => revealPassword(Buffer.alloc(16), secret, short)).toThrow(RangeError);
});

test('what was given is not changed', () => {
  const hidden = Buffer.alloc(32, 0x44);
  const password = Buffer.from('password');
  revealPassword(hidden, secret, authenticator);
  hidePassword(password, secret, authenticator);

  expect(hidden).toEqual(Buffer.alloc(32, 0x44));
  expect(password.toString()).toBe('password');
  expect(authenticator).toEqual(Buffer.alloc(16, 0x33));
});
