import { createHash, randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { connectBus, credentialFromApiKey, endpoint, serve, type Bus } from '@countersign/bus';
import {
  MfaError,
  radiusAccount,
  radiusClients,
  radiusLogin,
  radiusReport,
  radiusWait,
  type InputOf,
  type RadiusAnswer,
  type RadiusClient,
} from '@countersign/contracts';
import {
  ATTRIBUTE,
  attributesOf,
  checkReply,
  CODE,
  encodeAccessRequest,
  encodeAccountingRequest,
  encodeStatusServer,
  hidePassword,
  MICROSOFT,
  readPacket,
  revealKey,
  VENDOR,
  vendorAttributesOf,
  type Attribute,
  type Packet,
} from '@countersign/radius';
import { createMetrics, silentLogger, type Metrics } from '@countersign/telemetry';
import {
  createAuthority,
  issueCertificate,
  startNats,
  waitUntil,
  type IssuedCertificate,
  type KeyAndCertificate,
  type NatsServer,
} from '@countersign/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SECRET, someClient } from './client.fixture.ts';
import { createFraming } from './framing.ts';
import { createRadiusService, type RadiusService, type RadiusServiceOptions } from './radius-service.ts';

const secret = Buffer.from(SECRET);
const RADSEC = Buffer.from('radsec');
const DELAY_MS = 500;
const KEY = randomBytes(16);
/** Long enough for an answer that should not come, on a busy machine too. */
const SILENCE_MS = 300;

const folder = mkdtempSync(join(tmpdir(), 'radius-'));
let nats: NatsServer;
let appBus: Bus;
let edgeBuses: Bus[] = [];
let authority: KeyAndCertificate;
let ofServer: IssuedCertificate;
let ofClient: IssuedCertificate;
let edges: { service: RadiusService; metrics: Metrics }[] = [];
let closing: (() => void)[] = [];

/** A client for each kind of test, by its own address of this machine. */
const CLIENTS = {
  strict: someClient({ clientId: '11111111-1111-4111-8111-111111111111', networks: ['127.0.0.1', '::1'] }),
  lenient: someClient({
    clientId: '22222222-2222-4222-8222-222222222222',
    networks: ['127.0.0.2'],
    requireMessageAuthenticator: 'no',
  }),
  forgeable: someClient({
    clientId: '33333333-3333-4333-8333-333333333333',
    networks: ['127.0.0.3'],
    requireMessageAuthenticator: 'no',
    limitProxyState: false,
  }),
  learning: someClient({
    clientId: '44444444-4444-4444-8444-444444444444',
    networks: ['127.0.0.4'],
    requireMessageAuthenticator: 'auto',
  }),
  tls: someClient({
    clientId: '55555555-5555-4555-8555-555555555555',
    networks: [],
    certificates: [{ name: 'vpn.example.com' }],
  }),
} as const satisfies Record<string, RadiusClient>;

/** What stands in for app-server. It decides by the name of the user, once for each attempt. */
const app = {
  clients: [] as RadiusClient[],
  version: 0,
  logins: [] as { attemptId: string; input: InputOf<typeof radiusLogin> }[],
  accounts: [] as { attemptId: string; input: InputOf<typeof radiusAccount> }[],
  reports: [] as InputOf<typeof radiusReport>[],
  /** Attempts that ring a phone, and what came of it. */
  pushes: new Map<string, { approved: PromiseWithResolvers<void>; isTold: boolean }>(),
  waits: 0,
  error: undefined as MfaError | undefined,
  /** How long it takes for a login. */
  takesMs: 0,
};
const base64 = (text: string) => Buffer.from(text).toString('base64');
const reset = (clients: readonly RadiusClient[] = Object.values(CLIENTS)): void => {
  app.clients = [...clients];
  app.version += 1;
};
const accepted = (send = true): RadiusAnswer => ({
  answer: 'accept',
  send,
  attributes: [
    { type: ATTRIBUTE.filterId, value: base64('staff') },
    { vendor: VENDOR.microsoft, type: MICROSOFT.mppeSendKey, value: KEY.toString('base64'), hidden: 'mppe' },
  ],
});

async function login(input: InputOf<typeof radiusLogin>, attemptId: string): Promise<RadiusAnswer> {
  app.logins.push({ attemptId, input });
  if (app.takesMs > 0) await delay(app.takesMs);
  if (app.error !== undefined) throw app.error;
  switch (input.username) {
    case 'accept':
      return accepted();
    case 'challenge':
      if (input.state === base64('state')) return accepted();
      return {
        answer: 'challenge',
        send: true,
        state: base64('state'),
        attributes: [{ type: ATTRIBUTE.replyMessage, value: base64('Code?') }],
      };
    case 'push': {
      const push = app.pushes.get(attemptId) ?? { approved: Promise.withResolvers<void>(), isTold: false };
      app.pushes.set(attemptId, push);
      return { answer: 'wait', ticket: attemptId, expiresAt: new Date(Date.now() + 60_000).toISOString() };
    }
    default:
      return { answer: 'reject', send: true, attributes: [] };
  }
}

async function wait({ ticket, waitSeconds }: InputOf<typeof radiusWait>): Promise<RadiusAnswer> {
  const push = app.pushes.get(ticket);
  if (push === undefined) throw new MfaError('CHALLENGE_NOT_FOUND');
  app.waits += 1;
  const isOver = await Promise.race([
    push.approved.promise.then(() => true),
    delay(waitSeconds * 1000, false, { ref: false }),
  ]);
  app.waits -= 1;
  if (!isOver) return { answer: 'wait', ticket, expiresAt: new Date(Date.now() + 60_000).toISOString() };
  const send = !push.isTold;
  push.isTold = true;
  return accepted(send);
}

beforeAll(async () => {
  nats = await startNats({ storeDir: join(folder, 'nats') });
  const connectAs = (name: string) => connectBus({ servers: [nats.url], name });
  appBus = await connectAs('app-1');
  edgeBuses = await Promise.all(['radius-1', 'radius-2'].map(connectAs));
  const many = { maxInFlight: 10_000 };
  const endpoints = [
    endpoint(radiusClients, ({ version }) => {
      if (app.error !== undefined) throw app.error;
      const now = String(app.version);
      return Promise.resolve({ version: now, ...(version !== now && { clients: app.clients }) });
    }),
    endpoint(radiusLogin, (input, { attemptId }) => login(input, attemptId), many),
    endpoint(radiusWait, (input) => wait(input), many),
    endpoint(radiusAccount, async (input, { attemptId }) => {
      app.accounts.push({ attemptId, input });
      if (app.error !== undefined) throw app.error;
      return Promise.resolve({});
    }),
    endpoint(radiusReport, (input) => {
      app.reports.push(input);
      return Promise.resolve({});
    }),
  ];
  await serve(appBus, endpoints, {
    queue: 'app-server',
    replica: 'app-1',
    maxInFlight: 10_000,
    logger: silentLogger(),
  });
  authority = await createAuthority({ commonName: 'test', now: Date.now() });
  ofServer = await issueCertificate(authority, { commonName: 'localhost', usage: 'server', now: Date.now() });
  ofClient = await issueCertificate(authority, {
    commonName: 'vpn',
    names: ['vpn.example.com'],
    usage: 'client',
    now: Date.now(),
  });
});
beforeEach(() => {
  reset();
  Object.assign(app, { logins: [], accounts: [], reports: [], pushes: new Map(), error: undefined, takesMs: 0 });
});
afterEach(async () => {
  for (const close of closing) close();
  closing = [];
  for (const { approved } of app.pushes.values()) approved.resolve();
  await Promise.all(edges.map(({ service }) => service.beside.drain({ timeoutMs: 2000 })));
  edges = [];
});
afterAll(async () => {
  await Promise.all([appBus, ...edgeBuses].map((bus) => bus.drain()));
  await nats.kill();
  rmSync(folder, { recursive: true, force: true });
});

async function start(changed: Partial<RadiusServiceOptions> = {}): Promise<RadiusService> {
  const credential = credentialFromApiKey('csk_radius_AAAAAAAAAAAAAAAAAAAA');
  const bus = edgeBuses[edges.length];
  if (credential === undefined || bus === undefined) throw new Error('no key, or no connection for one more');
  const replica = `radius-${edges.length + 1}`;
  const metrics = createMetrics({ service: 'radius-server', replica, processMetrics: false });
  const service = createRadiusService({
    replica,
    bus,
    credential,
    logger: silentLogger(),
    metrics,
    now: () => Date.now(),
    certificate: ofServer.certificatePem,
    key: ofServer.keyPem,
    hosts: ['127.0.0.1', '::1'],
    port: 0,
    accountingPort: 0,
    radsec: { port: 0, authorities: authority.certificatePem },
    maxInFlight: 1000,
    maxWaiting: 4000,
    maxConnections: 100,
    rejectDelayMs: DELAY_MS,
    ...changed,
  });
  edges.push({ service, metrics });
  await service.beside.listen();
  await service.app.ready();
  await waitUntil(async () => (await count('countersign_radius_clients', '', edges.length - 1)) > 0, {
    what: 'the clients to be known',
  });
  return service;
}

/** Of a sample whose labels hold this text. */
async function count(name: string, label = '', index = edges.length - 1): Promise<number> {
  const text = (await edges[index]?.metrics.text()) ?? '';
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) && line.includes(label))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}
const dropped = (reason: string) => count('countersign_radius_dropped_total', `reason="${reason}"`);

interface Caller {
  socket: Socket;
  send: (octets: Buffer, port: number) => void;
  /** The next answer; undefined when none comes in time. */
  hear: (withinMs?: number) => Promise<Buffer | undefined>;
  heard: Buffer[];
}

/** A RADIUS client at this address of the machine. */
async function caller(address = '127.0.0.1'): Promise<Caller> {
  const isV6 = address.includes(':');
  const socket = createSocket(isV6 ? 'udp6' : 'udp4');
  const heard: Buffer[] = [];
  let taken = 0;
  socket.on('message', (octets) => void heard.push(octets));
  socket.bind(0, address);
  await once(socket, 'listening');
  closing.push(() => socket.close());
  return {
    socket,
    heard,
    send: (octets, port) => socket.send(octets, port, isV6 ? '::1' : '127.0.0.1'),
    hear: async (withinMs = 5000) => {
      await waitUntil(() => heard.length > taken, { timeoutMs: withinMs, everyMs: 5 }).catch(() => undefined);
      return heard.length > taken ? heard[taken++] : undefined;
    },
  };
}

const text = (type: number, value: string): Attribute => ({ type, value: Buffer.from(value) });

interface Request {
  octets: Buffer;
  authenticator: Buffer;
}
let nextId = 0;
function request(username: string, more: Attribute[] = [], by = secret): Request {
  const authenticator = randomBytes(16);
  const password = { type: ATTRIBUTE.userPassword, value: hidePassword(Buffer.from('geheim'), by, authenticator) };
  const attributes = [text(ATTRIBUTE.userName, username), password, text(ATTRIBUTE.nasIdentifier, 'vpn-1'), ...more];
  nextId = (nextId + 1) % 256;
  return { authenticator, octets: encodeAccessRequest({ id: nextId, authenticator, attributes }, by) };
}
/** As a client makes it that does not sign. */
function unsigned({ octets, authenticator }: Request): Request {
  const plain = Buffer.concat([octets.subarray(0, 20), octets.subarray(38)]);
  plain.writeUInt16BE(plain.length, 2);
  return { octets: plain, authenticator };
}
function read(octets: Buffer | undefined, version: '1.0' | '1.1' = '1.0'): Packet {
  const packet = octets === undefined ? undefined : readPacket(octets, version);
  if (packet === undefined || 'malformed' in packet) throw new Error(packet?.malformed ?? 'silence');
  return packet;
}
/** The code of an answer that is right. */
function codeOf(octets: Buffer | undefined, { authenticator }: Request, by = secret): number {
  const reply = read(octets);
  expect(
    checkReply(reply, { requestAuthenticator: authenticator, secret: by, requireMessageAuthenticator: true }),
  ).toBe('right');
  expect(octets?.[20]).toBe(ATTRIBUTE.messageAuthenticator);
  return reply.code;
}
const pushOf = (index = 0) => [...app.pushes.values()][index]!;
const isWaiting = (waits: number) => waitUntil(() => app.waits === waits, { what: `${waits} waits` });

describe('logins over UDP', () => {
  test.each(['127.0.0.1', '::1'])(
    'from %s: what app-server says goes back, keys hidden for this client',
    async (from) => {
      const service = await start();
      const { send, hear } = await caller(from);
      const asked = request('accept', [text(ATTRIBUTE.proxyState, 'b'), text(ATTRIBUTE.proxyState, 'a')]);
      send(asked.octets, service.ports().authentication);
      const answer = await hear();
      expect(codeOf(answer, asked)).toBe(CODE.accessAccept);
      const reply = read(answer);
      expect(attributesOf(reply, ATTRIBUTE.filterId).map(String)).toEqual(['staff']);
      expect(attributesOf(reply, ATTRIBUTE.proxyState).map(String)).toEqual(['b', 'a']);
      const [key] = vendorAttributesOf(reply, VENDOR.microsoft);
      expect(revealKey(key!.value, secret, asked.authenticator)).toEqual(KEY);
      expect(app.logins).toMatchObject([
        {
          input: {
            clientId: CLIENTS.strict.clientId,
            username: 'accept',
            password: 'geheim',
            source: from,
            transport: 'udp',
            accessServer: { identifier: 'vpn-1' },
          },
        },
      ]);
    },
  );

  test('a challenge, and the answer to it', async () => {
    const { ports } = await start();
    const { send, hear } = await caller();
    const asked = request('challenge');
    send(asked.octets, ports().authentication);
    const answer = await hear();
    expect(codeOf(answer, asked)).toBe(CODE.accessChallenge);
    const [state] = attributesOf(read(answer), ATTRIBUTE.state);
    expect(String(state)).toBe('state');
    const again = request('challenge', [{ type: ATTRIBUTE.state, value: state! }]);
    send(again.octets, ports().authentication);
    expect(codeOf(await hear(), again)).toBe(CODE.accessAccept);
  });

  test('a refusal comes late, whoever refuses and whatever for (RAD-09, RAD-49), and its retransmission is let be', async () => {
    const { ports } = await start();
    const chap = [text(ATTRIBUTE.userName, 'accept'), { type: ATTRIBUTE.chapPassword, value: randomBytes(17) }];
    const authenticator = randomBytes(16);
    const byUs = { authenticator, octets: encodeAccessRequest({ id: 200, authenticator, attributes: chap }, secret) };
    for (const asked of [request('nobody'), byUs]) {
      const { send, hear } = await caller();
      const askedAt = performance.now();
      send(asked.octets, ports().authentication);
      await delay(100);
      send(asked.octets, ports().authentication);
      expect(codeOf(await hear(), asked)).toBe(CODE.accessReject);
      expect(performance.now() - askedAt).toBeGreaterThanOrEqual(DELAY_MS - 20);
      expect(await hear(SILENCE_MS)).toBeUndefined();
      expect(await count('countersign_radius_requests_held')).toBe(0);
    }
    expect(app.logins).toHaveLength(1);
  });

  test('a refusal leaves in one window after its request, whatever was wrong and however long that took (RAD-49)', async () => {
    const { ports } = await start();
    const { socket, send } = await caller();
    const askedAt = new Map<number | undefined, number>();
    const tookMs: number[] = [];
    socket.on('message', (octets) => void tookMs.push(performance.now() - (askedAt.get(octets[1]) ?? 0)));
    const kinds = [
      { what: 'name', takesMs: 0 },
      { what: 'password', takesMs: 200 },
      { what: 'code', takesMs: 400, more: [text(ATTRIBUTE.state, 'state')] },
    ];
    for (const [index, { what, takesMs, more }] of kinds.entries()) {
      app.takesMs = takesMs;
      for (let count = 0; count < 5; count += 1) {
        const { octets } = request(`wrong ${what}`, more);
        askedAt.set(octets[1], performance.now());
        send(octets, ports().authentication);
      }
      await waitUntil(() => app.logins.length === 5 * (index + 1), { what: 'all of them to be asked about' });
    }
    await waitUntil(() => tookMs.length === 15, { what: 'the refusals' });
    // Less than the slowest would take with the delay behind it.
    const windowMs = 350;
    expect(Math.min(...tookMs)).toBeGreaterThanOrEqual(DELAY_MS - 20);
    expect(Math.max(...tookMs)).toBeLessThan(DELAY_MS + windowMs);
  });

  test('retransmissions of a push make no second one, and after the answer get the same octets (RAD-41)', async () => {
    const { ports } = await start();
    const { send, hear, heard } = await caller();
    const asked = request('push');
    for (let tries = 0; tries < 10; tries += 1) {
      send(asked.octets, ports().authentication);
      await delay(10);
    }
    await isWaiting(1);
    expect(heard).toEqual([]);
    pushOf().approved.resolve();
    const answer = await hear();
    expect(codeOf(answer, asked)).toBe(CODE.accessAccept);
    send(asked.octets, ports().authentication);
    expect(await hear()).toEqual(answer);
    expect(app.logins).toHaveLength(1);
    expect(app.pushes.size).toBe(1);
    expect(await count('countersign_radius_duplicates_total', 'undecided')).toBe(9);
    expect(await count('countersign_radius_duplicates_total', 'resent')).toBe(1);
  });

  test('another request under the same identifier takes its place; the one before gets no answer (RAD-40)', async () => {
    const { ports } = await start();
    const { send, hear } = await caller();
    const before = request('push');
    send(before.octets, ports().authentication);
    await isWaiting(1);
    nextId -= 1;
    const after = request('accept');
    send(after.octets, ports().authentication);
    expect(codeOf(await hear(), after)).toBe(CODE.accessAccept);
    pushOf().approved.resolve();
    expect(await hear(SILENCE_MS)).toBeUndefined();
    expect(await dropped('superseded')).toBe(1);
  });

  test('a retransmission that reaches another replica: one push, one answer, and the same octets from both (R12, RAD-43)', async () => {
    const [first, second] = [await start(), await start()];
    const { send, hear, heard } = await caller();
    const asked = request('push');
    send(asked.octets, first.ports().authentication);
    await isWaiting(1);
    send(asked.octets, second.ports().authentication);
    await isWaiting(2);
    expect(app.pushes.size).toBe(1);
    pushOf().approved.resolve();
    const answer = await hear();
    expect(codeOf(answer, asked)).toBe(CODE.accessAccept);
    expect(await hear(SILENCE_MS)).toBeUndefined();
    for (const { ports } of [first, second]) {
      send(asked.octets, ports().authentication);
      expect(await hear()).toEqual(answer);
    }
    expect(heard).toHaveLength(3);
    expect(app.logins).toHaveLength(2);
    expect(new Set(app.logins.map(({ attemptId }) => attemptId)).size).toBe(1);
  });

  test('what app-server cannot decide gets no answer, and the next try is the same attempt (RAD-44)', async () => {
    const { ports } = await start();
    const { send, hear } = await caller();
    const asked = request('accept');
    app.error = new MfaError('UNAVAILABLE');
    send(asked.octets, ports().authentication);
    await waitUntil(async () => (await dropped('unavailable')) === 1, { what: 'it to be given up' });
    for (const [code, reason, times] of [
      ['DIRECTORY_UNAVAILABLE', 'unavailable', 2],
      ['CHALLENGE_CLOSED', 'failed', 1],
      ['UNAUTHENTICATED', 'not-authorised', 1],
    ] as const) {
      app.error = new MfaError(code);
      send(asked.octets, ports().authentication);
      await waitUntil(async () => (await dropped(reason)) === times, { what: `it to be given up as ${reason}` });
    }
    expect(await hear(SILENCE_MS)).toBeUndefined();
    app.error = undefined;
    send(asked.octets, ports().authentication);
    expect(codeOf(await hear(), asked)).toBe(CODE.accessAccept);
    expect(new Set(app.logins.map(({ attemptId }) => attemptId)).size).toBe(1);
  });

  test('an approval reaches a client that asked once, although app-server was away in between', async () => {
    const { ports } = await start();
    const { send, hear } = await caller();
    const asked = request('push');
    send(asked.octets, ports().authentication);
    await isWaiting(1);
    const push = pushOf();
    // What it waited for is lost, as with a replica that dies.
    pushOf().approved.reject(new MfaError('UNAVAILABLE', { retryAfterSeconds: 1 }));
    const [attemptId] = app.pushes.keys();
    app.waits = 0;
    app.pushes.set(attemptId!, { approved: Promise.withResolvers(), isTold: push.isTold });
    await isWaiting(1);
    pushOf().approved.resolve();
    expect(codeOf(await hear(), asked)).toBe(CODE.accessAccept);
    expect(app.logins).toHaveLength(1);
  });
});

describe('BlastRADIUS (CVE-2024-3596, R11)', () => {
  const proxied = [text(ATTRIBUTE.proxyState, 'chosen by somebody between')];
  const wrong = (asked: Request): Request => ({ ...asked, octets: flipped(asked.octets, 25) });
  const inverted = (asked: Request): Request => {
    const octets = Buffer.from(asked.octets);
    for (let at = 22; at < 38; at += 1) octets[at] = 0xff ^ (octets[at] ?? 0);
    return { ...asked, octets };
  };

  test.each([
    ['absent', unsigned, '127.0.0.1', [], 'message-authenticator-missing'],
    ['wrong', wrong, '127.0.0.1', [], 'message-authenticator-wrong'],
    ['inverted', inverted, '127.0.0.1', [], 'message-authenticator-wrong'],
    ['right', (asked: Request) => asked, '127.0.0.1', proxied, undefined],
    ['wrong, from whom none is required', wrong, '127.0.0.3', [], 'message-authenticator-wrong'],
    ['absent, from whom none is required', unsigned, '127.0.0.2', [], undefined],
    ['absent with Proxy-State', unsigned, '127.0.0.1', proxied, 'message-authenticator-missing'],
    ['absent with Proxy-State, limited', unsigned, '127.0.0.2', proxied, 'proxy-state'],
    ['absent with Proxy-State, unlimited', unsigned, '127.0.0.3', proxied, undefined],
  ] as const)('Message-Authenticator %s', async (_, change, from, more, reason) => {
    const { ports } = await start();
    const { send, hear } = await caller(from);
    const asked = change(request('accept', [...more]));
    send(asked.octets, ports().authentication);
    if (reason === undefined) return expect(codeOf(await hear(), asked)).toBe(CODE.accessAccept);
    await waitUntil(async () => (await dropped(reason)) === 1, { what: 'it to be dropped' });
    expect(await hear(SILENCE_MS)).toBeUndefined();
    expect(app.logins).toEqual([]);
  });

  test('a refusal that somebody makes an acceptance of does not pass, even with a Response Authenticator that fits', async () => {
    const { ports } = await start();
    const { send, hear } = await caller();
    const asked = request('nobody', proxied);
    send(asked.octets, ports().authentication);
    const refusal = await hear();
    expect(codeOf(refusal, asked)).toBe(CODE.accessReject);
    const forged = Buffer.from(refusal!);
    forged[0] = CODE.accessAccept;
    const check = { requestAuthenticator: asked.authenticator, secret, requireMessageAuthenticator: true };
    expect(checkReply(read(forged), check)).toBe('wrong-authenticator');
    // What the collision gives the forger, who does not know the secret.
    const hash = createHash('md5').update(forged.subarray(0, 4)).update(asked.authenticator);
    hash.update(forged.subarray(20)).update(secret).digest().copy(forged, 4);
    expect(checkReply(read(forged), check)).toBe('wrong-message-authenticator');
  });

  test('a forged packet pushes nothing out of memory (RAD-34)', async () => {
    const { ports } = await start();
    const { send, hear } = await caller();
    const asked = request('push');
    send(asked.octets, ports().authentication);
    await isWaiting(1);
    nextId -= 1;
    send(wrong(request('push')).octets, ports().authentication);
    await waitUntil(async () => (await dropped('message-authenticator-wrong')) === 1, { what: 'it to be dropped' });
    pushOf().approved.resolve();
    expect(codeOf(await hear(), asked)).toBe(CODE.accessAccept);
  });

  test('who has signed once has to from then on, here at once, and app-server hears of it (RAD-32)', async () => {
    const { ports } = await start();
    const { send, hear } = await caller('127.0.0.4');
    const plain = unsigned(request('accept'));
    send(plain.octets, ports().authentication);
    expect(codeOf(await hear(), plain)).toBe(CODE.accessAccept);
    const signed = request('accept');
    send(signed.octets, ports().authentication);
    send(unsigned(request('accept')).octets, ports().authentication);
    expect(codeOf(await hear(), signed)).toBe(CODE.accessAccept);
    await waitUntil(() => app.reports.length > 0, { what: 'app-server to be told' });
    expect(await dropped('message-authenticator-missing')).toBe(1);
    expect(app.reports[0]?.clients).toMatchObject([{ clientId: CLIENTS.learning.clientId, learnt: true }]);
    expect(await hear(SILENCE_MS)).toBeUndefined();
  });
});

describe('what is no question of a client', () => {
  test('is dropped in silence, counted by its reason, and reported (RAD-01, RAD-02)', async () => {
    const { ports, beside } = await start();
    const { send, heard } = await caller();
    const stranger = await caller('127.0.0.9');
    const { octets } = request('accept');
    const many = Buffer.concat([octets.subarray(0, 38), Buffer.alloc(400, Buffer.from([1, 2]))]);
    many.writeUInt16BE(many.length, 2);
    const cases: [Buffer, string][] = [
      [octets.subarray(0, 19), 'too-short'],
      [withLength(octets, 19), 'length-below-20'],
      [withLength(octets, 4097), 'length-above-4096'],
      [withLength(octets, octets.length + 1), 'truncated'],
      [flipped(octets, 39, 0xff), 'attribute-overrun'],
      [many, 'too-many-attributes'],
      [flipped(octets, 0, CODE.accessAccept ^ CODE.accessRequest), 'code'],
      [Buffer.concat([octets, Buffer.from('padding')]), ''],
    ];
    for (const [packet] of cases) send(packet, ports().authentication);
    stranger.send(octets, ports().authentication);
    await waitUntil(async () => heard.length === 1 && (await dropped('unknown-client')) === 1, { what: 'all of them' });
    for (const [, reason] of cases) if (reason !== '') expect([reason, await dropped(reason)]).toEqual([reason, 1]);
    expect(stranger.heard).toEqual([]);

    await beside.drain({ timeoutMs: 2000 });
    expect(app.reports.at(-1)).toMatchObject({
      clients: [{ clientId: CLIENTS.strict.clientId, counts: { 'dropped-malformed': 6, 'dropped-code': 1, pap: 1 } }],
      strangers: [{ address: '127.0.0.9', packets: 1 }],
    });
  });

  test('a client that was taken off the list is unknown within some seconds', async () => {
    const { ports } = await start();
    const { send, hear } = await caller();
    reset([CLIENTS.lenient]);
    await waitUntil(async () => (await count('countersign_radius_clients', '')) === 1, { what: 'it to be gone' });
    send(request('accept').octets, ports().authentication);
    expect(await hear(SILENCE_MS)).toBeUndefined();
    expect(await dropped('unknown-client')).toBe(1);
  });

  test('under overload new logins are shed, those with State are not, and it is counted (RAD-48)', async () => {
    const { ports } = await start({ maxInFlight: 4 });
    app.takesMs = 1000;
    // One client has two of the four places, and one more for what has begun.
    const { send, heard } = await caller();
    for (let turn = 0; turn < 5; turn += 1) send(request('accept').octets, ports().authentication);
    await waitUntil(async () => (await dropped('overload')) === 3, { what: 'three to be shed' });
    const urgent = request('challenge', [text(ATTRIBUTE.state, 'state')]);
    send(urgent.octets, ports().authentication);
    await waitUntil(() => heard.length === 3, { what: 'the others' });
    expect(app.logins).toHaveLength(3);
    expect(codeOf(heard.at(-1), urgent)).toBe(CODE.accessAccept);
  });
});

describe('accounting (RAD-75)', () => {
  const accounting = (status: number, by = secret) => {
    const statusType = { type: ATTRIBUTE.acctStatusType, value: Buffer.from([0, 0, 0, status]) };
    const attributes = [statusType, text(ATTRIBUTE.acctSessionId, 's1'), text(ATTRIBUTE.proxyState, 'p')];
    nextId = (nextId + 1) % 256;
    return encodeAccountingRequest({ id: nextId, attributes }, by);
  };

  test('start, interim and stop are answered once; duplicates are resent, other secrets dropped', async () => {
    const { ports } = await start();
    const { send, hear } = await caller();
    for (const status of [1, 3, 2]) {
      const octets = accounting(status);
      send(octets, ports().accounting);
      const answer = await hear();
      const reply = read(answer);
      expect(reply.code).toBe(CODE.accountingResponse);
      expect(attributesOf(reply, ATTRIBUTE.proxyState).map(String)).toEqual(['p']);
      const requestAuthenticator = read(octets).authenticator;
      expect(checkReply(reply, { requestAuthenticator, secret, requireMessageAuthenticator: false })).toBe('right');
      send(octets, ports().accounting);
      expect(await hear()).toEqual(answer);
    }
    expect(app.accounts.map(({ input }) => input.status)).toEqual(['start', 'interim', 'stop']);
    send(accounting(1, Buffer.from('another secret')), ports().accounting);
    send(request('accept').octets, ports().accounting);
    send(accounting(1), ports().authentication);
    expect(await hear(SILENCE_MS)).toBeUndefined();
    expect([await dropped('accounting-authenticator'), await dropped('code')]).toEqual([1, 2]);
  });

  test('what could not be kept is not answered, and is kept under the same attempt when it comes again', async () => {
    const { ports } = await start();
    const { send, hear } = await caller();
    const octets = accounting(1);
    app.error = new MfaError('UNAVAILABLE');
    send(octets, ports().accounting);
    await waitUntil(async () => (await dropped('unavailable')) === 1, { what: 'it to be given up' });
    app.error = undefined;
    send(octets, ports().accounting);
    expect(read(await hear()).code).toBe(CODE.accountingResponse);
    expect(new Set(app.accounts.map(({ attemptId }) => attemptId)).size).toBe(1);
  });
});

const status = (id = 1, by = secret): Request => {
  const authenticator = randomBytes(16);
  return { authenticator, octets: encodeStatusServer({ id, authenticator }, by) };
};

interface Connection {
  socket: TLSSocket;
  heard: Buffer[];
  send: (octets: Buffer) => void;
  isClosed: () => boolean;
  hears: (many: number) => Promise<void>;
}

async function connect(
  port: number,
  versions: string[] | undefined,
  { certificate = ofClient, maxVersion }: { certificate?: IssuedCertificate | undefined; maxVersion?: 'TLSv1.2' } = {},
): Promise<Connection> {
  const socket = connectTls({
    host: '127.0.0.1',
    port,
    ca: authority.certificatePem,
    servername: 'localhost',
    cert: certificate.certificatePem,
    key: certificate.keyPem,
    ...(versions !== undefined && { ALPNProtocols: versions }),
    ...(maxVersion !== undefined && { maxVersion }),
  });
  closing.push(() => socket.destroy());
  const framing = createFraming();
  const heard: Buffer[] = [];
  let isClosed = false;
  socket.on('data', (chunk: Buffer) => void heard.push(...framing.push(chunk).packets));
  socket.on('close', () => (isClosed = true));
  const connected = once(socket, 'secureConnect');
  socket.on('error', () => undefined);
  await connected;
  return {
    socket,
    heard,
    send: (octets) => void socket.write(octets),
    isClosed: () => isClosed,
    hears: (many) =>
      waitUntil(() => heard.length >= many, { what: () => `${many} answers, of which ${heard.length} came` }),
  };
}

/** In RADIUS/1.1: nothing is hidden, and the token tells requests apart. */
function recent(token: number, username: string): Buffer {
  const attributes = [text(ATTRIBUTE.userName, username), text(ATTRIBUTE.userPassword, 'geheim')];
  return encodeAccessRequest({ id: token, authenticator: Buffer.alloc(16), attributes }, RADSEC, '1.1');
}

describe('RADIUS over TLS (RAD-71 to RAD-73)', () => {
  test.each([
    [['radius/1.0'], undefined, 'radius/1.0'],
    [undefined, undefined, false],
    [['radius/1.1', 'radius/1.0'], 'TLSv1.2', 'radius/1.0'],
  ] as const)('1.0: who offers %j with at most %s', async (versions, maxVersion, agreed) => {
    const { ports } = await start();
    const offered = versions === undefined ? undefined : [...versions];
    const { socket, send, heard, hears } = await connect(ports().radsec, offered, {
      ...(maxVersion !== undefined && { maxVersion }),
    });
    expect(socket.alpnProtocol).toBe(agreed);
    const [signed, plain, looks] = [
      request('accept', [], RADSEC),
      unsigned(request('accept', [], RADSEC)),
      status(9, RADSEC),
    ];
    send(Buffer.concat([signed.octets, plain.octets, looks.octets]));
    await hears(3);
    const byId = (asked: Request) => heard.find((octets) => octets[1] === asked.octets[1]);
    for (const asked of [signed, plain, looks]) expect(codeOf(byId(asked), asked, RADSEC)).toBe(CODE.accessAccept);
    const told = { input: { transport: 'tls', password: 'geheim' } };
    expect(app.logins).toMatchObject([told, told]);
  });

  test('1.1: nothing is hidden, no MD5 is in it, and the same octets twice are two logins', async () => {
    const { ports } = await start();
    const { socket, send, heard, hears } = await connect(ports().radsec, ['radius/1.1', 'radius/1.0']);
    expect(socket.alpnProtocol).toBe('radius/1.1');
    send(Buffer.concat([recent(70_000, 'accept'), recent(70_000, 'accept')]));
    await hears(2);
    const reply = read(heard[0], '1.1');
    expect(reply).toMatchObject({ id: 70_000, code: CODE.accessAccept });
    expect(vendorAttributesOf(reply, VENDOR.microsoft)[0]?.value).toEqual(KEY);
    expect(attributesOf(reply, ATTRIBUTE.messageAuthenticator)).toEqual([]);
    expect(new Set(app.logins.map(({ attemptId }) => attemptId)).size).toBe(2);
    expect(app.logins[0]?.input).toMatchObject({ transport: 'tls-1.1', password: 'geheim' });
  });

  test('300 waits on one connection of either version (RAD-72), which end with it', async () => {
    const { ports } = await start();
    const modern = await connect(ports().radsec, ['radius/1.1']);
    const old = await connect(ports().radsec, ['radius/1.0']);
    const asked = Array.from({ length: 300 }, () => request('push', [], RADSEC));
    modern.send(Buffer.concat(Array.from({ length: 300 }, (_, token) => recent(token, 'push'))));
    // More than there are identifiers: each answer fits its request alone.
    old.send(Buffer.concat(asked.map(({ octets }) => octets)));
    await isWaiting(600);
    old.socket.destroy();
    await waitUntil(async () => (await count('countersign_radius_requests_waiting')) === 300, {
      what: 'half to be gone',
    });
    expect(await dropped('connection-lost')).toBe(300);
    for (const { approved } of app.pushes.values()) approved.resolve();
    await modern.hears(300);
    expect(new Set(modern.heard.map((octets) => read(octets, '1.1').id)).size).toBe(300);
    expect(modern.heard.every((octets) => octets[0] === CODE.accessAccept)).toBe(true);
  });

  test('what finds no room holds the connection back for a while, and is shed together with what stands behind it', async () => {
    const bounds = { roomMs: 300 };
    const { ports } = await start({
      maxWaiting: 4,
      radsec: { port: 0, authorities: authority.certificatePem, bounds },
    });
    const { send, hears, heard } = await connect(ports().radsec, ['radius/1.1']);
    send(Buffer.concat(Array.from({ length: 8 }, (_, token) => recent(token, 'push'))));
    await waitUntil(async () => (await dropped('overload')) === 6, { what: 'six to be shed' });
    expect(app.pushes.size).toBe(2);
    // There is room again.
    pushOf().approved.resolve();
    await hears(1);
    send(recent(9, 'accept'));
    await hears(2);
    expect(heard.map((octets) => read(octets, '1.1').id)).toEqual([0, 9]);
  });

  test('identifiers that come twice at a time are answered each with its own authenticator', async () => {
    const { ports } = await start();
    const { send, heard, hears } = await connect(ports().radsec, ['radius/1.0']);
    const first = request('accept', [], RADSEC);
    nextId -= 1;
    const second = request('accept', [], RADSEC);
    send(Buffer.concat([first.octets, second.octets]));
    await hears(2);
    const isFor =
      ({ authenticator }: Request) =>
      (octets: Buffer) =>
        checkReply(read(octets), {
          requestAuthenticator: authenticator,
          secret: RADSEC,
          requireMessageAuthenticator: true,
        }) === 'right';
    for (const asked of [first, second]) expect(heard.filter(isFor(asked))).toHaveLength(1);
  });

  test('who is no client, or sends what is no packet or has a wrong proof, is cut off', async () => {
    const { ports } = await start();
    const port = ports().radsec;
    const other = await issueCertificate(authority, { commonName: 'other', usage: 'client', now: Date.now() });
    const foreign = await createAuthority({ commonName: 'foreign', now: Date.now() });
    const unvouched = await issueCertificate(foreign, {
      commonName: 'vpn',
      names: ['vpn.example.com'],
      usage: 'client',
      now: Date.now(),
    });
    for (const certificate of [other, unvouched]) {
      const { isClosed } = await connect(port, undefined, { certificate });
      await waitUntil(isClosed, { what: 'it to be cut off' });
    }
    const notices = [withLength(request('accept').octets, 19), flipped(request('accept', [], RADSEC).octets, 25)];
    for (const octets of notices) {
      const connection = await connect(port, undefined);
      connection.send(octets);
      await waitUntil(connection.isClosed, { what: 'it to be cut off' });
      expect(connection.heard).toEqual([]);
    }
    await expect(connect(port, ['http/1.1'])).rejects.toThrow(/alert/);
    expect(app.logins).toEqual([]);
    expect(await dropped('unknown-client')).toBe(2);
  });

  test('under overload what comes by one connection waits for room once, and those with State go first (RAD-48)', async () => {
    const bounds = { roomMs: 300 };
    const radsec = { port: 0, authorities: authority.certificatePem, bounds };
    const { ports } = await start({ maxInFlight: 4, radsec });
    app.takesMs = 3000;
    const { send, heard, hears } = await connect(ports().radsec, undefined);
    const urgent = request('challenge', [text(ATTRIBUTE.state, 'state')], RADSEC);
    const others = Array.from({ length: 20 }, () => request('accept', [], RADSEC).octets);
    send(Buffer.concat([...others, urgent.octets]));
    // One client has two of the four places, and each of twenty by itself would wait longer than the answers take.
    await waitUntil(async () => (await dropped('overload')) === 19, { timeoutMs: 2500, what: 'the others to be shed' });
    expect(app.logins.map(({ input }) => input.username)).toEqual(['challenge', 'accept']);
    await hears(2);
    expect(heard.map((octets) => octets[0])).toEqual([CODE.accessAccept, CODE.accessAccept]);
  });

  test('a client that is taken off the list is cut off at its next packet', async () => {
    const { ports } = await start();
    const { send, isClosed, hears } = await connect(ports().radsec, undefined);
    send(request('accept', [], RADSEC).octets);
    await hears(1);
    reset([CLIENTS.strict]);
    await waitUntil(async () => (await count('countersign_radius_clients', '')) === 1, { what: 'it to be gone' });
    send(request('accept', [], RADSEC).octets);
    await waitUntil(isClosed, { what: 'it to be cut off' });
    expect(app.logins).toHaveLength(1);
  });

  test('who sends half a packet or nothing is cut off (R29), and one address has a quarter of the connections', async () => {
    const bounds = { packetMs: 100, idleMs: 400 };
    const { ports } = await start({
      maxConnections: 8,
      radsec: { port: 0, authorities: authority.certificatePem, bounds },
    });
    const slow = await connect(ports().radsec, undefined);
    slow.send(request('accept', [], RADSEC).octets.subarray(0, 30));
    const idle = await connect(ports().radsec, undefined);
    await expect(connect(ports().radsec, undefined)).rejects.toThrow(/ECONNRESET|disconnected/);
    await waitUntil(() => slow.isClosed() && idle.isClosed(), { what: 'both to be cut off' });
    expect(await count('countersign_radius_connections_cut_total', 'slow')).toBe(1);
    expect(await count('countersign_radius_connections_cut_total', 'idle')).toBe(1);
    expect(await count('countersign_radius_connections_cut_total', 'share taken')).toBe(1);
  });

  test('a renewed certificate is shown to whoever connects from then on', async () => {
    const { ports, beside } = await start();
    const before = await connect(ports().radsec, undefined);
    const renewed = await issueCertificate(authority, { commonName: 'localhost', usage: 'server', now: Date.now() });
    expect(() => beside.useCertificate({ certificate: renewed.certificatePem, key: ofServer.keyPem })).toThrow(/key/i);
    beside.useCertificate({ certificate: renewed.certificatePem, key: renewed.keyPem });
    const after = await connect(ports().radsec, undefined);
    const shown = ({ socket }: Connection) => socket.getPeerX509Certificate()?.serialNumber;
    expect(shown(after)).not.toBe(shown(before));
    expect(before.isClosed()).toBe(false);
  });
});

describe('a replica', () => {
  test('holds 2,000 open waits and answers all of them', async () => {
    const { ports } = await start();
    const callers = await Promise.all(Array.from({ length: 8 }, () => caller()));
    for (const [turn, { send }] of callers.entries()) {
      for (let sent = 0; sent < 250; sent += 1) send(request('push').octets, ports().authentication);
      await isWaiting((turn + 1) * 250);
    }
    expect(await count('countersign_radius_requests_waiting')).toBe(2000);
    for (const { approved } of app.pushes.values()) approved.resolve();
    await waitUntil(() => callers.every(({ heard }) => heard.length === 250), {
      timeoutMs: 20_000,
      what: () => `all answers; there were ${callers.map(({ heard }) => heard.length).join(', ')}`,
    });
    expect(await dropped('overload')).toBe(0);
    expect(await count('countersign_radius_requests_held')).toBe(0);
  });

  test('that stops lets go in silence of what waits, answers what it works on, and takes nothing more', async () => {
    const service = await start();
    const { authentication, radsec } = service.ports();
    const { send, hear, heard } = await caller();
    const tls = await connect(radsec, ['radius/1.1']);
    send(request('push').octets, authentication);
    tls.send(recent(1, 'push'));
    await isWaiting(2);
    app.takesMs = 300;
    const asked = request('accept');
    send(asked.octets, authentication);
    await waitUntil(() => app.logins.length === 3, { what: 'it to be asked' });
    const stoppedAt = performance.now();
    const stopped = service.beside.drain({ timeoutMs: 8000 });
    send(request('accept').octets, authentication);
    expect(codeOf(await hear(), asked)).toBe(CODE.accessAccept);
    await stopped;
    expect(performance.now() - stoppedAt).toBeLessThan(4000);
    await waitUntil(tls.isClosed, { what: 'the connection to end' });
    expect([heard.length, tls.heard.length, app.logins.length]).toEqual([1, 0, 3]);
  });

  test('answers Status-Server where it is asked, signed, and not more often than is of use (RAD-70)', async () => {
    const { ports } = await start();
    const { send, hear, heard } = await caller();
    const [login, account] = [status(), status()];
    send(login.octets, ports().authentication);
    expect(codeOf(await hear(), login)).toBe(CODE.accessAccept);
    send(account.octets, ports().accounting);
    expect(codeOf(await hear(), account)).toBe(CODE.accountingResponse);
    for (let turn = 0; turn < 30; turn += 1) send(status(turn).octets, ports().authentication);
    await waitUntil(async () => heard.length + (await dropped('status-rate')) === 32, { what: 'all of them' });
    expect(heard.length).toBeLessThan(16);
    expect(app.logins).toEqual([]);
  });

  test('is not ready once app-server has not answered for 5 s, so that balancers send nobody there (RAD-70)', async () => {
    const { app: https } = await start();
    const ready = async () => (await https.inject('/health/ready')).json<{ status: string; checks: unknown[] }>();
    expect(await ready()).toMatchObject({ status: 'ok' });
    app.error = new MfaError('UNAUTHENTICATED');
    await waitUntil(async () => (await ready()).status === 'unavailable', { everyMs: 250, what: 'it to be said' });
    expect((await ready()).checks).toContainEqual({ name: 'clients', ok: false });
    expect((await ready()).checks).toContainEqual({ name: 'bus', ok: true });
    app.error = undefined;
    await waitUntil(async () => (await ready()).status === 'ok', { everyMs: 250, what: 'it to be ready again' });
  });

  test('is silent about Status-Server and logins while NATS is away, and there again with it (RAD-44, RAD-70)', async () => {
    const { ports } = await start();
    const { send, hear } = await caller();
    await nats.kill();
    const { port } = nats;
    await waitUntil(() => edgeBuses[0]?.connected === false, { what: 'NATS to be missed' });
    send(status(1).octets, ports().authentication);
    send(request('accept').octets, ports().authentication);
    await waitUntil(async () => (await dropped('status-unable')) === 1, { what: 'it to be let be' });
    expect(await hear(SILENCE_MS)).toBeUndefined();
    nats = await startNats({ storeDir: join(folder, 'nats'), port });
    await waitUntil(() => edgeBuses.every(({ connected }) => connected) && appBus.connected, { what: 'NATS' });
    // The login of before is answered, since its client still waits; then it can be said that it works.
    expect(read(await hear()).code).toBe(CODE.accessAccept);
    await waitUntil(
      async () => {
        const looks = status(nextId++ % 256);
        send(looks.octets, ports().authentication);
        const answer = await hear(1000);
        return answer !== undefined && codeOf(answer, looks) === CODE.accessAccept;
      },
      { everyMs: 300, what: 'it to be said' },
    );
  });
});

function withLength(octets: Buffer, length: number): Buffer {
  const changed = Buffer.from(octets);
  changed.writeUInt16BE(length, 2);
  return changed;
}

function flipped(octets: Buffer, at: number, by = 1): Buffer {
  const changed = Buffer.from(octets);
  changed[at] = (changed[at] ?? 0) ^ by;
  return changed;
}
