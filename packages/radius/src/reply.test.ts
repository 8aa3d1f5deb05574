import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ATTRIBUTE } from './attributes.ts';
import { CODE, type Attribute } from './packet.ts';
import { encodeReply } from './reply.ts';
import { checkReply } from './request.ts';
import * as arbitrary from './testing/arbitraries.ts';
import { exchangeOf, packetFrom } from './testing/vectors.ts';

const secret = Buffer.from('xyzzy5461');
const request = { id: 9, authenticator: Buffer.alloc(16, 0x5a) };
const options = { secret, version: '1.0' } as const;
const attributes: Attribute[] = [
  { type: ATTRIBUTE.replyMessage, value: Buffer.from('Zoë') },
  { type: ATTRIBUTE.proxyState, value: Buffer.from('one') },
  { type: ATTRIBUTE.proxyState, value: Buffer.from('two') },
];
const answered = { requestAuthenticator: request.authenticator, secret, requireMessageAuthenticator: true };

test.each(['accessAccept', 'accessReject', 'accessChallenge', 'protocolError'] as const)(
  'RAD-31: the first attribute of %s is Message-Authenticator, and it is right',
  (name) => {
    const octets = encodeReply({ code: CODE[name], attributes }, request, options);

    expect(octets[20]).toBe(0x50);
    const reply = packetFrom(octets);
    expect(reply).toMatchObject({ code: CODE[name], id: 9 });
    expect(reply.attributes.slice(1)).toEqual(attributes);
    expect(checkReply(reply, answered)).toBe('right');
  },
);

test('an Accounting-Response has no Message-Authenticator, unless it is asked for', () => {
  const plain = packetFrom(encodeReply({ code: CODE.accountingResponse, attributes: [] }, request, options));
  const asked = packetFrom(
    encodeReply({ code: CODE.accountingResponse, attributes: [] }, request, { ...options, messageAuthenticator: true }),
  );

  expect(plain.octets).toHaveLength(20);
  expect(checkReply(plain, { ...answered, requireMessageAuthenticator: false })).toBe('right');
  expect(asked.attributes.map(({ type }) => type)).toEqual([ATTRIBUTE.messageAuthenticator]);
  expect(checkReply(asked, answered)).toBe('right');
});

test('the answer that FreeRADIUS gives to an Accounting-Request comes out the same, to the octet', () => {
  const exchange = exchangeOf('FreeRADIUS 3.2.1: Accounting-Request');
  const { reply } = exchange;

  expect(
    encodeReply({ code: reply.code, attributes: reply.attributes }, exchange.request, {
      ...options,
      secret: exchange.secret,
    }),
  ).toEqual(reply.octets);
});

test('RAD-73: in 1.1 there is neither a Message-Authenticator nor a Response Authenticator', () => {
  const octets = encodeReply(
    { code: CODE.accessAccept, attributes: attributes.slice(1) },
    { id: 0xfedcba98, authenticator: Buffer.alloc(16) },
    { secret, version: '1.1' },
  );

  expect(octets.toString('hex')).toBe(`0200001efedcba98${'00'.repeat(12)}21056f6e65210574776f`);
});

test('RAD-41: the same reply is the same octets', () => {
  fc.assert(
    fc.property(arbitrary.attributes, arbitrary.authenticator, arbitrary.secret, (some, authenticator, shared) => {
      const reply = { code: CODE.accessAccept, attributes: some };
      const encode = () => encodeReply(reply, { id: 1, authenticator }, { secret: shared, version: '1.0' });
      expect(encode()).toEqual(encode());
      const given = { requestAuthenticator: authenticator, secret: shared, requireMessageAuthenticator: true };
      expect(checkReply(packetFrom(encode()), given)).toBe('right');
    }),
  );
});

describe('is not encoded', () => {
  const full = Array.from({ length: 15 }, () => ({ type: 25, value: Buffer.alloc(253) }));
  const last = (length: number) => [...full, { type: 25, value: Buffer.alloc(length) }];
  const encode = (some: Attribute[], id = 9, code: number = CODE.accessAccept) =>
    encodeReply({ code, attributes: some }, { ...request, id }, options);

  test('beyond 4096 octets, which the Message-Authenticator counts to', () => {
    expect(encode(last(231))).toHaveLength(4096);
    expect(() => encode(last(232))).toThrow(RangeError);
  });

  test.each<[string, () => Buffer]>([
    ['an attribute of 254 octets', () => encode([{ type: 25, value: Buffer.alloc(254) }])],
    ['an attribute of type 0', () => encode([{ type: 0, value: Buffer.alloc(1) }])],
    ['an attribute of type 256', () => encode([{ type: 256, value: Buffer.alloc(1) }])],
    ['a Message-Authenticator of someone else', () => encode([{ type: 80, value: Buffer.alloc(16) }])],
    ['an identifier beyond one octet', () => encode([], 256)],
    ['an identifier that is no number', () => encode([], Number.NaN)],
    ['a code beyond one octet', () => encode([], 9, 256)],
  ])('with %s', (_, make) => {
    expect(make).toThrow(RangeError);
  });

  test('with an authenticator of another length', () => {
    const short = { id: 9, authenticator: Buffer.alloc(15) };

    expect(() => encodeReply({ code: CODE.accessAccept, attributes: [] }, short, options)).toThrow(RangeError);
  });
});

test('nothing of the caller is changed', () => {
  const given = { attributes: [{ type: 18, value: Buffer.from('Zoë') }], authenticator: Buffer.alloc(16, 0x5a) };
  encodeReply({ code: CODE.accessAccept, attributes: given.attributes }, { id: 9, ...given }, options);

  expect(given).toEqual({
    attributes: [{ type: 18, value: Buffer.from('Zoë') }],
    authenticator: Buffer.alloc(16, 0x5a),
  });
});
