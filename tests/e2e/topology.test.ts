import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readToken } from '@countersign/authority';
import { startProcess, waitUntil, type RunningProcess } from '@countersign/testkit';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunningStack } from '../../infra/dev/running-stack.ts';
import { haLayout } from '../../infra/ha/ha-layout.ts';
import { startHaStack } from '../../infra/ha/stack.ts';
import { createClient, type Client } from '../client.ts';
import { bareEnvironment } from '../bare-environment.ts';

const CHECKOUT = join(import.meta.dirname, '../..');
const dir = mkdtempSync(join(tmpdir(), 'topology-'));
const layout = haLayout({
  COUNTERSIGN_DEV_DIR: dir,
  COUNTERSIGN_DEV_FIRST_PORT: process.env['COUNTERSIGN_DEV_FIRST_PORT'] ?? '21000',
});
const installation = join(layout.dir, 'installation');
const THIRD = { name: 'sdk-gateway-3', port: (layout.sdkGateways[1]?.port ?? 0) + 1 };
let stack: RunningStack;
let client: Client;
let third: RunningProcess | undefined;

beforeAll(async () => {
  const { signal } = new AbortController();
  stack = await startHaStack({ layout, fresh: true, say: () => undefined, signal });
  client = createClient({ ca: readFileSync(stack.dev.ca, 'utf8'), apiKey: stack.dev.apiKey });
});
afterAll(async () => {
  await third?.kill();
  await client?.close();
  await stack?.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** The command line as a process of its own, and what it answers. */
function countersign<T>(words: string[], environment: Record<string, string> = {}): Promise<T> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      ['--conditions=source', join(CHECKOUT, 'packages/cli/src/main.ts'), ...words, '--json', '--yes'],
      { cwd: CHECKOUT, env: { ...bareEnvironment(), ...environment }, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let [out, err] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
    child.once('close', (code) => (code === 0 ? resolve(JSON.parse(out) as T) : reject(new Error(err))));
  });
}

const administer = <T>(words: string[]) =>
  countersign<T>(words, {
    COUNTERSIGN_NATS_URLS: stack.dev.nats,
    COUNTERSIGN_NATS_CA_FILE: stack.dev.natsCa ?? '',
    COUNTERSIGN_NATS_CREDENTIALS_FILE: stack.dev.natsCredentials?.admin ?? '',
    COUNTERSIGN_ADMIN_KEY: stack.dev.adminKey,
  });

const configurationOf = (balancer: string) => join(layout.dir, balancer, 'haproxy.cfg');

/** What the timer of each balancer does. */
async function updateBalancers(): Promise<boolean[]> {
  const places = [...layout.appServers, ...layout.sdkGateways, ...layout.userPortals, ...layout.mobileServices, THIRD];
  const ports = places.flatMap(({ name, port }) => ['--port', `${name}=${port}`]);
  return Promise.all(
    layout.balancers.map(async ({ name }) => {
      const files = ['--dir', join(installation, name), '--config', configurationOf(name)];
      const { changed } = await countersign<{ changed: boolean }>(['balancer', 'update', ...files, ...ports]);
      if (changed) process.kill(stack.dev.processes[name] ?? 0, 'SIGUSR2');
      return changed;
    }),
  );
}

/** Callers that go on through both balancers until they are told to end; what came of each request. */
async function callers() {
  const started = await client.request(stack.dev.balancers?.[0] ?? '', 'POST', '/v1/challenges', {
    body: { username: 'alice', method: 'totp' },
  });
  const challenge = `/v1/challenges/${started.body.challengeId}`;
  const replicas = new Map<string, number>();
  const failures: string[] = [];
  const ended = new AbortController();
  const calling = [0, 1, 2, 3].map(async (number) => {
    for (let turn = number; !ended.signal.aborted; turn += 1) {
      const balancer = stack.dev.balancers?.[turn % 2] ?? '';
      const sent =
        turn % 7 === 0
          ? client.request(balancer, 'POST', '/v1/challenges', { body: { username: 'boris', method: 'totp' } })
          : client.request(balancer, 'GET', challenge);
      const outcome = await sent.then(
        ({ status, headers, text }) => {
          // The gateway, and the app-server behind it.
          const [replica = ''] = String(headers['countersign-replica'] ?? '').split(', ');
          replicas.set(replica, (replicas.get(replica) ?? 0) + 1);
          return status < 400 ? '' : `${status} ${text}`;
        },
        (error: unknown) => String(error),
      );
      if (outcome !== '') failures.push(outcome);
      await sleep(20);
    }
  });
  return {
    replicas,
    end: async () => {
      ended.abort();
      await Promise.all(calling);
      return failures;
    },
  };
}

test('a third gateway joins by a token, gets requests when it is ready, and leaves; no request fails', async () => {
  expect(await updateBalancers(), 'nothing to do while nobody has joined').toEqual([false, false]);
  const { replicas, end } = await callers();
  const hosts = ['--host', '127.0.0.1', '--host', 'localhost'];
  const { token } = await administer<{ token: string }>([
    'replicas',
    'invite',
    '--service',
    'sdk-gateway',
    '--name',
    THIRD.name,
    ...hosts,
  ]);
  const folder = join(installation, THIRD.name);
  const tokenFile = `${folder}.token`;
  writeFileSync(tokenFile, token, { mode: 0o600 });
  await countersign(['join', '--token-file', tokenFile, '--out', folder]);

  expect(await updateBalancers(), 'it has joined and does not run').toEqual([false, false]);

  const settings = readFileSync(join(folder, 'sdk-gateway.env'), 'utf8').trim().split('\n');
  third = await startProcess({
    name: THIRD.name,
    command: process.execPath,
    args: ['--conditions=source', join(CHECKOUT, 'services/sdk-gateway/src/main.ts')],
    env: {
      ...Object.fromEntries(settings.map((line) => line.split(/=(.*)/s))),
      ...bareEnvironment(),
      COUNTERSIGN_PORT: String(THIRD.port),
      COUNTERSIGN_TRUSTED_PROXIES: '127.0.0.1',
      // Longer than a balancer takes to notice.
      COUNTERSIGN_NOT_READY_SECONDS: '3',
    },
    cwd: CHECKOUT,
    logFile: join(layout.logs, `${THIRD.name}.log`),
  });
  await waitUntil(
    async () => {
      await updateBalancers();
      return layout.balancers.every(({ name }) => readFileSync(configurationOf(name), 'utf8').includes(THIRD.name));
    },
    { what: 'both balancers to find it ready', timeoutMs: 30_000 },
  );
  await waitUntil(() => (replicas.get(THIRD.name) ?? 0) > 20, { what: 'requests to come to it', timeoutMs: 30_000 });

  await third.stop();
  const atTheEnd = replicas.get(THIRD.name);
  await administer(['replicas', 'revoke', THIRD.name, '--reason', 'no longer needed']);
  expect(await updateBalancers()).toEqual([true, true]);
  expect(readFileSync(configurationOf('balancer-1'), 'utf8')).not.toContain(THIRD.name);
  await sleep(1000);
  expect(replicas.get(THIRD.name)).toBe(atTheEnd);
  expect(await end()).toEqual([]);
  expect((replicas.get('sdk-gateway-1') ?? 0) + (replicas.get('sdk-gateway-2') ?? 0)).toBeGreaterThan(100);
});

test('app-servers are balanced inside: joining goes on while one of them is away', async () => {
  const [address = ''] = stack.dev.adminBalancers ?? [];
  const pid = stack.dev.processes['app-server-1'] ?? 0;
  process.kill(pid, 'SIGSTOP');
  try {
    await waitUntil(async () => (await client.request(address, 'GET', '/health/ready')).status === 200, {
      what: 'the balancer to look elsewhere',
    });
    const words = ['replicas', 'invite', '--service', 'sdk-gateway', '--name', 'sdk-gateway-4'];
    const { token } = await administer<{ token: string }>(words);
    const content = readToken(token);
    if (content === undefined) throw new Error('not a token');
    const { body } = await client.request(address, 'GET', '/join/authority');
    expect(body['certificate']).toBe(readFileSync(stack.dev.ca, 'utf8'));
  } finally {
    process.kill(pid, 'SIGCONT');
  }
});

test('who is behind the balancers is told to balancers alone', async () => {
  const config = configurationOf('balancer-1');
  const asGateway = ['--dir', join(installation, 'sdk-gateway-1'), '--config', config];
  await expect(countersign(['balancer', 'update', ...asGateway])).rejects.toThrow('FORBIDDEN');
});

test('every app-server has a database login of its own, and who monitors reads no table', async () => {
  const as = async (url: string, statement: string) => {
    const connection = new pg.Client({ connectionString: url });
    await connection.connect();
    try {
      return (await connection.query<Record<string, string>>(statement)).rows;
    } finally {
      await connection.end();
    }
  };
  const urls = [stack.dev.postgres.primary, stack.dev.postgres.standby].map((text) => {
    const url = new URL(text);
    [url.username, url.password] = [
      'countersign_monitor',
      readFileSync(join(installation, 'postgres-1', 'monitor-password'), 'utf8').trim(),
    ];
    return url.href;
  });
  const rows = (
    await Promise.all(
      urls.map((url) => as(url, 'select distinct usename::text, application_name from pg_stat_activity')),
    )
  ).flat();
  const users = (name: string) =>
    new Set(rows.flatMap((row) => (row['application_name'] === name ? [row['usename']] : [])));
  expect(users('app-server-1')).toEqual(new Set(['countersign_r_app_server_1']));
  expect(users('app-server-2')).toEqual(new Set(['countersign_r_app_server_2']));
  const lags = await Promise.all(
    urls.map((url) => as(url, 'select replay_lsn is not null as seen from pg_stat_replication')),
  );
  expect(lags.flat()).toEqual([{ seen: true }]);
  for (const url of urls) await expect(as(url, 'select * from app_user')).rejects.toThrow('permission denied');
});
