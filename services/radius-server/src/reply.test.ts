import { randomBytes } from 'node:crypto';
import {
  ATTRIBUTE,
  attributesOf,
  checkReply,
  CODE,
  encodeAccessRequest,
  MICROSOFT,
  readPacket,
  revealKey,
  VENDOR,
  vendorAttributesOf,
  type Packet,
} from '@countersign/radius';
import { expect, test } from 'vitest';
import { attemptOf } from './attempt.ts';
import { SECRET } from './client.fixture.ts';
import type { Way } from './judge.ts';
import { encodeDecision, type Decision } from './reply.ts';

const secret = Buffer.from(SECRET);
const way: Way = { transport: 'udp', port: 'authentication', secret };
const keys = [randomBytes(16), randomBytes(16)];
const accept: Decision = {
  answer: 'accept',
  send: true,
  attributes: [
    { type: ATTRIBUTE.filterId, value: Buffer.from('staff').toString('base64') },
    ...[MICROSOFT.mppeSendKey, MICROSOFT.mppeRecvKey].map((type, index) => ({
      vendor: VENDOR.microsoft,
      type,
      value: keys[index]!.toString('base64'),
      hidden: 'mppe' as const,
    })),
  ],
};

function read(octets: Buffer, version: '1.0' | '1.1' = '1.0'): Packet {
  const packet = readPacket(octets, version);
  if ('malformed' in packet) throw new Error(packet.malformed);
  return packet;
}
const requestWith = (proxyStates: string[]) =>
  read(
    encodeAccessRequest(
      {
        id: 9,
        authenticator: randomBytes(16),
        attributes: [
          { type: ATTRIBUTE.userName, value: Buffer.from('a') },
          ...proxyStates.map((one) => ({ type: ATTRIBUTE.proxyState, value: Buffer.from(one) })),
        ],
      },
      secret,
    ),
  );

test.each([[[]], [['one']], [['c', 'a', 'b']]])(
  'Proxy-States %j come back unchanged and in their order, and Message-Authenticator is first (RAD-10, RAD-31)',
  (proxyStates) => {
    const request = requestWith(proxyStates);
    const decisions: Decision[] = [
      accept,
      { answer: 'reject', attributes: [], send: true },
      { answer: 'challenge', state: 'c3RhdGU=', attributes: [], send: true },
    ];
    for (const decision of decisions) {
      const octets = encodeDecision(decision, request, way);
      const reply = read(octets);
      expect(attributesOf(reply, ATTRIBUTE.proxyState).map(String)).toEqual(proxyStates);
      expect(octets[20]).toBe(ATTRIBUTE.messageAuthenticator);
      const checked = { requestAuthenticator: request.authenticator, secret, requireMessageAuthenticator: true };
      expect(checkReply(reply, checked)).toBe('right');
      expect(attributesOf(reply, ATTRIBUTE.state).map(String)).toEqual(
        decision.answer === 'challenge' ? ['state'] : [],
      );
    }
  },
);

test('whoever makes the answer makes the same octets; another request has others (RAD-41)', () => {
  const request = requestWith(['x']);
  expect(encodeDecision(accept, request, way)).toEqual(encodeDecision(accept, request, way));
  expect(encodeDecision(accept, requestWith(['x']), way)).not.toEqual(encodeDecision(accept, request, way));
});

test('keys are hidden for this client under salts of their own (RAD-61)', () => {
  const request = requestWith([]);
  const hidden = vendorAttributesOf(read(encodeDecision(accept, request, way)), VENDOR.microsoft);
  expect(hidden.map(({ value }) => revealKey(value, secret, request.authenticator))).toEqual(keys);
  const salts = hidden.map(({ value }) => value.readUInt16BE(0));
  expect(new Set(salts).size).toBe(2);
  for (const salt of salts) expect(salt & 0x8000).toBe(0x8000);
});

test('RADIUS/1.1 hides no key and proves nothing by MD5 (RAD-73)', () => {
  const octets = encodeDecision(accept, { ...requestWith([]), id: 70_000 }, { ...way, transport: 'tls-1.1' });
  const reply = read(octets, '1.1');
  expect(reply).toMatchObject({ id: 70_000, code: CODE.accessAccept });
  expect(vendorAttributesOf(reply, VENDOR.microsoft).map(({ value }) => value)).toEqual(keys);
  expect(attributesOf(reply, ATTRIBUTE.messageAuthenticator)).toEqual([]);
});

test('the same packet of the same client is one attempt for every replica; in RADIUS/1.1 each is its own (INV-13, R12)', () => {
  const request = requestWith([]);
  const attempt = attemptOf('client', request, { transport: 'udp' });
  expect(attemptOf('client', read(Buffer.from(request.octets)), { transport: 'udp' })).toBe(attempt);
  expect(attemptOf('another', request, { transport: 'udp' })).not.toBe(attempt);
  expect(attemptOf('client', requestWith([]), { transport: 'udp' })).not.toBe(attempt);
  const [first, second] = [1, 2].map(() => attemptOf('client', request, { transport: 'tls-1.1' }));
  expect(first).not.toBe(second);
});
