import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { ATTRIBUTE } from './attributes.ts';
import { CODE, type Packet } from './packet.ts';
import { encodeReply } from './reply.ts';
import {
  checkReply,
  encodeAccessRequest,
  encodeAccountingRequest,
  encodeStatusServer,
  isAccountingRequestOf,
} from './request.ts';
import { EXCHANGES, exchangeOf, packetFrom, SIGNED_REQUESTS } from './testing/vectors.ts';

const secret = Buffer.from('the secret of an upstream server');
const requestAuthenticator = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
const given = { requestAuthenticator, secret, requireMessageAuthenticator: true };
const signedReject = (attributes: Packet['attributes'] = []) =>
  encodeReply(
    { code: CODE.accessReject, attributes },
    { id: 1, authenticator: requestAuthenticator },
    { secret, version: '1.0' },
  );

/** The Response Authenticator of whatever is in the packet: what an attacker with a collision of MD5 can make without the secret. */
function forgeResponseAuthenticator(octets: Buffer): Buffer {
  octets.writeUInt16BE(octets.length, 2);
  requestAuthenticator.copy(octets, 4);
  createHash('md5').update(octets).update(secret).digest().copy(octets, 4);
  return octets;
}

test('RAD-05: the replies of RFC 2865, RFC 5997 and FreeRADIUS verify, and not with another secret or for another request', () => {
  for (const exchange of EXCHANGES) {
    const forThis = {
      requestAuthenticator: exchange.request.authenticator,
      secret: exchange.secret,
      requireMessageAuthenticator: false,
    };
    expect(checkReply(exchange.reply, forThis), exchange.name).toBe('right');
    expect(checkReply(exchange.reply, { ...forThis, secret })).toBe('wrong-authenticator');
    expect(checkReply(exchange.reply, { ...forThis, requestAuthenticator })).toBe('wrong-authenticator');
  }
});

test('RAD-35: an Access-Request has its Message-Authenticator first', () => {
  const octets = encodeAccessRequest(
    { id: 3, authenticator: requestAuthenticator, attributes: [{ type: ATTRIBUTE.userName, value: Buffer.from('a') }] },
    secret,
  );

  expect(packetFrom(octets).attributes.map(({ type }) => type)).toEqual([80, 1]);
  expect(octets[20]).toBe(0x50);
});

test('RAD-73: in 1.1 requests are proven by TLS alone', () => {
  const request = { id: 2 ** 32 - 1, authenticator: requestAuthenticator, attributes: [] };
  const header = (code: string) => `${code}000014ffffffff${'00'.repeat(12)}`;

  expect(encodeAccessRequest(request, secret, '1.1').toString('hex')).toBe(header('01'));
  expect(encodeAccountingRequest(request, secret, '1.1').toString('hex')).toBe(header('04'));
  expect(encodeStatusServer(request, secret, '1.1').toString('hex')).toBe(header('0c'));
});

describe('RAD-35: a reply without Message-Authenticator', () => {
  const reply = packetFrom(forgeResponseAuthenticator(Buffer.from(`02010014${'00'.repeat(16)}`, 'hex')));

  test('is discarded where one is required', () => {
    expect(checkReply(reply, given)).toBe('no-message-authenticator');
  });

  test('is taken where none is', () => {
    expect(checkReply(reply, { ...given, requireMessageAuthenticator: false })).toBe('right');
  });
});

describe('RAD-35: a Reject that someone between turned into an Accept (CVE-2024-3596)', () => {
  const gibberish = Buffer.concat([Buffer.of(ATTRIBUTE.proxyState, 200), Buffer.alloc(198, 0xc3)]);
  const reject = signedReject();

  test('without another authenticator', () => {
    const octets = Buffer.from(reject);
    octets[0] = CODE.accessAccept;

    expect(checkReply(packetFrom(octets), given)).toBe('wrong-authenticator');
  });

  test('with a Response Authenticator of a collision, and a Proxy-State of the attacker', () => {
    const octets = forgeResponseAuthenticator(
      Buffer.concat([Buffer.of(CODE.accessAccept, 1, 0, 0), Buffer.alloc(16), gibberish]),
    );

    expect(checkReply(packetFrom(octets), given)).toBe('no-message-authenticator');
  });

  test.each([
    ['before', (rest: Buffer) => Buffer.concat([rest, gibberish])],
    ['behind', (rest: Buffer) => Buffer.concat([gibberish, rest])],
  ])('with the Message-Authenticator of the Reject %s it', (_, arrange) => {
    const octets = forgeResponseAuthenticator(
      Buffer.concat([Buffer.of(CODE.accessAccept, 1, 0, 0), Buffer.alloc(16), arrange(reject.subarray(20))]),
    );

    expect(checkReply(packetFrom(octets), given)).toBe('wrong-message-authenticator');
    expect(checkReply(packetFrom(octets), { ...given, requireMessageAuthenticator: false })).toBe(
      'wrong-message-authenticator',
    );
  });

  test('with the Message-Authenticator of the Reject hidden inside the Proxy-State', () => {
    const hidden = Buffer.concat([Buffer.of(ATTRIBUTE.proxyState, 20), reject.subarray(20, 38)]);
    const octets = forgeResponseAuthenticator(
      Buffer.concat([Buffer.of(CODE.accessAccept, 1, 0, 0), Buffer.alloc(16), hidden]),
    );

    expect(checkReply(packetFrom(octets), given)).toBe('no-message-authenticator');
  });

  test('with two of them', () => {
    const both = Buffer.concat([reject.subarray(20, 38), reject.subarray(20, 38)]);
    const octets = forgeResponseAuthenticator(
      Buffer.concat([Buffer.of(CODE.accessAccept, 1, 0, 0), Buffer.alloc(16), both]),
    );

    expect(checkReply(packetFrom(octets), given)).toBe('wrong-message-authenticator');
  });
});

test('the Reject itself is right', () => {
  expect(checkReply(packetFrom(signedReject()), given)).toBe('right');
});

describe('RAD-75: an Accounting-Request', () => {
  const request = { id: 4, attributes: [{ type: ATTRIBUTE.acctStatusType, value: Buffer.from([0, 0, 0, 1]) }] };
  const octets = encodeAccountingRequest(request, secret);

  test('of ours is right, and wrong with another secret or any octet changed', () => {
    expect(isAccountingRequestOf(packetFrom(octets), secret)).toBe(true);
    expect(isAccountingRequestOf(packetFrom(octets), Buffer.from('another'))).toBe(false);
    for (const at of [1, ...octets.keys()].filter(
      (place) => place !== 0 && place !== 2 && place !== 3 && place !== 21,
    )) {
      const changed = Buffer.from(octets);
      changed[at] = (changed[at] ?? 0) ^ 0x01;
      expect(isAccountingRequestOf(packetFrom(changed), secret), `octet ${at}`).toBe(false);
    }
  });

  test('of radclient is right', () => {
    const [vector] = SIGNED_REQUESTS.filter(({ packet }) => packet.code === CODE.accountingRequest);

    expect(vector).toBeDefined();
    expect(isAccountingRequestOf(vector!.packet, vector!.secret)).toBe(true);
  });

  test('is what FreeRADIUS took from us, to the octet', () => {
    const exchange = exchangeOf('FreeRADIUS 3.2.1: Accounting-Request');
    const { id, attributes } = exchange.request;

    expect(encodeAccountingRequest({ id, attributes }, exchange.secret)).toEqual(exchange.request.octets);
  });

  test('is none with the code of another packet, though its authenticator were right', () => {
    const other = Buffer.from(octets);
    other[0] = CODE.accessRequest;
    other.fill(0, 4, 20);
    createHash('md5').update(other).update(secret).digest().copy(other, 4);

    expect(isAccountingRequestOf(packetFrom(other), secret)).toBe(false);
  });
});
