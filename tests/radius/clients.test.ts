import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { auditFind, radiusClientFind } from '@countersign/contracts';
import { ATTRIBUTE, attributesOf, CODE, firstOf, readPacket, type Attribute } from '@countersign/radius';
import {
  freePort,
  issueCertificate,
  mschapClient,
  startFreeRadius,
  type FreeRadius,
  type IssuedCertificate,
} from '@countersign/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { HttpPhone } from '../phone.ts';
import { nextTotpCode, type TestUser } from '../stack.ts';
import { openAccessServer } from './access-server.ts';
import { eapolTest } from './eapol.ts';
import { startRadiusHouse, type Client, type RadiusHouse } from './house.ts';
import { startInterloper } from './interloper.ts';
import { startOpenvpn, type Openvpn } from './openvpn.ts';
import { radclient, radtest, valueOf, type Heard, type Radclient } from './radclient.ts';
import { openRadsec, startRadsecproxy } from './radsec.ts';
import { isSignedFirst, packetIn, passwordRequest, unsigned, withProof } from './requests.ts';
import { ssh, startSshd } from './ssh.ts';

/** Each address is a RADIUS client of its own, where it is one. */
const AT = {
  vpn: '127.0.0.11',
  sshd: '127.0.0.12',
  proxied: '127.0.0.13',
  behindUpstream: '127.0.0.14',
  accessPoint: '127.0.0.15',
  openvpn: '127.0.0.16',
  limited: '127.0.0.17',
  forgeable: '127.0.0.18',
  learning: '127.0.0.20',
} as const;
/** Namespaces, and sshd that asks PAM, are root's. */
const isRoot = process.getuid?.() === 0;
/** RAD-49. */
const REJECT_DELAY_MS = 1000;

let house: RadiusHouse;
let clients: Record<'held' | 'vpn' | 'sshd' | 'limited' | 'forgeable' | 'learning', Client>;
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
    learning: await house.admit('Learning', {
      networks: [AT.learning],
      ...held,
      requireMessageAuthenticator: 'auto',
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

/**
 * Sends each by a socket of its own, and behind them one that is answered for certain, as late as any other refusal is. What comes after that
 * is waited for no longer.
 * @returns the code of each answer; undefined where there was none.
 */
async function codesOf(from: string, secret: string, requests: readonly Buffer[]): Promise<(number | undefined)[]> {
  const last = passwordRequest(secret, { username: 'nobody', password: 'anything' });
  const servers = await Promise.all([...requests, last].map(() => openAccessServer(from)));
  try {
    for (const [n, octets] of [...requests, last].entries()) servers[n]?.send(octets, port());
    expect((await servers.at(-1)?.next(0, 10_000))?.readUInt8(0)).toBe(CODE.accessReject);
    await sleep(300);
    return servers.slice(0, -1).map(({ heard: [answer] }) => answer?.readUInt8(0));
  } finally {
    await Promise.all(servers.map((server) => server.close()));
  }
}

async function audited(type: string, userId?: string) {
  const { events } = await house.stack.admin(auditFind, { type, ...(userId !== undefined && { userId }) });
  return events;
}

/** What the audit has of its accounting, newest first. */
async function accountedFrom(client: string): Promise<Record<string, unknown>[]> {
  const details = (await audited('radius.accounting')).map(({ detail }) => detail as Record<string, unknown>);
  return details.filter((detail) => detail['client'] === client);
}

describe('radclient', () => {
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
    const returned = accepted.attributes.filter(({ name }) => name === 'Proxy-State').map(({ value }) => value);
    expect(returned, accepted.output).toEqual(['0x0102', '0x03']);
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
    await expect
      .poll(async () => (await accountedFrom('VPN gateway')).map(({ status }) => status))
      .toEqual(['stop', 'start']);
    const [stop] = await accountedFrom('VPN gateway');
    expect(stop).toMatchObject({
      clientId: clients.vpn.clientId,
      username: 'alice',
      sessionId: 'interop-1',
      sessionSeconds: 61,
      accessServer: { identifier: 'vpn.example.test' },
    });
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
    const typed = (password: string, more: Attribute[] = []) =>
      passwordRequest(clients.limited.secret, { username: user.username, password }, more);
    const challenge = await ask(unsigned(typed('sms')));
    const code = await house.stack.inbox.code(user.phone);
    const state = { type: ATTRIBUTE.state, value: firstOf(packetIn(challenge), ATTRIBUTE.state) ?? Buffer.alloc(0) };
    const accept = await ask(typed(code, [state]));
    const reject = await ask(unsigned(typed(code, [state])));
    expect([challenge, accept, reject].map((octets) => octets.readUInt8(0))).toEqual([
      CODE.accessChallenge,
      CODE.accessAccept,
      CODE.accessReject,
    ]);
    expect([challenge, accept, reject].map(isSignedFirst)).toEqual([true, true, true]);
    await server.close();
  });

  const nobody = { username: 'nobody', password: 'anything' };
  test.each([
    ['has to send one', 'vpn'],
    ['need not', 'limited'],
  ] as const)('RAD-30 a wrong Message-Authenticator gets nothing, from a client that %s', async (_, name) => {
    const request = passwordRequest(clients[name].secret, nobody);
    const wrong = withProof(request, (octet, at) => (at === 0 ? octet ^ 1 : octet));
    const inverted = withProof(request, (octet) => octet ^ 0xff);
    const codes = await codesOf(AT[name], clients[name].secret, [wrong, inverted, request]);
    expect(codes).toEqual([undefined, undefined, CODE.accessReject]);
  });

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
      signed: passwordRequest(clients[name].secret, nobody),
      unsigned: unsigned(passwordRequest(clients[name].secret, nobody)),
      signedProxied: passwordRequest(clients[name].secret, nobody, proxyStates),
      unsignedProxied: unsigned(passwordRequest(clients[name].secret, nobody, proxyStates)),
    };
    const codes = await codesOf(AT[name], clients[name].secret, Object.values(requests));
    const answered = Object.keys(requests).map((kind, n) => [kind, codes[n] === CODE.accessReject]);
    expect(Object.fromEntries(answered)).toEqual(expected);
  });

  test('RAD-32 a client that has signed a request at one replica has to at the other', async () => {
    const { secret, clientId } = clients.learning;
    const codeAt = async (replica: number, request: Buffer, withinMs: number) => {
      const server = await openAccessServer(AT.learning);
      server.send(request, port(replica));
      const answer = await server.next(0, withinMs);
      await server.close();
      return answer?.readUInt8(0);
    };
    expect(await codeAt(1, unsigned(passwordRequest(secret, nobody)), 10_000)).toBe(CODE.accessReject);
    expect(await codeAt(0, passwordRequest(secret, nobody), 10_000)).toBe(CODE.accessReject);
    await expect
      .poll(() => codeAt(1, unsigned(passwordRequest(secret, nobody)), 3000), { timeout: 30_000 })
      .toBeUndefined();
    expect(await codeAt(1, passwordRequest(secret, nobody), 10_000)).toBe(CODE.accessReject);
    const { clients: known } = await house.stack.admin(radiusClientFind, {});
    expect(known.find((client) => client.clientId === clientId)?.learntAt).toBeDefined();
  });

  test('RAD-10 every Proxy-State comes back, unchanged and in order', async () => {
    const server = await openAccessServer(AT.vpn);
    server.send(passwordRequest(clients.vpn.secret, nobody, proxyStates), port());
    const packet = packetIn(await server.next(0, 5000));
    expect(attributesOf(packet, ATTRIBUTE.proxyState)).toEqual(proxyStates.map(({ value }) => value));
    await server.close();
  });
});

describe.skipIf(!isRoot)('sshd with pam_radius (skipped for whoever is not root)', () => {
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
    const guessing = ssh(room('guessing'), sshPort, 'mona');
    await guessing.prompt(0);
    guessing.answer(0, house.passwordOf('mona'));
    await guessing.prompt(1);
    guessing.answer(1, '000000');
    expect(await guessing.prompt(2)).toContain('That was not accepted. Enter the code again.');
    guessing.answer(2, 'anything');
    await guessing.prompt(3);
    guessing.answer(3, '000001');
    expect(await guessing.ended, 'asked three times, as often as the client may').toMatchObject({
      code: 255,
      output: '',
    });
  });
});

describe('RADIUS over TLS', () => {
  test('RAD-71 radsecproxy in front of a client that speaks UDP', async () => {
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
    const ask = (more: Record<string, string>) =>
      asVpn({ ...more }, { port: listen, from: AT.proxied, secret, timeoutSeconds: 5 });
    const challenge = await ask(loginOf('alice', house.passwordOf('alice')));
    expect(challenge.code, challenge.output).toBe('Access-Challenge');
    const code = await stack.inbox.code(users.alice.phone, 2);
    const accepted = await ask({ ...loginOf('alice', code), State: valueOf(challenge, 'State') ?? '' });
    expect(accepted.code, accepted.output).toBe('Access-Accept');
    await running.stop();
  });

  test('RAD-73 RADIUS/1.1, which FreeRADIUS 3.2.1 does not speak, with a client that is not ours', async () => {
    const { stack } = house;
    const [server] = stack.radiusServers;
    const open = (protocols: string[]) =>
      openRadsec(server?.ports.radsec ?? 0, proxy, stack.authority.certificatePem, protocols);
    const connection = await open(['radius/1.1', 'radius/1.0']);
    expect(connection.protocol).toBe('radius/1.1');
    const ask = async (token: number, attributes: Attribute[]): Promise<Buffer> => {
      connection.send(versionOneOne(CODE.accessRequest, token, attributes));
      return connection.next();
    };
    const boris = [
      { type: ATTRIBUTE.userName, value: Buffer.from('boris') },
      { type: ATTRIBUTE.nasIdentifier, value: Buffer.from('test') },
    ];
    const sent = (await stack.inbox.messages(users.boris.phone)).length;
    // In the clear: TLS hides it.
    const password = { type: ATTRIBUTE.userPassword, value: Buffer.from(house.passwordOf('boris')) };
    const challenge = await ask(0x01020304, [...boris, password]);
    expect([challenge.readUInt8(0), challenge.readUInt8(1), challenge.readUInt32BE(4)]).toEqual([
      CODE.accessChallenge,
      0,
      0x01020304,
    ]);
    const read = readPacket(challenge, '1.1');
    if ('malformed' in read) throw new Error(read.malformed);
    expect(firstOf(read, ATTRIBUTE.messageAuthenticator)).toBeUndefined();
    const code = {
      type: ATTRIBUTE.userPassword,
      value: Buffer.from(await stack.inbox.code(users.boris.phone, sent + 1)),
    };
    const state = { type: ATTRIBUTE.state, value: firstOf(read, ATTRIBUTE.state) ?? Buffer.alloc(0) };
    // With one that is wrong in everything: it has no meaning here (RFC 9765 section 5.2).
    const proof = { type: ATTRIBUTE.messageAuthenticator, value: Buffer.alloc(16) };
    const accepted = await ask(0xffffffff, [proof, ...boris, code, state]);
    expect([accepted.readUInt8(0), accepted.readUInt32BE(4)]).toEqual([CODE.accessAccept, 0xffffffff]);
    expect(accepted.subarray(8, 20)).toEqual(Buffer.alloc(12));
    connection.close();
    const older = await open(['radius/1.0']);
    expect(older.protocol).toBe('radius/1.0');
    older.close();
  });
});

/** @see RFC 9765 section 4.1 */
function versionOneOne(code: number, token: number, attributes: readonly Attribute[]): Buffer {
  const values = attributes.map(({ type, value }) => Buffer.concat([Buffer.from([type, value.length + 2]), value]));
  const packet = Buffer.concat([Buffer.alloc(20), ...values]);
  packet.writeUInt8(code, 0);
  packet.writeUInt16BE(packet.length, 2);
  packet.writeUInt32BE(token, 4);
  return packet;
}

describe('FreeRADIUS as upstream', () => {
  const passwords = { gwen: 'gwen of the upstream', hugo: 'hugo of the upstream' };
  const secret = randomBytes(18).toString('base64url');
  const people: Partial<Record<'gwen' | 'hugo', TestUser>> = {};
  let freeRadius: FreeRadius;
  let behind: Client;
  let accessPoint: Client;
  let hugosPhone: HttpPhone;

  beforeAll(async () => {
    const { stack } = house;
    const certificate = await issueCertificate(stack.authority, {
      commonName: 'radius',
      usage: 'server',
      now: Date.now(),
    });
    freeRadius = await startFreeRadius({
      dir: join(stack.dir, 'freeradius'),
      port: await freePort(),
      secret,
      users: Object.entries(passwords).map(([username, password]) => ({
        username,
        password,
        reply: { 'Filter-Id': '"staff"', 'Reply-Message': '"of the upstream"' },
      })),
      mschap: true,
      eap: { ...certificate, authorityPem: stack.authority.certificatePem },
      requireMessageAuthenticator: true,
      logFile: join(stack.logs, 'freeradius.log'),
    });
    people.gwen = await stack.addUser({ username: 'gwen' });
    people.hugo = await stack.addUser({ username: 'hugo', phone: false });
    hugosPhone = await house.phoneOf(people.hugo);
    // Nothing listens at the first.
    const upstreamId = await house.upstream('FreeRADIUS', [await freePort(), freeRadius.port], secret);
    const firstFactor = { by: 'upstream', upstreamId } as const;
    behind = await house.admit('Behind FreeRADIUS', {
      networks: [AT.behindUpstream],
      firstFactor,
      allowPlainApproval: true,
      timeoutSeconds: 30,
    });
    accessPoint = await house.admit('Access point', {
      networks: [AT.accessPoint],
      firstFactor,
      allowPlainApproval: true,
      timeoutSeconds: 60,
      tries: 1,
    });
    await house.admitted();
    return () => freeRadius.kill();
  });

  const ask = (attributes: Radclient['attributes']) =>
    asVpn(attributes, { secret: behind.secret, from: AT.behindUpstream, timeoutSeconds: 25 });

  /** Says yes to whatever the phone is asked next, without a number. */
  async function approveOn(phone: HttpPhone): Promise<void> {
    const mobile = house.stack.mobiles[0]?.url ?? '';
    const [prompt] = await phone.poll(mobile, { wait: 25 });
    if (prompt === undefined) throw new Error('the phone was not asked');
    expect(prompt.displayed.digits, 'no number is asked for').toBe(0);
    await phone.answer(mobile, prompt, { decision: 'approve' });
  }

  test('PAP, then a code by SMS; what the upstream says of the person goes with the yes', async () => {
    const challenge = await ask(loginOf('gwen', passwords.gwen));
    expect(challenge.code, challenge.output).toBe('Access-Challenge');
    const code = await house.stack.inbox.code(people.gwen?.phone);
    const accepted = await ask({ ...loginOf('gwen', code), State: valueOf(challenge, 'State') ?? '' });
    expect(accepted.code, accepted.output).toBe('Access-Accept');
    expect(valueOf(accepted, 'Filter-Id')).toBe('staff');
    expect(valueOf(accepted, 'Reply-Message'), 'which is on no list').toBeUndefined();
    const refused = await ask(loginOf('gwen', 'not it'));
    expect(refused.code, refused.output).toBe('Access-Reject');
  });

  test('RAD-60, RAD-61 MS-CHAPv2 and an approval: radclient decrypts the keys that the person has computed', async () => {
    const challenge = randomBytes(16);
    const mschap = mschapClient({
      username: 'hugo',
      password: passwords.hugo,
      challenge,
      peerChallenge: randomBytes(16),
    });
    const [heard] = await Promise.all([
      ask({
        'User-Name': '"hugo"',
        'MS-CHAP-Challenge': `0x${challenge.toString('hex')}`,
        'MS-CHAP2-Response': `0x${mschap.response.toString('hex')}`,
      }),
      approveOn(hugosPhone),
    ]);
    expect(heard.code, heard.output).toBe('Access-Accept');
    expect(valueOf(heard, 'MS-MPPE-Send-Key')).toBe(`0x${mschap.sendKey.toString('hex')}`);
    expect(valueOf(heard, 'MS-MPPE-Recv-Key')).toBe(`0x${mschap.receiveKey.toString('hex')}`);
    const success = Buffer.from((valueOf(heard, 'MS-CHAP2-Success') ?? '').slice(2), 'hex');
    expect(success.subarray(1).toString()).toBe(mschap.success);
    await expect
      .poll(async () => (await audited('challenge.claimed', people.hugo?.userId)).map(({ detail }) => detail))
      .toMatchObject([{ assurance: 'oob-nonconformant' }]);
  });

  test.each(['PEAP', 'TTLS'] as const)(
    'EAP: eapol_test by %s, and an approval while it waits; its keys are those of the access point',
    async (method) => {
      const dir = join(house.stack.dir, method);
      mkdirSync(dir);
      const [{ code, output }] = await Promise.all([
        eapolTest({
          dir,
          method,
          username: 'hugo',
          password: passwords.hugo,
          authority: house.stack.authority.certificatePem,
          port: port(),
          secret: accessPoint.secret,
          from: AT.accessPoint,
          timeoutSeconds: 50,
        }),
        approveOn(hugosPhone),
      ]);
      expect(output).toContain('MPPE keys OK: 1  mismatch: 0');
      expect([code, output.trim().split('\n').at(-1)]).toEqual([0, 'SUCCESS']);
    },
  );

  test('RAD-35 who turns a Reject of the upstream into an Accept, and can sign it, lets nobody in', async () => {
    const { stack } = house;
    // It stands for whoever finds a collision: it has the secret, and makes a Response Authenticator that is right.
    const forger = await startInterloper({ port: freeRadius.port }, '127.0.0.1', (answer, request) => {
      expect(answer.readUInt8(0)).toBe(CODE.accessReject);
      const header = Buffer.from([CODE.accessAccept, request.readUInt8(1), 0, 20]);
      const proof = createHash('md5').update(header).update(request.subarray(4, 20)).update(secret).digest();
      return Buffer.concat([header, proof]);
    });
    const upstreamId = await house.upstream('Forged', [forger.port], secret);
    const victim = await house.admit('Victim', {
      networks: ['127.0.0.19'],
      firstFactor: { by: 'upstream', upstreamId },
    });
    await house.admitted();
    const heard = await asVpn(loginOf('gwen', 'not it'), {
      secret: victim.secret,
      from: '127.0.0.19',
      timeoutSeconds: 4,
    });
    expect(forger.answers).toBeGreaterThan(0);
    expect(heard.code, heard.output).toBeUndefined();
    expect(stack.appServers.map(({ logFile }) => readFileSync(logFile, 'utf8')).join('\n')).toContain(
      'no-message-authenticator',
    );
    await forger.close();
  });
});

describe.skipIf(!isRoot)('OpenVPN with its RADIUS plug-in (skipped for whoever is not root)', () => {
  let openvpn: Openvpn;

  beforeAll(async () => {
    const { stack } = house;
    const { secret } = await house.admit('OpenVPN', {
      networks: [AT.openvpn],
      profile: 'openvpn',
      requireMessageAuthenticator: 'no',
      firstFactor: { by: 'none' },
    });
    await house.admitted();
    openvpn = await startOpenvpn({
      dir: join(stack.dir, 'openvpn'),
      certificate: stack.certificate,
      authorityPem: stack.authority.certificatePem,
      radius: {
        authentication: port(),
        accounting: stack.radiusServers[0]?.ports.accounting ?? 0,
        secret,
        from: AT.openvpn,
        timeoutSeconds: 20,
      },
      logs: stack.logs,
    });
    return () => openvpn.stop();
  });

  test('a code lets somebody in, whose session stands in the audit; the same code lets nobody in', async () => {
    const user = await house.stack.addUser({ totp: true, phone: false });
    const code = nextTotpCode(user);
    const connection = await openvpn.connect(user.username, code);
    expect(connection.isIn).toBe(true);
    const again = await openvpn.connect(user.username, code);
    expect(again.isIn).toBe(false);
    await connection.leave();
    const session = async () =>
      (await accountedFrom('OpenVPN')).map(({ status, username }) => ({ status, username })).toReversed();
    const { username } = user;
    await expect.poll(session).toEqual([
      { status: 'start', username },
      { status: 'stop', username },
    ]);
  });
});
