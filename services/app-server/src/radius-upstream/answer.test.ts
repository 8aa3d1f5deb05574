import { ATTRIBUTE, CODE, encodeReply, hideKey, MICROSOFT, vendorAttribute, type Attribute } from '@countersign/radius';
import { describe, expect, test } from 'vitest';
import { answerOf, provenPacket, type Asked } from './answer.ts';

const ASKED: Asked = {
  id: 9,
  authenticator: Buffer.alloc(16, 7),
  secret: Buffer.from('0123456789abcdef'),
  requireMessageAuthenticator: true,
};
const STATE = { type: ATTRIBUTE.state, value: Buffer.from('theirs') };
const text = (type: number, value: string | Buffer) => ({ type, value: Buffer.from(value as string) });
const microsoft = (type: number, value: Buffer) => vendorAttribute({ vendor: 311, type, value });
const reply = (code: number, attributes: Attribute[] = [], asked = ASKED) =>
  encodeReply({ code, attributes }, asked, { secret: asked.secret, version: '1.0' });
function read(datagram: Buffer, asked = ASKED) {
  const packet = provenPacket(datagram, asked);
  return 'dropped' in packet ? packet : answerOf(packet, asked);
}

describe('what is no answer', () => {
  const other = (change: Partial<Asked>) => reply(CODE.accessAccept, [], { ...ASKED, ...change });
  test.each([
    ['a piece of a packet', reply(CODE.accessAccept).subarray(0, 30), 'malformed'],
    ['another identifier', other({ id: 10 }), 'another-request'],
    ['a request', reply(CODE.accessRequest), 'another-request'],
    ['another secret', other({ secret: Buffer.from('another secret!!') }), 'wrong-authenticator'],
    ['of another request', other({ authenticator: Buffer.alloc(16, 8) }), 'wrong-authenticator'],
    ['a challenge that nothing could continue', reply(CODE.accessChallenge), 'malformed'],
    ['an empty State', reply(CODE.accessChallenge, [text(ATTRIBUTE.state, '')]), 'malformed'],
    [
      'a key that is none',
      reply(CODE.accessAccept, [microsoft(MICROSOFT.mppeSendKey, Buffer.alloc(18, 0x80))]),
      'malformed',
    ],
  ])('%s', (_, datagram, dropped) => {
    expect(read(datagram)).toEqual({ dropped });
  });

  test('RAD-35: a Reject that was turned into an Accept', () => {
    const turned = reply(CODE.accessReject, [text(ATTRIBUTE.proxyState, 'x'.repeat(200))]);
    turned.writeUInt8(CODE.accessAccept, 0);
    for (const requireMessageAuthenticator of [true, false])
      expect(read(turned, { ...ASKED, requireMessageAuthenticator })).toHaveProperty('dropped');
  });
});

test('keys in the clear and marked, what is between us left out, everything else as it came', () => {
  const [send, receive] = [Buffer.alloc(16, 1), Buffer.alloc(32, 2)];
  const hidden = (key: Buffer, salt: number) =>
    hideKey(key, Buffer.from([0x80, salt]), ASKED.secret, ASKED.authenticator);
  const both = Buffer.concat([
    microsoft(MICROSOFT.mppePolicy, Buffer.from([0, 0, 0, 2])).value,
    Buffer.from([MICROSOFT.mppeTypes, 6, 0, 0, 0, 4]),
  ]);
  const answer = read(
    reply(CODE.accessAccept, [
      text(ATTRIBUTE.class, 'a'),
      text(ATTRIBUTE.proxyState, 'none of ours'),
      microsoft(MICROSOFT.mppeSendKey, hidden(send, 1)),
      microsoft(MICROSOFT.mppeRecvKey, hidden(receive, 2)),
      text(ATTRIBUTE.tunnelPassword, Buffer.alloc(19, 0x80)),
      { type: ATTRIBUTE.vendorSpecific, value: both },
      { type: ATTRIBUTE.vendorSpecific, value: Buffer.from([0, 0, 0, 9, 1, 99, 1]) },
      STATE,
    ]),
  );
  const base64 = (value: Buffer) => value.toString('base64');
  expect(answer).toEqual({
    outcome: 'accept',
    state: STATE.value,
    attributes: [
      { type: ATTRIBUTE.class, value: base64(Buffer.from('a')) },
      { vendor: 311, type: MICROSOFT.mppeSendKey, value: base64(send), hidden: 'mppe' },
      { vendor: 311, type: MICROSOFT.mppeRecvKey, value: base64(receive), hidden: 'mppe' },
      { vendor: 311, type: MICROSOFT.mppePolicy, value: base64(Buffer.from([0, 0, 0, 2])) },
      { vendor: 311, type: MICROSOFT.mppeTypes, value: base64(Buffer.from([0, 0, 0, 4])) },
      { type: ATTRIBUTE.vendorSpecific, value: base64(Buffer.from([0, 0, 0, 9, 1, 99, 1])) },
    ],
  });
});

test('a challenge comes with its State, and with what is to be shown', () => {
  expect(read(reply(CODE.accessChallenge, [text(ATTRIBUTE.replyMessage, 'Code?'), STATE]))).toEqual({
    outcome: 'challenge',
    state: STATE.value,
    attributes: [{ type: ATTRIBUTE.replyMessage, value: Buffer.from('Code?').toString('base64') }],
  });
});
