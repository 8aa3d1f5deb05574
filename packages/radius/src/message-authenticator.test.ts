import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ATTRIBUTE } from './attributes.ts';
import { messageAuthenticatorOf } from './message-authenticator.ts';
import { CODE, readPacket } from './packet.ts';
import { encodeReply } from './reply.ts';
import { encodeAccessRequest, encodeStatusServer } from './request.ts';
import * as arbitrary from './testing/arbitraries.ts';
import { EXCHANGES, exchangeOf, packetFrom, SIGNED_REQUESTS } from './testing/vectors.ts';

const signed = EXCHANGES.filter(({ request }) => request.code === CODE.statusServer);
const secret = Buffer.from('xyzzy5461');
const authenticator = Buffer.alloc(16, 0x11);

test.each([...signed.map(({ name, request, ...rest }) => ({ ...rest, name, packet: request })), ...SIGNED_REQUESTS])(
  'RAD-30: $name verifies, and not with another secret',
  (vector) => {
    expect(messageAuthenticatorOf(vector.packet, vector.secret)).toBe('right');
    expect(messageAuthenticatorOf(vector.packet, Buffer.from('xyzzy5462'))).toBe('wrong');
  },
);

test('four Status-Server and two requests of radclient were looked at', () => {
  expect([signed.length, SIGNED_REQUESTS.length]).toEqual([4, 2]);
});

test('a Status-Server of ours is that of RFC 5997 section 6.1 to the octet', () => {
  const { request, secret: shared } = exchangeOf('RFC 5997 section 6.1');

  expect(encodeStatusServer({ id: request.id, authenticator: request.authenticator }, shared)).toEqual(request.octets);
});

test('absent where there is none', () => {
  const { request, secret: shared } = exchangeOf('RFC 2865 section 7.1');

  expect(messageAuthenticatorOf(request, shared)).toBe('absent');
});

describe('RAD-30: malformed', () => {
  /** An Access-Request with these Message-Authenticators, all octets of them zero. */
  const withLengths = (...lengths: number[]) => {
    const rest = Buffer.concat(
      lengths.map((length) =>
        Buffer.concat([Buffer.of(ATTRIBUTE.messageAuthenticator, length), Buffer.alloc(length - 2)]),
      ),
    );
    return packetFrom(Buffer.concat([Buffer.of(1, 1, 0, 20 + rest.length), authenticator, rest]));
  };

  test.each([[2], [17], [19], [34]])('with %s octets instead of 18', (length) => {
    expect(messageAuthenticatorOf(withLengths(length), secret)).toBe('malformed');
  });

  test('when there are two, even if one of them is right', () => {
    const first = encodeAccessRequest({ id: 1, authenticator, attributes: [] }, secret);
    const twice = Buffer.concat([first, first.subarray(20)]);
    twice.writeUInt16BE(twice.length, 2);
    // The first one is right over the packet that has the second.
    const over = Buffer.from(twice).fill(0, 22, 38);
    createHmac('md5', secret).update(over).digest().copy(twice, 22);

    expect(messageAuthenticatorOf(packetFrom(twice), secret)).toBe('malformed');
    expect(messageAuthenticatorOf(withLengths(18, 17), secret)).toBe('malformed');
  });
});

test('it may stand anywhere', () => {
  const attributes = [Buffer.from([1, 3, 0x61]), Buffer.from([80, 18, ...Buffer.alloc(16)]), Buffer.from([33, 2])];
  const octets = Buffer.concat([Buffer.of(1, 9, 0, 43), authenticator, ...attributes]);
  createHmac('md5', secret).update(octets).digest().copy(octets, 25);

  expect(messageAuthenticatorOf(packetFrom(octets), secret)).toBe('right');
});

test('a reply is proven with the authenticator of its request and no other', () => {
  const reply = encodeReply(
    { code: CODE.accessAccept, attributes: [] },
    { id: 1, authenticator },
    { secret, version: '1.0' },
  );

  expect(messageAuthenticatorOf(packetFrom(reply), secret, authenticator)).toBe('right');
  expect(messageAuthenticatorOf(packetFrom(reply), secret, Buffer.alloc(16, 0x12))).toBe('wrong');
  expect(messageAuthenticatorOf(packetFrom(reply), secret)).toBe('wrong');
});

test('RAD-30: a packet with any one bit changed never verifies', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 255 }),
      arbitrary.authenticator,
      arbitrary.attributes.map((attributes) => attributes.slice(0, 3)),
      arbitrary.secret,
      (id, requestAuthenticator, attributes, shared) => {
        const octets = encodeAccessRequest({ id, authenticator: requestAuthenticator, attributes }, shared);
        expect(messageAuthenticatorOf(packetFrom(octets), shared)).toBe('right');
        for (let bit = 0; bit < octets.length * 8; bit += 1) {
          const changed = Buffer.from(octets);
          changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
          const packet = readPacket(changed, '1.0');
          const found = 'malformed' in packet ? 'malformed' : messageAuthenticatorOf(packet, shared);
          // Its type, and a length that ends before it, take the attribute away. Whoever demands one still refuses.
          const takesAway = bit >> 3 === 20 || bit >> 3 === 2 || bit >> 3 === 3;
          expect(['wrong', 'malformed', ...(takesAway ? ['absent'] : [])]).toContain(found);
        }
      },
    ),
    { numRuns: 10 },
  );
});
