import { randomBytes } from 'node:crypto';
import type { RadiusClient } from '@countersign/contracts';
import {
  ATTRIBUTE,
  CODE,
  encodeAccessRequest,
  encodeAccountingRequest,
  encodeStatusServer,
  hidePassword,
  MICROSOFT,
  readPacket,
  VENDOR,
  vendorAttribute,
  type Attribute,
} from '@countersign/radius';
import { describe, expect, test } from 'vitest';
import { SECRET, someClient } from './client.fixture.ts';
import { judge, type Verdict, type Way } from './judge.ts';

const secret = Buffer.from(SECRET);
const authenticator = randomBytes(16);
const UDP: Way = { transport: 'udp', port: 'authentication', secret };
const RADSEC = Buffer.from('radsec');

const text = (type: number, value: string): Attribute => ({ type, value: Buffer.from(value) });
const name = text(ATTRIBUTE.userName, 'zoë');
const nas = text(ATTRIBUTE.nasIdentifier, 'vpn-1');
const password = (typed: string | Buffer = 'geheim', by = secret): Attribute => ({
  type: ATTRIBUTE.userPassword,
  value: hidePassword(Buffer.from(typed), by, authenticator),
});
const chap = { type: ATTRIBUTE.chapPassword, value: randomBytes(17) };
const eap = { type: ATTRIBUTE.eapMessage, value: Buffer.from([2, 1, 0, 6, 1, 0x61]) };
const proxyState = text(ATTRIBUTE.proxyState, 'x');
const microsoft = (type: number, value: Buffer) => vendorAttribute({ vendor: VENDOR.microsoft, type, value });
const mschap = [
  microsoft(MICROSOFT.msChapChallenge, randomBytes(16)),
  microsoft(MICROSOFT.msChap2Response, randomBytes(50)),
];

/** Signed unless said otherwise. */
function request(attributes: Attribute[], by: Buffer | 'unsigned' = secret): Buffer {
  const octets = encodeAccessRequest({ id: 7, authenticator, attributes }, by === 'unsigned' ? secret : by);
  return by === 'unsigned' ? withoutProof(octets) : octets;
}

/** As a client makes it that does not sign: the first attribute is taken out. */
function withoutProof(octets: Buffer): Buffer {
  const plain = Buffer.concat([octets.subarray(0, 20), octets.subarray(38)]);
  plain.writeUInt16BE(plain.length, 2);
  return plain;
}

function judged(octets: Buffer, client: Partial<RadiusClient> = {}, way: Partial<Way> = {}): Verdict {
  const packet = readPacket(octets, way.transport === 'tls-1.1' ? '1.1' : '1.0');
  if ('malformed' in packet) throw new Error(packet.malformed);
  return judge(packet, someClient(client), { ...UDP, ...way });
}
const outcome = (verdict: Verdict): string =>
  'reason' in verdict ? `${verdict.what} ${verdict.reason}` : verdict.what;

describe('Message-Authenticator and Proxy-State over UDP (R11, RAD-30 to RAD-33)', () => {
  const plain = [name, nas, password()];
  test.each([
    ['yes', true, 'login'],
    ['yes', false, 'drop message-authenticator-missing'],
    ['auto', true, 'login'],
    ['auto', false, 'login'],
    ['no', true, 'login'],
    ['no', false, 'login'],
  ] as const)('required: %s, signed: %s: %s', (requireMessageAuthenticator, isSigned, expected) => {
    const verdict = judged(request(plain, isSigned ? secret : 'unsigned'), { requireMessageAuthenticator });
    expect(outcome(verdict)).toBe(expected);
    expect(verdict.seen).toContain(isSigned ? 'message-authenticator' : 'no-message-authenticator');
  });

  test.each(['yes', 'auto', 'no'] as const)('a wrong one is dropped, required: %s', (requireMessageAuthenticator) => {
    const octets = request(plain);
    octets[25] = (octets[25] ?? 0) ^ 1;
    const verdict = judged(octets, { requireMessageAuthenticator });
    expect(outcome(verdict)).toBe('drop message-authenticator-wrong');
    expect(verdict.seen).toContain('dropped-message-authenticator-wrong');
    expect(outcome(judged(request(plain, Buffer.from('another secret')), { requireMessageAuthenticator }))).toBe(
      'drop message-authenticator-wrong',
    );
  });

  test('two of them, or one of another length, are dropped', () => {
    const two = request(plain);
    const twice = Buffer.concat([two, two.subarray(20, 38)]);
    twice.writeUInt16BE(twice.length, 2);
    expect(outcome(judged(twice))).toBe('drop message-authenticator-malformed');
  });

  test.each([
    [true, true, 'drop message-authenticator-missing'],
    [true, false, 'drop message-authenticator-missing'],
    [false, true, 'drop proxy-state'],
    [false, false, 'login'],
  ] as const)('unsigned with Proxy-State; required: %s, limited: %s: %s', (required, limitProxyState, expected) => {
    const octets = request([...plain, proxyState], 'unsigned');
    const settings = { requireMessageAuthenticator: required ? 'yes' : 'no', limitProxyState } as const;
    const verdict = judged(octets, settings);
    expect(outcome(verdict)).toBe(expected);
    expect(verdict.seen).toContain('proxy-state-unsigned');
    expect(outcome(judged(request([...plain, proxyState]), settings))).toBe('login');
  });

  test('EAP has to be signed, whatever the client (RFC 3579)', () => {
    const client = { requireMessageAuthenticator: 'no', limitProxyState: false } as const;
    expect(outcome(judged(request([name, eap], 'unsigned'), client))).toBe('drop message-authenticator-missing');
    expect(outcome(judged(request([name, eap]), client))).toBe('login');
  });

  test('what is learnt from is signed and no EAP (RAD-32)', () => {
    const isSigned = (octets: Buffer) => {
      const verdict = judged(octets, { requireMessageAuthenticator: 'auto' });
      return verdict.what === 'login' && verdict.isSigned;
    };
    expect(isSigned(request(plain))).toBe(true);
    expect(isSigned(request(plain, 'unsigned'))).toBe(false);
    expect(isSigned(request([name, eap]))).toBe(false);
  });
});

describe('over TLS (R11, RAD-71, RAD-73)', () => {
  const tls = { transport: 'tls', port: 'any', secret: RADSEC } as const;
  const plain = [name, nas, password('geheim', RADSEC)];

  test('none is demanded, a wrong one is dropped, and it need not be first', () => {
    const octets = request(plain, RADSEC);
    expect(outcome(judged(withoutProof(octets), {}, tls))).toBe('login');
    expect(outcome(judged(octets, {}, tls))).toBe('login');
    expect(outcome(judged(request(plain, secret), {}, tls))).toBe('drop message-authenticator-wrong');
    expect(outcome(judged(withoutProof(request([...plain, proxyState], RADSEC)), {}, tls))).toBe('login');
  });

  test('in RADIUS/1.1 it is ignored, and the password comes as it is', () => {
    const way = { transport: 'tls-1.1', port: 'any', secret: RADSEC } as const;
    const noise = { type: ATTRIBUTE.messageAuthenticator, value: randomBytes(16) };
    const octets = encodeAccessRequest(
      { id: 70_000, authenticator, attributes: [name, nas, text(ATTRIBUTE.userPassword, 'geheim')] },
      RADSEC,
      '1.1',
    );
    const noisy = Buffer.concat([octets, Buffer.from([noise.type, 18]), noise.value]);
    noisy.writeUInt16BE(noisy.length, 2);
    for (const one of [octets, noisy]) {
      expect(judged(one, {}, way)).toMatchObject({ what: 'login', request: { password: 'geheim', username: 'zoë' } });
    }
    const long = encodeAccessRequest(
      { id: 1, authenticator, attributes: [name, text(ATTRIBUTE.userPassword, 'x'.repeat(129))] },
      RADSEC,
      '1.1',
    );
    expect(outcome(judged(long, {}, way))).toBe('reject password-too-long');
  });
});

describe('what a login holds (RAD-07, RAD-08, RAD-09, RAD-62)', () => {
  test.each<[string, Attribute[], string]>([
    ['a password', [password()], 'login'],
    ['EAP in pieces', [eap, eap], 'login'],
    ['MS-CHAPv2', mschap, 'login'],
    ['State alone', [text(ATTRIBUTE.state, 's')], 'login'],
    ['a password to a State', [password(), text(ATTRIBUTE.state, 's')], 'login'],
    ['nothing', [], 'drop credentials'],
    ['a password and EAP', [password(), eap], 'drop credentials'],
    ['a password and CHAP', [password(), chap], 'drop credentials'],
    ['a password and MS-CHAPv2', [password(), ...mschap], 'drop credentials'],
    ['two passwords', [password(), password()], 'drop credentials'],
    ['ARAP', [{ type: ATTRIBUTE.arapPassword, value: randomBytes(16) }], 'drop credentials'],
    ['two States', [password(), text(ATTRIBUTE.state, 's'), text(ATTRIBUTE.state, 't')], 'drop credentials'],
    ['two names', [password(), name], 'drop credentials'],
    ['a password of 15 octets', [{ type: ATTRIBUTE.userPassword, value: randomBytes(15) }], 'drop credentials'],
    ['MS-CHAPv2 without a challenge', mschap.slice(1), 'drop credentials'],
    ['an empty EAP message', [{ type: ATTRIBUTE.eapMessage, value: Buffer.alloc(0) }], 'drop credentials'],
    ['CHAP', [chap], 'reject chap'],
    ['MS-CHAP of old', [microsoft(MICROSOFT.msChapResponse, randomBytes(50))], 'reject ms-chap-v1'],
    ['a password that is no text', [password(Buffer.from([0xff, 0xfe]))], 'reject not-utf8'],
  ])('%s', (_, attributes, expected) => {
    expect(outcome(judged(request([name, nas, ...attributes])))).toBe(expected);
  });

  test('what it holds is read; credentials are handed on as they came', () => {
    const [challenge, response] = mschap.map(({ value }) => value.subarray(6).toString('base64'));
    expect(judged(request([name, nas, ...mschap]))).toMatchObject({
      request: { username: 'zoë', mschap: { challenge, response }, accessServer: { identifier: 'vpn-1' } },
    });
    expect(judged(request([name, eap, eap]))).toMatchObject({
      request: { eap: Buffer.concat([eap.value, eap.value]).toString('base64') },
      seen: expect.arrayContaining(['eap', 'no-nas-id']) as string[],
    });
  });

  test('another character set counts where the client is known to have it (RAD-07)', () => {
    const latin = Buffer.from('Zo\u00eb', 'latin1');
    const octets = request([{ type: ATTRIBUTE.userName, value: latin }, nas, password(latin)]);
    expect(outcome(judged(octets))).toBe('reject not-utf8');
    expect(judged(octets).seen).toContain('not-utf8');
    expect(judged(octets, { legacyCharset: 'iso-8859-1' })).toMatchObject({
      request: { username: 'Zo\u00eb', password: 'Zo\u00eb' },
    });
  });

  test('of where it comes from: names, addresses, ports', () => {
    const attributes = [
      { type: ATTRIBUTE.nasIpv6Address, value: Buffer.from('20010db8000000000000000000000001', 'hex') },
      { type: ATTRIBUTE.nasPort, value: Buffer.from([0, 0, 1, 2]) },
      text(ATTRIBUTE.callingStationId, '198.51.100.7'),
      { type: ATTRIBUTE.calledStationId, value: Buffer.from([0xff]) },
    ];
    expect(judged(request([name, password(), ...attributes]))).toMatchObject({
      request: { accessServer: { address: '2001:db8::1', port: '258', callingStation: '198.51.100.7' } },
    });
  });

  test('for an upstream server everything goes along but credentials, State and Proxy-State (RAD-11)', () => {
    const attributes = [name, nas, text(ATTRIBUTE.state, 's'), proxyState, ...mschap];
    const other = vendorAttribute({ vendor: VENDOR.cisco, type: 1, value: Buffer.from('a=b') });
    const verdict = judged(request([...attributes, other]), { forwards: true });
    expect(verdict).toMatchObject({
      request: {
        forward: [nas, other].map(({ type, value }) => ({ type, value: value.toString('base64') })),
      },
    });
    expect(judged(request(attributes))).not.toHaveProperty('request.forward');
  });
});

describe('codes on ports (RAD-01, RAD-70, RAD-75)', () => {
  const login = request([name, nas, password()]);
  const accounting = encodeAccountingRequest(
    {
      id: 1,
      attributes: [
        name,
        nas,
        { type: ATTRIBUTE.acctStatusType, value: Buffer.from([0, 0, 0, 2]) },
        text(ATTRIBUTE.acctSessionId, 'abc'),
        { type: ATTRIBUTE.acctInputOctets, value: Buffer.from([0, 0, 0, 5]) },
        { type: ATTRIBUTE.acctInputGigawords, value: Buffer.from([0, 0, 0, 1]) },
      ],
    },
    secret,
  );
  const status = encodeStatusServer({ id: 1, authenticator }, secret);

  test.each([
    [login, 'accounting', 'drop code'],
    [login, 'any', 'login'],
    [accounting, 'authentication', 'drop code'],
    [accounting, 'accounting', 'accounting'],
    [accounting, 'any', 'accounting'],
    [status, 'authentication', 'status'],
    [status, 'accounting', 'status'],
  ] as const)('%#', (octets, port, expected) => {
    expect(outcome(judged(octets, {}, { port }))).toBe(expected);
  });

  test.each([CODE.accessAccept, CODE.accessReject, CODE.accessChallenge, CODE.accountingResponse, 40, 255])(
    'code %i is none that is asked with',
    (code) => {
      const octets = Buffer.from(login);
      octets[0] = code;
      expect(judged(octets, {}, { port: 'any' })).toMatchObject({ what: 'drop', reason: 'code' });
    },
  );

  test('accounting is read, and dropped where it was made with another secret', () => {
    expect(judged(accounting, {}, { port: 'accounting' })).toMatchObject({
      accounting: {
        status: 'stop',
        sessionId: 'abc',
        username: 'zoë',
        inputOctets: 2 ** 32 + 5,
        accessServer: { identifier: 'vpn-1' },
      },
    });
    const other = encodeAccountingRequest({ id: 1, attributes: [nas] }, Buffer.from('another secret'));
    expect(outcome(judged(other, {}, { port: 'accounting' }))).toBe('drop accounting-authenticator');
  });

  test('Status-Server has to be signed, over TLS too', () => {
    expect(outcome(judged(withoutProof(status)))).toBe('drop message-authenticator-missing');
    expect(outcome(judged(encodeStatusServer({ id: 1, authenticator }, Buffer.from('another'))))).toBe(
      'drop message-authenticator-wrong',
    );
  });
});
