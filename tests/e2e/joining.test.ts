import { spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { createUserKey, readToken, requestCertificate, writeToken, type JoinToken } from '@countersign/authority';
import {
  freePort,
  startOperatorCluster,
  startPostgresPair,
  startProcess,
  waitUntil,
  type OperatorCluster,
  type PostgresPair,
  type RunningProcess,
} from '@countersign/testkit';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Agent, fetch } from 'undici';
import { bareEnvironment } from '../bare-environment.ts';

const CHECKOUT = join(import.meta.dirname, '../..');
const dir = mkdtempSync(join(tmpdir(), 'joining-'));
const running: RunningProcess[] = [];
/** Everything that must stand in no log and in no audit row. */
const secrets = new Set<string>();
let pair: PostgresPair;
let cluster: OperatorCluster;
let adminKeyFile: string;
let inside: Agent;
let app1: string;

type Environment = Record<string, string>;

beforeAll(async () => {
  const appServerPort = await freePort();
  [pair, cluster] = await Promise.all([
    startPostgresPair({ dir, password: 'secret', fsync: false }),
    startOperatorCluster({ dir, appServerPort, now: Date.now() }),
  ]);
  inside = new Agent({ connect: { ca: cluster.authorities } });
  await asUser(pair.primary.url, `create role countersign_owner login createrole password 'owner'`);
  await asUser(pair.primary.url, 'create database countersign owner countersign_owner');
  const owners = pair.nodes.map(({ url }) => urlOf(url, 'countersign_owner', 'owner'));
  await asUser(
    urlOf(pair.primary.url, 'countersign_owner', 'owner'),
    `create role countersign_service login password 'service'`,
  );
  const environment = {
    ...environmentOf('app-server-1', 'app-server'),
    COUNTERSIGN_POSTGRES_URLS: pair.nodes.map(({ url }) => urlOf(url, 'countersign_service', 'service')).join(','),
    COUNTERSIGN_POSTGRES_OWNER_URLS: owners.join(','),
  };
  collectSecrets(join(cluster.folder, 'app-server-1'));
  const made = await run(['services/app-server/src/bootstrap.ts', 'administrator'], environment);
  adminKeyFile = join(dir, 'admin-key');
  writeFileSync(adminKeyFile, (JSON.parse(made.out) as { apiKey: string }).apiKey);
  app1 = `https://localhost:${appServerPort}`;
  await start('app-server-1', 'services/app-server/src/main.ts', environment, app1);
});
afterAll(async () => {
  await Promise.all(running.map((process) => process.kill()));
  await inside.close();
  await Promise.all([pair.kill(), cluster.kill()]);
  rmSync(dir, { recursive: true, force: true });
});

function urlOf(text: string, user: string, password: string): string {
  const url = new URL(text);
  [url.username, url.password, url.pathname] = [user, password, 'countersign'];
  return url.href;
}

async function asUser(url: string, statement: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await client.query(statement);
  } finally {
    await client.end();
  }
}

function environmentOf(folder: string, service: string): Environment {
  const lines = readFileSync(join(cluster.folder, folder, `${service}.env`), 'utf8')
    .trim()
    .split('\n');
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

/** What the files of a replica hold that nobody else may read. */
function collectSecrets(folder: string): void {
  for (const file of readdirSync(folder)) {
    expect(statSync(join(folder, file)).mode & 0o077, `${file} is for its owner alone`).toBe(0);
    const text = readFileSync(join(folder, file), 'utf8');
    for (const [, seed = ''] of text.matchAll(/\b(S[UAO][A-Z2-7]{56})\b/g)) secrets.add(seed);
    if (file === 'key-ring') secrets.add(text.trim().slice(4));
    if (file.endsWith('.key')) secrets.add(text.split('\n')[1] ?? '');
    if (file === 'postgres-urls') secrets.add(new URL(text.split(',')[0] ?? '').password);
  }
}

function run(
  args: string[],
  environment: Environment = {},
  input = '',
): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--conditions=source', ...args], {
      cwd: CHECKOUT,
      env: { ...bareEnvironment(), ...environment },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    child.stdin.end(input);
    let [out, err] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
    child.once('close', (code) => resolve({ code, out, err }));
  });
}

/** The command line, as the founder of the installation unless another folder is named. */
async function countersign<T>(words: string[], folder = 'admin'): Promise<T> {
  const environment = { ...environmentOf(folder, 'admin'), COUNTERSIGN_ADMIN_KEY_FILE: adminKeyFile };
  const { code, out, err } = await run(['packages/cli/src/main.ts', ...words, '--json', '--yes'], environment);
  if (code !== 0) throw new Error(err);
  return JSON.parse(out) as T;
}

async function invite(service: string, name: string, ...more: string[]): Promise<string> {
  const words = ['replicas', 'invite', '--service', service, '--name', name, '--host', 'localhost', ...more];
  const { token } = await countersign<{ token: string }>(words);
  secrets.add(token);
  secrets.add(contentOf(token).secret);
  return token;
}

function contentOf(token: string): JoinToken {
  const content = readToken(token);
  if (content === undefined) throw new Error('not a token');
  return content;
}

/** On the new machine: no settings, no key, the token alone. */
const joinWith = (token: string, folder: string) =>
  run(['packages/cli/src/main.ts', 'join', '--out', join(cluster.folder, folder), '--json'], {}, token);

async function joined(service: string, name: string): Promise<void> {
  const { code, err } = await joinWith(await invite(service, name), name);
  expect(err).toBe('');
  expect(code).toBe(0);
  collectSecrets(join(cluster.folder, name));
}

async function start(name: string, main: string, environment: Environment, url: string): Promise<RunningProcess> {
  const process_ = await startProcess({
    name,
    command: process.execPath,
    args: ['--conditions=source', join(CHECKOUT, main)],
    env: { ...bareEnvironment(), ...environment },
    cwd: CHECKOUT,
    logFile: join(dir, `${name}.log`),
    readyWhen: async () => (await ready(url)) === 200,
    readyTimeoutMs: 60_000,
  });
  running.push(process_);
  return process_;
}

async function ready(url: string): Promise<number> {
  const answer = await fetch(`${url}/health/ready`, { dispatcher: inside, signal: AbortSignal.timeout(3000) });
  await answer.text();
  return answer.status;
}

const post = async (path: string, body: unknown) => {
  const answer = await fetch(`${app1}${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
    dispatcher: inside,
  });
  return { status: answer.status, body: (await answer.json()) as { code?: string; invalid?: { pointer: string }[] } };
};

/** What `join` sends. */
async function requestFor({ id, secret, service, name, hosts }: JoinToken, commonName = name, names = hosts) {
  const { requestPem } = await requestCertificate({ commonName, names });
  return { id, secret, service, name, certificateRequest: requestPem, natsKey: createUserKey().publicKey };
}

interface View {
  replicas: { name: string; service: string; state: string; invitedBy: string; certificateExpiresAt?: string }[];
}

describe('joining, with one command and a one-time token', () => {
  test('whoever the installation was made with is known', async () => {
    const { replicas } = await countersign<View>(['replicas', 'list']);
    expect(replicas.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'admin active',
      'app-server-1 active',
      'nats-1 active',
      'nats-2 active',
      'nats-3 active',
    ]);
  });

  test('an sdk-gateway joins, is ready and does its work', async () => {
    await joined('sdk-gateway', 'sdk-gateway-1');
    const port = await freePort();
    const url = `https://localhost:${port}`;
    const environment = { ...environmentOf('sdk-gateway-1', 'sdk-gateway'), COUNTERSIGN_PORT: String(port) };
    expect(Object.keys(environment).join()).not.toMatch(/POSTGRES|KEY_RING|AUTHORITY/);
    await start('sdk-gateway-1', 'services/sdk-gateway/src/main.ts', environment, url);
    const answer = await fetch(`${url}/v1/users`, {
      method: 'POST',
      body: JSON.stringify({ username: 'alice' }),
      headers: { 'content-type': 'application/json', authorization: `Bearer ${readFileSync(adminKeyFile, 'utf8')}` },
      dispatcher: inside,
    });
    expect(await answer.json()).toMatchObject({ username: 'alice' });
  });

  test('an app-server joins with a database login of its own, and admits others in its turn', async () => {
    await joined('app-server', 'app-server-2');
    const port = await freePort();
    const url = `https://localhost:${port}`;
    const environment = environmentOf('app-server-2', 'app-server');
    expect(environment['COUNTERSIGN_POSTGRES_OWNER_URLS_FILE']).toBeUndefined();
    await start(
      'app-server-2',
      'services/app-server/src/main.ts',
      { ...environment, COUNTERSIGN_PORT: String(port) },
      url,
    );
    const { rows } = await asUser(
      pair.primary.url,
      `select distinct usename::text from pg_stat_activity where application_name = 'app-server-2'`,
    );
    expect(rows).toEqual([{ usename: 'countersign_r_app_server_2' }]);

    const token = contentOf(await invite('admin', 'admin-2'));
    const through2 = writeToken({ ...token, urls: [url] });
    expect((await joinWith(through2, 'admin-2')).code).toBe(0);
    const { replicas } = await countersign<View>(['replicas', 'list'], 'admin-2');
    expect(replicas.find(({ name }) => name === 'admin-2')).toMatchObject({
      state: 'active',
      invitedBy: 'administrator',
    });
  });

  test('a NATS server gets a certificate and nothing else', async () => {
    await joined('nats-server', 'nats-4');
    expect(readdirSync(join(cluster.folder, 'nats-4')).toSorted()).toEqual([
      'ca.pem',
      'replica.json',
      'tls.key',
      'tls.pem',
    ]);
  });
});

describe('a token', () => {
  test('is good once, also when two machines show it at the same moment', async () => {
    const token = contentOf(await invite('sdk-gateway', 'sdk-gateway-20'));
    const answers = await Promise.all(Array.from({ length: 8 }, async () => post('/join', await requestFor(token))));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ body }) => body.code === 'JOIN_REFUSED')).toHaveLength(7);
    expect((await post('/join', await requestFor(token))).body.code).toBe('JOIN_REFUSED');
    const { rows } = await asUser(
      urlOf(pair.primary.url, 'postgres', 'secret'),
      `select count(*)::int as count from audit_event where type = 'replica.join' and detail->>'name' = 'sdk-gateway-20'`,
    );
    expect(rows).toEqual([{ count: 1 }]);
  });

  test('is for its own service, name and secret; guesses are told nothing', async () => {
    const token = contentOf(await invite('sdk-gateway', 'sdk-gateway-21'));
    const good = await requestFor(token);
    const flipped = `${token.secret.startsWith('A') ? 'B' : 'A'}${token.secret.slice(1)}`;
    const bodies = [
      { ...good, service: 'app-server' },
      { ...good, name: 'sdk-gateway-1' },
      { ...good, secret: flipped },
      { ...good, id: 'A'.repeat(22) },
    ].map((body) => post('/join', body));
    for (const { status, body } of await Promise.all(bodies)) {
      expect({ status, code: body.code, more: Object.keys(body).toSorted() }).toEqual({
        status: 403,
        code: 'JOIN_REFUSED',
        more: ['code', 'instance', 'status', 'title', 'type'],
      });
    }
    // None of them spent it.
    expect((await post('/join', good)).status).toBe(200);
  });

  test('certifies no foreign name, and what is refused does not spend it', async () => {
    const token = contentOf(await invite('sdk-gateway', 'sdk-gateway-22'));
    for (const body of [
      await requestFor(token, 'app-server-1'),
      await requestFor(token, token.name, ['nats-1']),
      { ...(await requestFor(token)), certificateRequest: '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n' },
    ]) {
      const refused = await post('/join', body);
      expect(refused.body).toMatchObject({ code: 'REQUEST_INVALID', invalid: [{ pointer: '/certificateRequest' }] });
    }
    const { natsKey: _, ...without } = await requestFor(token);
    expect((await post('/join', without)).body.invalid).toMatchObject([{ pointer: '/natsKey' }]);
    expect((await post('/join', await requestFor(token))).status).toBe(200);
  });

  test('ends: expired, or taken back', async () => {
    const expired = contentOf(await invite('sdk-gateway', 'sdk-gateway-23', '--valid', '60s'));
    await asUser(
      urlOf(pair.primary.url, 'postgres', 'secret'),
      `update replica set invitation_expires_at = now() - interval '1 second' where name = 'sdk-gateway-23'`,
    );
    expect((await post('/join', await requestFor(expired))).body.code).toBe('JOIN_REFUSED');
    // The name is free again.
    const back = contentOf(await invite('sdk-gateway', 'sdk-gateway-23'));
    await expect(invite('sdk-gateway', 'sdk-gateway-23')).rejects.toThrow('REPLICA_EXISTS');
    await countersign(['replicas', 'revoke', 'sdk-gateway-23', '--reason', 'a mistake']);
    expect((await post('/join', await requestFor(back))).body.code).toBe('JOIN_REFUSED');
  });

  test('pins the authority: somebody else at the address is told nothing', async () => {
    const token = contentOf(await invite('sdk-gateway', 'sdk-gateway-24'));
    const { code, err } = await joinWith(writeToken({ ...token, authority: 'f'.repeat(64) }), 'mismatch');
    expect(code).toBe(4);
    expect(err).toContain('AUTHORITY_MISMATCH');
    expect(err).not.toContain(token.secret);
    expect((await post('/join', await requestFor(token))).status).toBe(200);
  });

  test('admits no second replica into the folder of a first', async () => {
    const { code, err } = await joinWith(await invite('sdk-gateway', 'sdk-gateway-25'), 'sdk-gateway-1');
    expect(code).toBe(2);
    expect(err).toContain('holds the keys of sdk-gateway-1');
  });
});

describe('renewing and revoking', () => {
  const renew = (folder: string, ...more: string[]) =>
    run(['packages/cli/src/main.ts', 'replicas', 'renew', '--dir', join(cluster.folder, folder), '--json', ...more]);
  const certificateOf = (folder: string) => readFileSync(join(cluster.folder, folder, 'tls.pem'), 'utf8');

  test('a replica renews with its present certificate, and nobody without one', async () => {
    const before = certificateOf('sdk-gateway-1');
    expect(JSON.parse((await renew('sdk-gateway-1', '--within', '30d')).out)).toMatchObject({ renewed: false });
    expect(certificateOf('sdk-gateway-1')).toBe(before);
    expect(JSON.parse((await renew('sdk-gateway-1')).out)).toMatchObject({ name: 'sdk-gateway-1', renewed: true });
    expect(certificateOf('sdk-gateway-1')).not.toBe(before);
    collectSecrets(join(cluster.folder, 'sdk-gateway-1'));
    expect((await renew('sdk-gateway-1')).code).toBe(0);
    const { requestPem } = await requestCertificate({ commonName: 'sdk-gateway-1', names: ['localhost'] });
    expect((await post('/join/renew', { certificateRequest: requestPem })).body.code).toBe('RENEWAL_REFUSED');
  });

  test('an app-server shows its renewed certificate from a reload on', async () => {
    const shown = () =>
      new Promise<string>((resolve, reject) => {
        const port = Number(new URL(app1).port);
        const socket = connectTls({ host: 'localhost', port, servername: 'localhost', ca: cluster.authorities }, () => {
          resolve(socket.getPeerX509Certificate()?.serialNumber ?? '');
          socket.end();
        });
        socket.once('error', reject);
      });
    const before = await shown();
    expect((await renew('app-server-1')).code).toBe(0);
    // As the operator was told to.
    rmSync(join(cluster.folder, 'app-server-1', 'authority.json'));
    const { serialNumber } = new X509Certificate(certificateOf('app-server-1'));
    expect(serialNumber).not.toBe(before);
    expect(await shown()).toBe(before);
    process.kill(running.find(({ name }) => name === 'app-server-1')?.pid ?? 0, 'SIGHUP');
    await waitUntil(async () => (await shown()) === serialNumber, { what: 'the renewed certificate to be shown' });
    expect(await ready(app1)).toBe(200);
  });

  test('a revoked gateway is cut off, says so, is not ready, and neither renews nor comes back', async () => {
    const gateway = running.find(({ name }) => name === 'sdk-gateway-1');
    const { told } = await countersign<{ told: string[] }>([
      'replicas',
      'revoke',
      'sdk-gateway-1',
      '--reason',
      'stolen',
    ]);
    expect(told).toEqual(['nats-1', 'nats-2', 'nats-3']);
    const log = () => readFileSync(join(dir, 'sdk-gateway-1.log'), 'utf8');
    await waitUntil(() => log().includes('bus.refused'), { what: 'the gateway to say that it was revoked' });
    const port = /"port":(\d+)/.exec(log())?.[1] ?? '';
    expect(await ready(`https://localhost:${port}`)).toBe(503);
    await gateway?.kill();
    await expect(gateway?.start()).rejects.toThrow('ended');
    expect((await renew('sdk-gateway-1')).err).toContain('RENEWAL_REFUSED');
    // A new machine may take the name.
    expect((await joinWith(await invite('sdk-gateway', 'sdk-gateway-1'), 'sdk-gateway-1-again')).code).toBe(0);
  });

  test('a revoked app-server loses NATS and its database login, on every node', async () => {
    const urls = readFileSync(join(cluster.folder, 'app-server-2', 'postgres-urls'), 'utf8')
      .trim()
      .split(',');
    const sessions = async () => {
      const counts = await Promise.all(
        pair.nodes.map(({ url }) =>
          asUser(
            url,
            `select count(*)::int as count from pg_stat_activity where usename = 'countersign_r_app_server_2'`,
          ),
        ),
      );
      return counts.reduce((sum, { rows }) => sum + (rows[0] as { count: number }).count, 0);
    };
    expect(await sessions()).toBeGreaterThan(0);
    const revoked = await countersign(['replicas', 'revoke', 'app-server-2', '--reason', 'stolen']);
    expect(revoked).toMatchObject({ databaseLogin: true, told: ['nats-1', 'nats-2', 'nats-3'] });
    await waitUntil(async () => (await sessions()) === 0, { what: 'its sessions to end' });
    for (const url of urls)
      await expect(asUser(url, 'select 1')).rejects.toThrow(/not permitted to log in|authentication failed/);
    expect((await countersign<View>(['replicas', 'list', '--all'])).replicas).toContainEqual(
      expect.objectContaining({ name: 'app-server-2', state: 'revoked', reason: 'stolen' }),
    );
    await expect(countersign(['replicas', 'revoke', 'nobody', '--reason', 'x'])).rejects.toThrow('REPLICA_NOT_FOUND');
  });
});

test('revoked at the same moment: each of them is out', async () => {
  const names = ['admin-5', 'admin-6', 'admin-7'];
  for (const name of names) await joined('admin', name);
  await Promise.all(names.map((name) => countersign(['replicas', 'revoke', name, '--reason', 'left the house'])));
  for (const name of names) {
    await expect(countersign(['replicas', 'list'], name)).rejects.toThrow('NATS_REFUSED');
  }
});

test('R24: nothing secret stands in a log or in the audit', async () => {
  const { rows } = await asUser(urlOf(pair.primary.url, 'postgres', 'secret'), 'select * from audit_event');
  const { rows: kept } = await asUser(
    urlOf(pair.primary.url, 'postgres', 'secret'),
    'select * from replica, authority',
  );
  expect(rows.length).toBeGreaterThan(15);
  const logs = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((file) =>
    /(\.log|postgres.*log)$/.test(file),
  );
  expect(logs.length).toBeGreaterThan(5);
  const texts = [
    JSON.stringify(rows),
    JSON.stringify(kept),
    ...logs.filter((file) => statSync(join(dir, file)).isFile()).map((file) => readFileSync(join(dir, file), 'utf8')),
  ];
  const found = [...secrets].filter((secret) => secret !== '' && texts.some((text) => text.includes(secret)));
  expect(secrets.size).toBeGreaterThan(20);
  expect(found).toEqual([]);
});
