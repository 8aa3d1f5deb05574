import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ATTRIBUTE } from './attributes.ts';
import { attributesOf, CODE, firstOf, MALFORMED, nextPacketLength, readPacket, type Packet } from './packet.ts';
import { encodeAccessRequest } from './request.ts';
import * as arbitrary from './testing/arbitraries.ts';
import { EXCHANGES, exchangeOf, packetFrom } from './testing/vectors.ts';

const header = (length: number, code = 1) =>
  Buffer.concat([Buffer.of(code, 7, length >> 8, length & 0xff), Buffer.alloc(16, 0xaa)]);

/** A packet with these octets after its header, and a length that is true. */
const packetWith = (...parts: (Buffer | readonly number[])[]) => {
  const rest = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return Buffer.concat([header(20 + rest.length), rest]);
};

test('the packet of RFC 2865 section 7.1 has its parts', () => {
  const { request } = exchangeOf('RFC 2865 section 7.1');

  expect(request.code).toBe(CODE.accessRequest);
  expect(request.id).toBe(0);
  expect(request.authenticator.toString('hex')).toBe('0f403f9473978057bd83d5cb98f4227a');
  expect(request.attributes.map(({ type }) => type)).toEqual([1, 2, 4, 5]);
  expect(firstOf(request, ATTRIBUTE.userName)?.toString()).toBe('nemo');
  expect(firstOf(request, ATTRIBUTE.nasIpAddress)).toEqual(Buffer.of(192, 168, 1, 16));
  expect(request.octets).toHaveLength(56);
});

test('every packet of the vectors is read', () => {
  expect(EXCHANGES.map(({ request, reply }) => [request.code, reply.code])).toEqual([
    [1, 2],
    [1, 2],
    [1, 11],
    [1, 3],
    [12, 2],
    [12, 5],
    [12, 2],
    [1, 2],
    [12, 2],
    [4, 5],
  ]);
});

describe('RAD-01: what is malformed is named, and thrown away', () => {
  test.each<[string, Buffer, (typeof MALFORMED)[number]]>([
    ['nothing', Buffer.alloc(0), 'too-short'],
    ['three octets', Buffer.of(1, 0, 0), 'too-short'],
    ['one octet less than a header', header(20).subarray(0, 19), 'too-short'],
    ['a length of 0', header(0), 'length-below-20'],
    ['a length of 19', header(19), 'length-below-20'],
    ['a length of 4097', Buffer.concat([header(4097), Buffer.alloc(4077)]), 'length-above-4096'],
    ['a length of 65535', header(65_535), 'length-above-4096'],
    ['a length one beyond the datagram', header(21), 'truncated'],
    ['an attribute of length 0', packetWith([1, 0]), 'attribute-length'],
    ['an attribute of length 1', packetWith([1, 1, 1]), 'attribute-length'],
    ['an attribute that ends one octet too late', packetWith([1, 4, 0x61]), 'attribute-overrun'],
    ['an attribute of one octet', packetWith([1]), 'attribute-overrun'],
    ['one octet after the last attribute', packetWith([1, 3, 0x61], [2]), 'attribute-overrun'],
    ['an attribute of type 0', packetWith([0, 3, 0x61]), 'reserved'],
  ])('%s', (_, datagram, malformed) => {
    expect(readPacket(datagram, '1.0')).toEqual({ malformed });
    expect(readPacket(datagram, '1.1')).toEqual({ malformed });
  });

  test('an attribute does not reach into the padding', () => {
    const datagram = Buffer.concat([packetWith([1, 6, 0x61]), Buffer.from('bcdefgh')]);

    expect(readPacket(datagram, '1.0')).toEqual({ malformed: 'attribute-overrun' });
  });
});

test('RAD-02: 200 attributes are read, 201 are not', () => {
  const many = (count: number) => packetWith(...Array.from({ length: count }, () => [33, 3, 0x70]));

  expect(packetFrom(many(200)).attributes).toHaveLength(200);
  expect(readPacket(many(201), '1.0')).toEqual({ malformed: 'too-many-attributes' });
});

test('RAD-02: as many octets as a packet may have are read', () => {
  const full = [...Array.from({ length: 15 }, () => [79, 255, ...Buffer.alloc(253)]), [79, 251, ...Buffer.alloc(249)]];

  expect(packetFrom(packetWith(...full)).octets).toHaveLength(4096);
});

test('RAD-01: octets past the length are padding, and are not in the packet', () => {
  const packet = packetWith([1, 3, 0x61]);
  const padded = packetFrom(Buffer.concat([packet, Buffer.from([2, 18]), Buffer.alloc(100, 0xff)]));

  expect(padded).toEqual(packetFrom(packet));
  expect(padded.octets).toEqual(packet);
});

test('the values are the memory of the datagram', () => {
  const datagram = packetWith([1, 3, 0x61]);
  const packet = packetFrom(datagram);
  datagram[22] = 0x62;

  expect(firstOf(packet, 1)?.toString()).toBe('b');
});

test('RAD-73: in 1.1 the token takes the place of the identifier, and there is no authenticator', () => {
  const octets = Buffer.from('010000170102030400000000000000000000000001036100', 'hex').subarray(0, 23);
  const packet = packetFrom(octets, '1.1');

  expect(packet.id).toBe(0x01020304);
  expect(packet.authenticator).toEqual(Buffer.alloc(16));
  expect(packet.attributes).toEqual([{ type: 1, value: Buffer.from('a') }]);
});

test('RFC 9765 section 4.1: what is reserved in the header of 1.1 is not looked at', () => {
  const octets = Buffer.from('01ff0014ffffffffffffffffffffffffffffffff', 'hex');

  expect(packetFrom(octets, '1.1')).toMatchObject({ id: 2 ** 32 - 1, authenticator: Buffer.alloc(16) });
});

test('attributes are found by their type, in their order, and none where there is none', () => {
  const packet = packetFrom(packetWith([33, 3, 1], [1, 3, 2], [33, 2], [33, 3, 1]));

  expect(attributesOf(packet, 33)).toEqual([Buffer.of(1), Buffer.alloc(0), Buffer.of(1)]);
  expect(firstOf(packet, 33)).toEqual(Buffer.of(1));
  expect(attributesOf(packet, 2)).toEqual([]);
  expect(firstOf(packet, 2)).toBeUndefined();
});

describe('RAD-71: in a stream the next packet', () => {
  test.each<[string, Buffer, ReturnType<typeof nextPacketLength>]>([
    ['is not told by three octets', Buffer.of(1, 0, 0), undefined],
    ['is told by four', Buffer.of(1, 0, 0, 20), 20],
    ['may have 4096 octets', Buffer.of(1, 0, 16, 0, 1, 2, 3), 4096],
    ['has not 19', Buffer.of(1, 0, 0, 19), { malformed: 'length-below-20' }],
    ['has not 4097', Buffer.of(1, 0, 16, 1), { malformed: 'length-above-4096' }],
    ['is not told by nothing', Buffer.alloc(0), undefined],
  ])('%s', (_, buffered, expected) => {
    expect(nextPacketLength(buffered)).toEqual(expected);
  });

  test('is followed by the one after it, wherever the stream was cut', () => {
    const stream = Buffer.concat(EXCHANGES.flatMap(({ request, reply }) => [request.octets, reply.octets]));
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }), (chunks) => {
        const found: Packet[] = [];
        let buffered = Buffer.alloc(0);
        for (let at = 0, turn = 0; at < stream.length; turn += 1) {
          const size = chunks[turn % chunks.length] ?? 1;
          buffered = Buffer.concat([buffered, stream.subarray(at, at + size)]);
          at += size;
          for (;;) {
            const length = nextPacketLength(buffered);
            if (typeof length !== 'number' || length > buffered.length) break;
            found.push(packetFrom(buffered.subarray(0, length)));
            buffered = buffered.subarray(length);
          }
        }
        expect(found).toEqual(EXCHANGES.flatMap(({ request, reply }) => [request, reply]));
        expect(buffered).toHaveLength(0);
      }),
      { numRuns: 30 },
    );
  });
});

test('what is encoded is read again, in both versions', () => {
  fc.assert(
    fc.property(
      fc.record({
        id: fc.integer({ min: 0, max: 255 }),
        authenticator: arbitrary.authenticator,
        attributes: arbitrary.attributes,
      }),
      arbitrary.secret,
      (request, secret) => {
        const old = packetFrom(encodeAccessRequest(request, secret));
        expect(old).toMatchObject({ code: CODE.accessRequest, id: request.id, authenticator: request.authenticator });
        expect(old.attributes.slice(1)).toEqual(request.attributes);

        const id = request.id * 2 ** 24 + 5;
        const current = packetFrom(encodeAccessRequest({ ...request, id }, secret, '1.1'), '1.1');
        expect(current).toMatchObject({ code: CODE.accessRequest, id, attributes: request.attributes });
      },
    ),
  );
});

test('whatever the octets are, nothing is thrown and nothing beyond them is read', () => {
  /** Half of them start as packets do, so that the other half of the code is reached. */
  const datagrams = fc.oneof(
    arbitrary.octets({ maxLength: 300 }),
    fc.tuple(arbitrary.octets({ maxLength: 200 }), arbitrary.octets({ maxLength: 30 })).map(([rest, padding]) => {
      return Buffer.concat([packetWith(rest), padding]);
    }),
  );
  fc.assert(
    fc.property(datagrams, fc.constantFrom('1.0' as const, '1.1' as const), (datagram, version) => {
      const alone = readPacket(Buffer.from(datagram), version);
      for (const around of [0x00, 0x02, 0xff]) {
        const memory = Buffer.concat([Buffer.alloc(300, around), datagram, Buffer.alloc(300, around)]);
        expect(readPacket(memory.subarray(300, 300 + datagram.length), version)).toEqual(alone);
      }
      if ('malformed' in alone) expect(MALFORMED).toContain(alone.malformed);
      else expect(alone.attributes.reduce((sum, { value }) => sum + 2 + value.length, 20)).toBe(alone.octets.length);
    }),
    { numRuns: 500 },
  );
});
