import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import {
  accountJwt,
  claimsCredentials,
  CLAIMS_SUBJECT,
  createInstallation,
  createUserKey,
  credentialsText,
  rolePermissions,
  userJwt,
  type RoleName,
  type RolePermissions,
} from '@countersign/authority';
import { edgeStatus } from '@countersign/contracts';
import { createLogger } from '@countersign/telemetry';
import { startOperatorCluster, waitUntil, type OperatorCluster } from '@countersign/testkit';
import { PermissionViolationError } from '@nats-io/nats-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deliverAccount } from './claims.ts';
import { connectBus, type Bus } from './connection.ts';

const dir = mkdtempSync(join(tmpdir(), 'roles-'));
let cluster: OperatorCluster;
const buses: Bus[] = [];

beforeAll(async () => {
  cluster = await startOperatorCluster({ dir, now: Date.now() });
});
afterAll(async () => {
  await Promise.all(buses.map((bus) => bus.nats.close()));
  await cluster.kill();
  rmSync(dir, { recursive: true });
});

async function joined(credentialsFile: string, logLines: string[] = []): Promise<Bus> {
  const logger = createLogger({
    service: 'test',
    replica: 'test',
    destination: { write: (line: string) => void logLines.push(line) },
  });
  const bus = await connectBus({
    servers: cluster.urls,
    authorities: cluster.authorities,
    credentialsFile,
    name: 'test',
    logger,
  });
  buses.push(bus);
  return bus;
}

const users = new Map<string, Promise<Bus>>();
function as(name: string, role: RoleName): Promise<Bus> {
  let bus = users.get(name);
  if (bus === undefined) users.set(name, (bus = cluster.credentials(name, role).then(({ path }) => joined(path))));
  return bus;
}

/** What the server says to it. */
async function outcome(bus: Bus, kind: 'publish' | 'subscribe', subject: string): Promise<string> {
  const { nats } = bus;
  const before = refusals(bus);
  const subscription = kind === 'subscribe' ? nats.subscribe(subject, { callback: () => undefined }) : undefined;
  if (kind === 'publish') nats.publish(subject, '{}');
  // The answer to a second ping comes after everything that was said about the first.
  await nats.flush();
  await nats.flush();
  subscription?.unsubscribe();
  return refusals(bus) > before ? 'refused' : 'permitted';
}

const counted = new Map<Bus, { refusals: number }>();
function refusals(bus: Bus): number {
  let count = counted.get(bus);
  if (count === undefined) {
    const fresh = { refusals: 0 };
    counted.set(bus, (count = fresh));
    void (async () => {
      for await (const one of bus.nats.status()) {
        if (one.type === 'error' && one.error instanceof PermissionViolationError) fresh.refusals += 1;
      }
    })();
  }
  return count.refusals;
}

const EDGE = 'sdk-gateway-1';
const PORTAL = 'user-portal-1';
const MOBILE = 'mobile-app-web-service-1';
const RADIUS = 'radius-server-1';

describe('roles of the account are the permissions files, for each replica with its own inbox', () => {
  test.each([
    ['permitted', EDGE, 'sdk-gateway', 'publish', 'mfa.v1.challenge.start'],
    ['permitted', EDGE, 'sdk-gateway', 'subscribe', `_INBOX.${EDGE}.abc.*`],
    ['permitted', EDGE, 'sdk-gateway', 'subscribe', 'mfa.v1.edge.status'],
    ['permitted', EDGE, 'sdk-gateway', 'publish', 'edge.answer.abc'],
    ...[
      'auth.1b4e28ba-2fa1-4d9a-8f1c-0c2d7f3a9e11',
      'trail.user',
      'dispatch.sms',
      'limits.x',
      'wake.x',
      'peers.ledger.tell',
      '$JS.API.STREAM.INFO.AUTH',
      '$JS.API.DIRECT.GET.AUTH.auth.x',
      '$JS.ACK.DISPATCH.senders-sms.1.1.1.1.1',
      '$SYS.REQ.CLAIMS.UPDATE',
      'mfa.v1.application.create',
      'mfa.v1.replica.invite',
      'mfa.v1.policy.set',
      'mfa.v1.user.bypass',
      'mfa.v1.user.anything',
      '_INBOX.app-server-1.x',
      '_INBOX.admin-1.x',
      `_INBOX.${EDGE}.x`,
    ].map((subject) => ['refused', EDGE, 'sdk-gateway', 'publish', subject] as const),
    ...[
      '>',
      'mfa.v1.>',
      'mfa.v1.challenge.start',
      'mfa.v1.cluster.status',
      'auth.>',
      'wake.*',
      '$SYS.>',
      '_INBOX.>',
      '_INBOX.*.>',
      '_INBOX.app-server-1.>',
      '_INBOX.sdk-gateway-2.>',
      '_INBOX.sdk-gateway.>',
      'edge.answer.>',
    ].map((subject) => ['refused', EDGE, 'sdk-gateway', 'subscribe', subject] as const),
    ...['mfa.v1.account.get', 'mfa.v1.session.keep', 'edge.answer.abc'].map(
      (subject) => ['permitted', PORTAL, 'user-portal', 'publish', subject] as const,
    ),
    ['permitted', PORTAL, 'user-portal', 'subscribe', `_INBOX.${PORTAL}.abc.*`],
    ['permitted', PORTAL, 'user-portal', 'subscribe', 'mfa.v1.edge.status'],
    ...[
      'auth.1b4e28ba-2fa1-4d9a-8f1c-0c2d7f3a9e11',
      '$JS.API.STREAM.MSG.GET.AUTH',
      '$JS.API.STREAM.PURGE.AUTH',
      // What stores or answers by itself answers to any subject that is named as the reply: to the ledger, or as a purge.
      'sessions.1b4e28ba-2fa1-4d9a-8f1c-0c2d7f3a9e11.x',
      'sign-ins.x',
      '$JS.API.STREAM.MSG.GET.SESSIONS',
      '$JS.API.STREAM.INFO.SESSIONS',
      '$JS.API.STREAM.PURGE.SESSIONS',
      '$JS.API.STREAM.UPDATE.SESSIONS',
      '$JS.API.STREAM.DELETE.SESSIONS',
      '$JS.API.CONSUMER.CREATE.SESSIONS',
      'mfa.v1.user.update',
      'mfa.v1.user.bypass',
      'mfa.v1.enrolment.grant',
      'mfa.v1.session.end',
      'mfa.v1.handover.create',
      'mfa.v1.application.create',
      '_INBOX.app-server-1.x',
    ].map((subject) => ['refused', PORTAL, 'user-portal', 'publish', subject] as const),
    ...['sessions.>', 'mfa.v1.password.verify', '_INBOX.>', '_INBOX.user-portal-2.>', '_INBOX.user-portal.>'].map(
      (subject) => ['refused', PORTAL, 'user-portal', 'subscribe', subject] as const,
    ),
    ...['mfa.v1.activation.redeem', 'mfa.v1.device.poll', 'mfa.v1.device.look', 'edge.answer.abc'].map(
      (subject) => ['permitted', MOBILE, 'mobile-app-web-service', 'publish', subject] as const,
    ),
    ['permitted', MOBILE, 'mobile-app-web-service', 'subscribe', `_INBOX.${MOBILE}.abc.*`],
    ['permitted', MOBILE, 'mobile-app-web-service', 'subscribe', 'mfa.v1.edge.status'],
    ['permitted', MOBILE, 'mobile-app-web-service', 'subscribe', 'phones.*'],
    ...[
      'auth.1b4e28ba-2fa1-4d9a-8f1c-0c2d7f3a9e11',
      'wake.x',
      'phones.x',
      '$JS.API.STREAM.MSG.GET.AUTH',
      'mfa.v1.challenge.verify',
      'mfa.v1.account.enrol',
      'mfa.v1.authenticator.enrol',
      'mfa.v1.user.get',
      '_INBOX.app-server-1.x',
      '_INBOX.user-portal-1.x',
    ].map((subject) => ['refused', MOBILE, 'mobile-app-web-service', 'publish', subject] as const),
    ...['mfa.v1.device.poll', 'auth.>', 'wake.*', '_INBOX.>', '_INBOX.mobile-app-web-service-2.>'].map(
      (subject) => ['refused', MOBILE, 'mobile-app-web-service', 'subscribe', subject] as const,
    ),
    ...['mfa.v1.radius.login', 'mfa.v1.radius.wait', 'mfa.v1.radius.clients', 'edge.answer.abc'].map(
      (subject) => ['permitted', RADIUS, 'radius-server', 'publish', subject] as const,
    ),
    ['permitted', RADIUS, 'radius-server', 'subscribe', `_INBOX.${RADIUS}.abc.*`],
    ['permitted', RADIUS, 'radius-server', 'subscribe', 'mfa.v1.edge.status'],
    ...[
      'auth.1b4e28ba-2fa1-4d9a-8f1c-0c2d7f3a9e11',
      'radius.x',
      '$JS.API.STREAM.MSG.GET.AUTH',
      'mfa.v1.radius-client.create',
      'mfa.v1.radius.posture',
      'mfa.v1.challenge.verify',
      'mfa.v1.password.verify',
      '_INBOX.app-server-1.x',
    ].map((subject) => ['refused', RADIUS, 'radius-server', 'publish', subject] as const),
    ...['mfa.v1.radius.login', 'auth.>', 'wake.*', 'phones.*', '_INBOX.>', '_INBOX.radius-server-2.>'].map(
      (subject) => ['refused', RADIUS, 'radius-server', 'subscribe', subject] as const,
    ),
    ['permitted', 'admin-1', 'admin', 'publish', 'mfa.v1.policy.set'],
    ['permitted', 'admin-1', 'admin', 'subscribe', '_INBOX.admin-1.abc.*'],
    ['permitted', 'admin-1', 'admin', 'subscribe', 'edge.answer.abc'],
    ['refused', 'admin-1', 'admin', 'publish', 'edge.answer.abc'],
    ['refused', 'admin-1', 'admin', 'publish', 'auth.x'],
    ['refused', 'admin-1', 'admin', 'publish', '$JS.API.STREAM.DELETE.AUTH'],
    ['refused', 'admin-1', 'admin', 'subscribe', 'mfa.v1.>'],
    ['refused', 'admin-1', 'admin', 'subscribe', `_INBOX.${EDGE}.>`],
    ['permitted', 'app-server-7', 'app-server', 'publish', 'auth.x'],
    ['permitted', 'app-server-7', 'app-server', 'publish', `_INBOX.${EDGE}.abc.1`],
    ['permitted', 'app-server-7', 'app-server', 'subscribe', 'mfa.v1.>'],
    ['permitted', 'app-server-7', 'app-server', 'subscribe', '_INBOX.app-server-7.>'],
    ['refused', 'app-server-7', 'app-server', 'publish', 'mfa.v1.challenge.start'],
    ['permitted', 'app-server-7', 'app-server', 'publish', 'phones.x'],
    ['refused', 'app-server-7', 'app-server', 'subscribe', 'phones.*'],
    ['refused', 'app-server-7', 'app-server', 'subscribe', 'auth.>'],
    ['refused', 'app-server-7', 'app-server', 'subscribe', `_INBOX.${EDGE}.>`],
    ['refused', 'app-server-7', 'app-server', 'subscribe', '_INBOX.app-server-8.>'],
  ] as const)('%s: %s (%s) %s %s', async (expected, name, role, kind, subject) => {
    expect(await outcome(await as(name, role), kind, subject)).toBe(expected);
  });
});

/** What JetStream says about a stream like that of the ledger. */
async function streamApi(bus: Bus, verb: 'CREATE' | 'INFO' | 'DELETE', body?: object): Promise<unknown> {
  return (await bus.nats.request(`$JS.API.STREAM.${verb}.AUTH`, body === undefined ? '' : JSON.stringify(body))).json();
}

test('a gateway and an administrator that were both taken over cannot have a record of their choice stored in the ledger', async () => {
  const [edge, admin, owner] = await Promise.all([
    as(EDGE, 'sdk-gateway'),
    as('admin-1', 'admin'),
    as('app-server-7', 'app-server'),
  ]);
  // Nobody answers before the servers have elected who leads JetStream, and the first who answers may not take it yet.
  const isMade = async () => {
    await streamApi(owner, 'CREATE', { name: 'AUTH', subjects: ['auth.*'] });
    return 'state' in ((await streamApi(owner, 'INFO')) as object);
  };
  await waitUntil(() => isMade().catch(() => false), { what: 'the stream to be made', timeoutMs: 20_000 });
  let heard = 0;
  const forger = edge.nats.subscribe(edgeStatus.subject, {
    callback: (_error, message) => {
      heard += 1;
      message.respond('{"forged":true}');
    },
  });
  await edge.nats.flush();
  admin.nats.publish(edgeStatus.subject, '{}', { reply: 'auth.1b4e28ba-2fa1-4d9a-8f1c-0c2d7f3a9e11' });
  await waitUntil(() => heard > 0, { what: 'the gateway to hear it' });
  await edge.nats.flush();
  forger.unsubscribe();
  expect(await streamApi(owner, 'INFO')).toMatchObject({ state: { messages: 0 } });
  await streamApi(owner, 'DELETE');
});

describe('nobody else gets in', () => {
  test('without credentials, without TLS, or with the credentials of another installation', async () => {
    const plain = connectBus({ servers: cluster.urls, authorities: cluster.authorities, name: 'nobody' });
    await expect(plain).rejects.toThrow('uthoriz');
    const { installation } = await createInstallation('other', Date.now());
    const user = createUserKey();
    const facts = { name: EDGE, role: 'sdk-gateway', user: user.publicKey, expiresAt: Date.now() + 60_000 } as const;
    const path = join(dir, 'other.creds');
    writeFileSync(path, credentialsText(await userJwt(installation, installation.secrets, facts), user.seed));
    await expect(joined(path)).rejects.toThrow('uthoriz');
  });

  test('a certificate of an edge opens no route: the servers ask for their password as well', async () => {
    const [server] = cluster.servers;
    const pem = (file: string) => readFileSync(join(cluster.folder, 'app-server-1', file));
    const heard = await new Promise<string>((resolve, reject) => {
      const socket = connectTls(
        {
          host: 'localhost',
          port: server?.routePort ?? 0,
          cert: pem('tls.pem'),
          key: pem('tls.key'),
          ca: pem('ca.pem'),
        },
        () => {
          socket.write(
            'CONNECT {"verbose":false,"pedantic":false,"name":"intruder","cluster":"countersign"}\r\nPING\r\n',
          );
        },
      );
      let text = '';
      socket.on('data', (chunk) => (text += chunk.toString()));
      socket.once('error', reject);
      socket.once('close', () => resolve(text));
    });
    expect(heard).toContain('Authorization Violation');
  });

  test('with credentials that have ended', async () => {
    const { path } = await cluster.credentials('sdk-gateway-4', 'sdk-gateway', Date.now() - 1000);
    await expect(joined(path)).rejects.toThrow('uthoriz');
  });
});

const revoke = (...keys: string[]) => handIn(rolePermissions(), keys);

async function handIn(permissions: RolePermissions, keys: readonly string[] = []): Promise<string[]> {
  const { installation } = cluster;
  return deliverAccount({
    servers: cluster.urls,
    authorities: cluster.authorities,
    credentials: await claimsCredentials(installation, installation.secrets, Date.now()),
    subject: CLAIMS_SUBJECT,
    accountJwt: await accountJwt(installation, installation.secrets, permissions, keys),
  });
}

test('a revoked replica is cut off on every server at once, says so, and cannot come back, also after a restart of NATS', async () => {
  const lines: string[] = [];
  const { path, publicKey } = await cluster.credentials('sdk-gateway-9', 'sdk-gateway');
  const [stolen, other] = [await joined(path, lines), await as(EDGE, 'sdk-gateway')];
  expect(stolen.connected).toBe(true);
  expect(await revoke(publicKey)).toEqual(['nats-1', 'nats-2', 'nats-3']);
  await waitUntil(() => !stolen.connected, { what: 'the revoked replica to be cut off', timeoutMs: 3000 });
  await waitUntil(() => lines.some((line) => line.includes('bus.refused')), { what: 'it to say so' });
  expect(lines.join('')).toContain('revoked');
  expect(lines.join('')).not.toMatch(/eyJ|SU[A-Z2-7]{20}/);
  expect(other.connected).toBe(true);
  for (const url of cluster.urls) {
    await expect(
      connectBus({ servers: [url], authorities: cluster.authorities, credentialsFile: path, name: 'thief' }),
    ).rejects.toThrow('uthoriz');
  }
  const [server] = cluster.servers;
  await server?.restart();
  // Reads its configuration again, as for a new certificate: what it preloads is older than the revocation.
  process.kill(server?.pid ?? 0, 'SIGHUP');
  await delay(1000);
  await expect(
    connectBus({
      servers: [cluster.urls[0] ?? ''],
      authorities: cluster.authorities,
      credentialsFile: path,
      name: 'thief',
    }),
  ).rejects.toThrow('uthoriz');
  expect(stolen.connected).toBe(false);
});

test('a server that was away when a replica was revoked learns of it by itself', async () => {
  const { path, publicKey } = await cluster.credentials('sdk-gateway-10', 'sdk-gateway');
  const away = cluster.servers[2];
  await away?.kill();
  expect(await revoke(publicKey)).toEqual(['nats-1', 'nats-2']);
  await away?.start();
  const thief = () =>
    connectBus({
      servers: [cluster.urls[2] ?? ''],
      authorities: cluster.authorities,
      credentialsFile: path,
      name: 'thief',
    });
  await waitUntil(
    () =>
      thief().then(
        async (bus) => {
          await bus.nats.close();
          return false;
        },
        () => true,
      ),
    { what: 'the server to learn of the revocation', timeoutMs: 25_000 },
  );
});

test('renewed credentials are used at the next connection, without a restart of the process', async () => {
  const { path } = await cluster.credentials('sdk-gateway-11', 'sdk-gateway', Date.now() + 4000);
  const bus = await joined(path);
  const renewed = await cluster.credentials('sdk-gateway-11', 'sdk-gateway');
  writeFileSync(path, readFileSync(renewed.path));
  let reconnected = false;
  void (async () => {
    for await (const status of bus.nats.status()) reconnected ||= status.type === 'reconnect';
  })();
  await waitUntil(() => reconnected && bus.connected, {
    what: 'a connection with the renewed credentials',
    timeoutMs: 15_000,
  });
  expect(bus.connected).toBe(true);
});

test('a role that may do less, may do less at once, also over a connection that there was before', async () => {
  const { path } = await cluster.credentials('sdk-gateway-12', 'sdk-gateway');
  const bus = await joined(path);
  expect(await outcome(bus, 'publish', 'mfa.v1.user.delete')).toBe('permitted');
  const narrowed = rolePermissions();
  const { publish } = narrowed['sdk-gateway'];
  narrowed['sdk-gateway'].publish = publish.filter((subject) => subject !== 'mfa.v1.user.delete');
  // NATS keeps the newer by the second.
  await delay(1100);
  await handIn(narrowed);
  await waitUntil(async () => bus.connected && (await outcome(bus, 'publish', 'mfa.v1.user.delete')) === 'refused', {
    what: 'NATS to refuse what the role lost',
  });
  expect(await outcome(bus, 'publish', 'mfa.v1.user.get')).toBe('permitted');
});
