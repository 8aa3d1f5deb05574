import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { auditFind } from '@countersign/contracts';
import {
  ATTRIBUTE,
  attributesOf,
  CODE,
  encodeAccessRequest,
  firstOf,
  hidePassword,
  readPacket,
  type Attribute,
  type Packet,
} from '@countersign/radius';
import { freePort, issueCertificate, type IssuedCertificate } from '@countersign/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { HttpPhone } from '../phone.ts';
import { nextTotpCode, waitUntil, type TestUser } from '../stack.ts';
import { openAccessServer } from './access-server.ts';
import { startRadiusHouse, type Client, type RadiusHouse } from './house.ts';
import { startInterloper } from './interloper.ts';
import { hasRadclient, radclient, radtest, valueOf, type Heard, type Radclient } from './radclient.ts';
import { hasRadsecproxy, openRadsec, startRadsecproxy } from './radsec.ts';
import { ssh, startSshd, whyNoSshd } from './ssh.ts';

/** Each address is a RADIUS client of its own, where it is one. */
const AT = {
  vpn: '127.0.0.11',
  sshd: '127.0.0.12',
  proxied: '127.0.0.13',
  limited: '127.0.0.17',
  forgeable: '127.0.0.18',
} as const;
/** RAD-49. */
const REJECT_DELAY_MS = 1000;

let house: RadiusHouse;
let clients: Record<'held' | 'vpn' | 'sshd' | 'limited' | 'forgeable', Client>;
let users: Record<'alice' | 'boris' | 'mona' | 'nils', TestUser>;
let phone: HttpPhone;
let proxy: IssuedCertificate;

beforeAll(async () => {
  house = await startRadiusHouse(['alice', 'boris', 'mona', 'nils'], { radiusServers: 2, mobileServices: 1 });
  const { stack } = house;
  users = {
    alice: await stack.addUser({ username: 'alice' }),
    boris: await stack.addUser({ username: 'boris' }),
    mona: await stack.addUser({ username: 'mona' }),
    nils: await stack.addUser({ username: 'nils', phone: false }),
  };
  phone = await house.phoneOf(users.nils);
  proxy = await issueCertificate(stack.authority, { commonName: 'radsecproxy', usage: 'client', now: Date.now() });
  const held = { firstFactor: { by: 'none' } } as const;
  const unsigned = { requireMessageAuthenticator: 'no' } as const;
  clients = {
    held: await house.admit('Holds passwords itself', { networks: ['127.0.0.1', '::1'], ...held }),
    vpn: await house.admit('VPN gateway', { networks: [AT.vpn] }),
    sshd: await house.admit('sshd', { networks: [AT.sshd], profile: 'pam-radius', ...unsigned }),
    limited: await house.admit('Unsigned', { networks: [AT.limited], ...held, ...unsigned }),
    forgeable: await house.admit('Forgeable', {
      networks: [AT.forgeable],
      ...held,
      ...unsigned,
      limitProxyState: false,
    }),
  };
  await house.admit('radsecproxy', { certificates: [{ fingerprint: proxy.fingerprint }] });
  await house.admitted();
});
afterAll(() => house?.stop());

const port = (n = 0): number => house.stack.radiusServers[n]?.ports.authentication ?? 0;

/** As the VPN gateway asks, with Message-Authenticator. */
function asVpn(attributes: Radclient['attributes'], more: Partial<Radclient> = {}): Promise<Heard> {
  return radclient({
    port: port(),
    command: 'auth',
    secret: clients.vpn.secret,
    from: AT.vpn,
    attributes: { 'NAS-Identifier': '"vpn.example.test"', 'Message-Authenticator': '0x00', ...attributes },
    ...more,
  });
}

const loginOf = (username: string, password: string) => ({
  'User-Name': `"${username}"`,
  'User-Password': `"${password}"`,
});

/** Made by hand, so that it can be made wrong. */
function accessRequest(secret: string, username: string, password: string, more: Attribute[] = []) {
  const authenticator = randomBytes(16);
  const key = Buffer.from(secret);
  const attributes = [
    { type: ATTRIBUTE.userName, value: Buffer.from(username) },
    { type: ATTRIBUTE.userPassword, value: hidePassword(Buffer.from(password), key, authenticator) },
    { type: ATTRIBUTE.nasIdentifier, value: Buffer.from('test') },
    ...more,
  ];
  return encodeAccessRequest({ id: randomBytes(1).readUInt8(0), authenticator, attributes }, key);
}

/** Where a Message-Authenticator that comes first has its octets. */
const PROOF_AT = 22;
const HEADER = 20;
const MESSAGE_AUTHENTICATOR_OCTETS = 18;

/** The same request as whoever has never heard of Message-Authenticator sends it. */
function unsigned(request: Buffer): Buffer {
  const shorter = Buffer.concat([request.subarray(0, HEADER), request.subarray(HEADER + MESSAGE_AUTHENTICATOR_OCTETS)]);
  shorter.writeUInt16BE(shorter.length, 2);
  return shorter;
}

function packetIn(octets: Buffer | undefined): Packet {
  const packet = octets === undefined ? { malformed: 'nothing came' } : readPacket(octets, '1.0');
  if ('malformed' in packet) throw new Error(packet.malformed);
  return packet;
}

/** Sends it and tells the code of what comes, if anything does. */
async function codeOf(from: string, octets: Buffer, withinMs = 1500): Promise<number | undefined> {
  const server = await openAccessServer(from);
  try {
    server.send(octets, port());
    return (await server.next(0, withinMs))?.readUInt8(0);
  } finally {
    await server.close();
  }
}

async function audited(type: string, userId?: string) {
  const { events } = await house.stack.admin(auditFind, { type, ...(userId !== undefined && { userId }) });
  return events;
}

describe.skipIf(!hasRadclient())('radclient (skipped where FreeRADIUS is not installed)', () => {
  test('radtest: PAP with a code at once is accepted; the code once more is not', async () => {
    const user = await house.stack.addUser({ totp: true, phone: false });
    const code = nextTotpCode(user);
    const heard = await radtest(user.username, code, port(), clients.held.secret);
    expect(heard.code, heard.output).toBe('Access-Accept');
    const again = await radtest(user.username, code, port(1), clients.held.secret);
    expect(again.code, again.output).toBe('Access-Reject');
  });

  test('over IPv6', async () => {
    const user = await house.stack.addUser({ totp: true, phone: false });
    const heard = await radclient({
      port: port(),
      command: 'auth',
      secret: clients.held.secret,
      from: '::1',
      host: '::1',
      attributes: { ...loginOf(user.username, nextTotpCode(user)), 'Message-Authenticator': '0x00' },
    });
    expect(heard.code, heard.output).toBe('Access-Accept');
  });

  test('RAD-21, RAD-22 a password of the directory and a code by SMS, at two replicas; the State is good once', async () => {
    const challenge = await asVpn(loginOf('alice', house.passwordOf('alice')));
    expect(challenge.code, challenge.output).toBe('Access-Challenge');
    expect(valueOf(challenge, 'Reply-Message')).toMatch(/^Enter the 6-digit code sent to ••• ••• \d\d\.$/);
    const State = valueOf(challenge, 'State') ?? '';
    const code = await house.stack.inbox.code(users.alice.phone);
    const proxyStates = { 'Proxy-State': ['0x0102', '0x03'] };
    const answer = { ...loginOf('alice', code), State };
    const accepted = await asVpn({ ...answer, ...proxyStates }, { port: port(1) });
    expect(accepted.code, accepted.output).toBe('Access-Accept');
    console.log(accepted.output);
    const spent = await asVpn(answer, { port: port(0) });
    expect(spent.code, spent.output).toBe('Access-Reject');
  });

  test('RAD-25, RAD-49 a wrong password, an unknown name and a wrong code hear the same, no sooner than in a second', async () => {
    const challenge = await asVpn(loginOf('boris', house.passwordOf('boris')));
    expect(challenge.code, challenge.output).toBe('Access-Challenge');
    const wrongCode = await asVpn({ ...loginOf('boris', '000000'), State: valueOf(challenge, 'State') ?? '' });
    expect(wrongCode.code, wrongCode.output).toBe('Access-Challenge');
    const refusals = await Promise.all(
      [loginOf('boris', 'not it'), loginOf('nobody', 'anything'), { ...loginOf('boris', '1'), State: '0x00' }].map(
        async (attributes) => {
          const startedAt = performance.now();
          const heard = await asVpn(attributes);
          return { heard, ms: performance.now() - startedAt };
        },
      ),
    );
    for (const { heard, ms } of refusals) {
      expect(heard.code, heard.output).toBe('Access-Reject');
      expect(valueOf(heard, 'Reply-Message')).toBe('Sign-in refused.');
      expect(ms).toBeGreaterThanOrEqual(REJECT_DELAY_MS);
    }
  });

  test('RAD-70 Status-Server is answered where it is signed', async () => {
    const status = { port: port(), command: 'status', secret: clients.vpn.secret, from: AT.vpn } as const;
    const heard = await radclient({ ...status, attributes: { 'Message-Authenticator': '0x00' } });
    expect(heard.code, heard.output).toBe('Access-Accept');
    expect(heard.attributes.map(({ name }) => name)).toEqual(['Message-Authenticator']);
    const wrong = await radclient({
      ...status,
      secret: 'another secret of some length',
      attributes: { 'Message-Authenticator': '0x00' },
      timeoutSeconds: 1,
    });
    expect(wrong.code, wrong.output).toBeUndefined();
  });

  test('RAD-75 accounting is answered, and stands in the audit', async () => {
    const account = (Status: string, more: Record<string, string> = {}) =>
      radclient({
        port: house.stack.radiusServers[0]?.ports.accounting ?? 0,
        command: 'acct',
        secret: clients.vpn.secret,
        from: AT.vpn,
        attributes: {
          'User-Name': '"alice"',
          'Acct-Status-Type': Status,
          'Acct-Session-Id': '"interop-1"',
          'NAS-Identifier': '"vpn.example.test"',
          ...more,
        },
      });
    for (const heard of [await account('Start'), await account('Stop', { 'Acct-Session-Time': '61' })]) {
      expect(heard.code, heard.output).toBe('Accounting-Response');
    }
    const told = async () => (await audited('radius.accounting')).map(({ detail }) => detail);
    await waitUntil(async () => (await told()).length >= 2, { what: 'both in the audit' });
    console.log(JSON.stringify(await told()));
  });

  test('a Reject that somebody turns into an Accept is no answer', async () => {
    const turned = await startInterloper({ port: port() }, AT.vpn, (answer) => {
      answer.writeUInt8(CODE.accessAccept, 0);
      return answer;
    });
    const heard = await asVpn(loginOf('alice', 'not it'), { port: turned.port, from: '127.0.0.1', timeoutSeconds: 3 });
    expect(turned.answers).toBe(1);
    expect(heard.code, heard.output).toBeUndefined();
    await turned.close();
  });
});

describe('CVE-2024-3596', () => {
  test('RAD-31 octet 20 of every answer begins a Message-Authenticator, whether or not the request had one', async () => {
    const server = await openAccessServer(AT.limited);
    const user = await house.stack.addUser();
    const ask = async (request: Buffer): Promise<Buffer> => {
      const before = server.heard.length;
      server.send(request, port());
      return (await server.next(before, 5000)) ?? Buffer.alloc(0);
    };
    const challenge = await ask(unsigned(accessRequest(clients.limited.secret, user.username, 'sms')));
    const code = await house.stack.inbox.code(user.phone);
    const state = { type: ATTRIBUTE.state, value: firstOf(packetIn(challenge), ATTRIBUTE.state) ?? Buffer.alloc(0) };
    const accept = await ask(accessRequest(clients.limited.secret, user.username, code, [state]));
    const reject = await ask(unsigned(accessRequest(clients.limited.secret, user.username, code, [state])));
    expect([challenge, accept, reject].map((octets) => octets.readUInt8(0))).toEqual([
      CODE.accessChallenge,
      CODE.accessAccept,
      CODE.accessReject,
    ]);
    for (const octets of [challenge, accept, reject]) {
      expect([...octets.subarray(HEADER, HEADER + 2)]).toEqual([
        ATTRIBUTE.messageAuthenticator,
        MESSAGE_AUTHENTICATOR_OCTETS,
      ]);
    }
    await server.close();
  });

  test.each(['vpn', 'limited'] as const)(
    'RAD-30 a wrong Message-Authenticator gets nothing, from a client that %s',
    async (name) => {
      const request = accessRequest(clients[name].secret, 'nobody', 'anything');
      const [wrong, inverted] = [Buffer.from(request), Buffer.from(request)];
      wrong.writeUInt8(wrong.readUInt8(PROOF_AT) ^ 1, PROOF_AT);
      for (let at = PROOF_AT; at < PROOF_AT + 16; at += 1) inverted.writeUInt8(inverted.readUInt8(at) ^ 0xff, at);
      expect(await codeOf(AT[name], wrong)).toBeUndefined();
      expect(await codeOf(AT[name], inverted)).toBeUndefined();
      expect(await codeOf(AT[name], request)).toBe(CODE.accessReject);
    },
  );

  const proxyStates = [Buffer.from('one'), Buffer.alloc(0), Buffer.from('three')].map((value) => ({
    type: ATTRIBUTE.proxyState,
    value,
  }));
  test.each([
    ['is required', 'vpn', { signed: true, unsigned: false, signedProxied: true, unsignedProxied: false }],
    [
      'is not, with Proxy-State limited',
      'limited',
      { signed: true, unsigned: true, signedProxied: true, unsignedProxied: false },
    ],
    [
      'is not, and nothing is limited',
      'forgeable',
      { signed: true, unsigned: true, signedProxied: true, unsignedProxied: true },
    ],
  ] as const)('RAD-33 where Message-Authenticator %s', async (_, name, expected) => {
    const requests = {
      signed: accessRequest(clients[name].secret, 'nobody', 'anything'),
      unsigned: unsigned(accessRequest(clients[name].secret, 'nobody', 'anything')),
      signedProxied: accessRequest(clients[name].secret, 'nobody', 'anything', proxyStates),
      unsignedProxied: unsigned(accessRequest(clients[name].secret, 'nobody', 'anything', proxyStates)),
    };
    const answered = await Promise.all(
      Object.entries(requests).map(async ([kind, octets]) => [kind, (await codeOf(AT[name], octets)) !== undefined]),
    );
    expect(Object.fromEntries(answered)).toEqual(expected);
  });

  test('RAD-10 every Proxy-State comes back, unchanged and in order', async () => {
    const server = await openAccessServer(AT.vpn);
    server.send(accessRequest(clients.vpn.secret, 'nobody', 'anything', proxyStates), port());
    const packet = packetIn(await server.next(0, 5000));
    expect(attributesOf(packet, ATTRIBUTE.proxyState)).toEqual(proxyStates.map(({ value }) => value));
    await server.close();
  });
});

const noSshd = whyNoSshd();
describe.skipIf(noSshd !== undefined)(`sshd with pam_radius (skipped without it, and for whoever is not root)`, () => {
  let sshPort: number;
  const room = (name: string): string => {
    const dir = join(house.stack.dir, name);
    mkdirSync(dir, { mode: 0o700 });
    return dir;
  };

  beforeAll(async () => {
    sshPort = await freePort();
    const sshd = await startSshd({
      dir: room('sshd'),
      port: sshPort,
      radius: { port: port(), secret: clients.sshd.secret, from: AT.sshd, timeoutSeconds: 20 },
      usernames: ['mona', 'nils'],
      logFile: join(house.stack.logs, 'sshd.log'),
    });
    return () => sshd.kill();
  });

  test('a password, then a code by SMS', async () => {
    const login = ssh(room('mona'), sshPort, 'mona');
    expect(await login.prompt(0)).toContain('Password');
    login.answer(0, house.passwordOf('mona'));
    expect(await login.prompt(1)).toContain('Enter the 6-digit code sent to');
    login.answer(1, await house.stack.inbox.code(users.mona.phone));
    expect(await login.ended).toMatchObject({ code: 0, output: 'mona' });
  });

  test('a password, then a number that is typed on the phone', async () => {
    const login = ssh(room('nils'), sshPort, 'nils');
    await login.prompt(0);
    login.answer(0, house.passwordOf('nils'));
    const shown = await login.prompt(1);
    const [, number] = /type (\d+)\. Then press Enter here\./.exec(shown) ?? [];
    expect(number, shown).toBeDefined();
    const mobile = house.stack.mobiles[0]?.url ?? '';
    const [prompt] = await phone.poll(mobile);
    if (prompt === undefined || number === undefined) throw new Error('the phone was not asked');
    expect(prompt.displayed).toMatchObject({ user: 'nils', application: house.vpn.name });
    await phone.answer(mobile, prompt, { decision: 'approve', number });
    login.answer(1, '');
    expect(await login.ended).toMatchObject({ code: 0, output: 'nils' });
  });

  test('a wrong password, and a wrong code', async () => {
    const wrong = ssh(room('wrong'), sshPort, 'mona');
    await wrong.prompt(0);
    wrong.answer(0, 'not it');
    expect(await wrong.ended).toMatchObject({ code: 255, output: '' });
  });
});

describe('RADIUS over TLS', () => {
  test.skipIf(!hasRadsecproxy())(
    'RAD-71 radsecproxy in front of a client that speaks UDP (skipped without it)',
    async () => {
      const { stack } = house;
      const secret = randomBytes(18).toString('base64url');
      const listen = await freePort();
      const running = await startRadsecproxy({
        dir: join(stack.dir, 'radsecproxy'),
        port: listen,
        client: { from: AT.proxied, secret },
        server: { port: stack.radiusServers[1]?.ports.radsec ?? 0 },
        certificate: proxy,
        authorityPem: stack.authority.certificatePem,
        logFile: join(stack.logs, 'radsecproxy.log'),
      });
      const user = await stack.addUser({ username: 'carol' }).catch(() => undefined);
      const ask = (more: Record<string, string>) =>
        asVpn({ ...more }, { port: listen, from: AT.proxied, secret, timeoutSeconds: 5 });
      const challenge = await ask(loginOf('alice', house.passwordOf('alice')));
      expect(challenge.code, challenge.output).toBe('Access-Challenge');
      const code = await stack.inbox.code(users.alice.phone, 2);
      const accepted = await ask({ ...loginOf('alice', code), State: valueOf(challenge, 'State') ?? '' });
      expect(accepted.code, accepted.output).toBe('Access-Accept');
      console.log(accepted.output, user);
      await running.stop();
    },
  );
});
