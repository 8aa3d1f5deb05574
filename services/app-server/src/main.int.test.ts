import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectBus } from '@countersign/bus';
import { keysJwks } from '@countersign/contracts';
import {
  createDatabase,
  ensureRole,
  freePort,
  startNats,
  startPostgres,
  startProcess,
  waitUntil,
  type NatsServer,
  type PostgresNode,
  type RunningProcess,
} from '@countersign/testkit';
import { errors } from '@nats-io/nats-core';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRouter } from './database/router.ts';
import { openRing, readRing } from './keys/open-ring.ts';

const folder = mkdtempSync(join(tmpdir(), 'app-server-main-'));
const ARGUMENTS = ['--conditions=source', join(import.meta.dirname, 'main.ts')];
const ring = (byte: number) => `k1:${Buffer.alloc(32, byte).toString('base64')}`;
let nats: NatsServer;
let strict: NatsServer;
let node: PostgresNode;
let owner: string;
let environment: Record<string, string>;
/** One that runs, and with whose installation the others do not agree. */
let first: RunningProcess;

beforeAll(async () => {
  [nats, strict, node] = await Promise.all([
    startNats({ storeDir: join(folder, 'nats') }),
    startNats({ storeDir: join(folder, 'strict'), users: [{ user: 'known', password: 'secret' }] }),
    startPostgres({ dir: join(folder, 'postgres'), password: 'secret', fsync: false }),
  ]);
  owner = await createDatabase(node, 'countersign');
  await ensureRole(node, 'countersign_service', 'secret');
  const port = await freePort();
  environment = {
    PATH: process.env['PATH'] ?? '',
    NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? join(folder, 'compiled'),
    COUNTERSIGN_REPLICA: 'app-server-1',
    COUNTERSIGN_PORT: String(port),
    COUNTERSIGN_NATS_URLS: nats.url,
    COUNTERSIGN_POSTGRES_URLS: asService(),
    COUNTERSIGN_POSTGRES_OWNER_URLS: owner,
    COUNTERSIGN_KEY_RING: ring(1),
    COUNTERSIGN_PUBLIC_URL: 'https://mfa.example.com',
  };
  first = await startProcess({
    name: 'app-server-1',
    command: process.execPath,
    args: ARGUMENTS,
    env: environment,
    readyWhen: async () => (await fetch(`http://127.0.0.1:${port}/health/ready`)).status === 200,
    readyTimeoutMs: 40_000,
  });
});
afterAll(async () => {
  await first?.stop();
  await Promise.all([nats?.kill(), strict?.kill(), node?.kill()]);
  rmSync(folder, { recursive: true, force: true });
});

function asService(password = 'secret'): string {
  const url = new URL(owner);
  [url.username, url.password] = ['countersign_service', password];
  return url.href;
}

test.each<[string, () => Record<string, string>, string]>([
  [
    'R30: another key ring',
    () => ({ COUNTERSIGN_KEY_RING: ring(2) }),
    'COUNTERSIGN_KEY_RING is not that of this installation',
  ],
  ['no key ring', () => ({ COUNTERSIGN_KEY_RING: '' }), 'COUNTERSIGN_KEY_RING is not set'],
  ['a ring that is none', () => ({ COUNTERSIGN_KEY_RING: 'k1:abc' }), 'COUNTERSIGN_KEY_RING is no key ring'],
  [
    'the superuser of Postgres',
    () => ({ COUNTERSIGN_POSTGRES_URLS: owner }),
    'COUNTERSIGN_POSTGRES_URLS names the superuser',
  ],
  [
    'a wrong password',
    () => ({ COUNTERSIGN_POSTGRES_URLS: asService('x') }),
    'does not let in the user of COUNTERSIGN_POSTGRES_URLS',
  ],
  [
    'the service for the owner',
    () => ({ COUNTERSIGN_POSTGRES_OWNER_URLS: asService() }),
    'COUNTERSIGN_POSTGRES_OWNER_URLS names a role that may not change the schema',
  ],
  ['another number of streams', () => ({ COUNTERSIGN_LEDGER_STREAMS: '3' }), 'COUNTERSIGN_LEDGER_STREAMS is 3, and'],
  [
    'several copies on one server, accepted as unsynced or not',
    () => ({
      COUNTERSIGN_NATS_REPLICAS: '3',
      COUNTERSIGN_NATS_UNSYNCED: 'accept-lost-decisions-when-servers-lose-power-together',
    }),
    'The stream AUTH has one copy, and COUNTERSIGN_NATS_REPLICAS is 3',
  ],
  [
    'a careless word',
    () => ({ COUNTERSIGN_NATS_UNSYNCED: 'true' }),
    'COUNTERSIGN_NATS_UNSYNCED must be one of accept-lost',
  ],
  [
    'a NATS user that NATS does not know',
    () => ({
      COUNTERSIGN_NATS_URLS: strict.url.replace(/\/\/.*@/, '//'),
      COUNTERSIGN_NATS_USER: 'app',
      COUNTERSIGN_NATS_PASSWORD: 'x',
    }),
    'NATS refuses the user app',
  ],
])('%s ends it, with a sentence that says what to change, and the first goes on', async (_, changed, sentence) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ARGUMENTS, {
    env: { ...environment, COUNTERSIGN_REPLICA: 'app-server-2', COUNTERSIGN_PORT: '0', ...changed() },
    encoding: 'utf8',
    timeout: 40_000,
  });
  expect(status, stdout + stderr).toBe(1);
  expect(stdout + stderr).toContain(sentence);
  for (const value of Object.values(changed()))
    if (value.includes('secret')) expect(stdout + stderr).not.toContain(value);
  expect(first.running).toBe(true);
  expect((await fetch(`http://127.0.0.1:${environment['COUNTERSIGN_PORT']}/health/ready`)).status).toBe(200);
});

test('R30: one whose ring lacks what others seal with by now takes no work until it has that key', async () => {
  const isServed = () =>
    bus.nats.request(keysJwks.subject, '', { timeout: 2000 }).then(
      () => true,
      (error: unknown) => {
        if (error instanceof errors.RequestError && error.isNoResponders()) return false;
        throw error;
      },
    );
  const readiness = async () => {
    const answer = await fetch(`http://127.0.0.1:${environment['COUNTERSIGN_PORT']}/health/ready`);
    const body = (await answer.json()) as { checks: { name: string; ok: boolean }[] };
    return [answer.status, body] as const;
  };
  const bus = await connectBus({ servers: [nats.url], name: 'caller' });
  const others = createRouter({ urls: [owner], now: Date.now });
  const database = new pg.Client({ connectionString: owner });
  await database.connect();
  try {
    expect(await isServed()).toBe(true);
    // Another app-server starts with a new key before this one knows it.
    await openRing(others, readRing(`k2:${Buffer.alloc(32, 7).toString('base64')},${ring(1)}`), Date.now);
    const lacksKey = async () => {
      const [status, { checks }] = await readiness();
      return status === 503 && checks.some(({ name, ok }) => name === 'keys' && !ok);
    };
    await waitUntil(lacksKey, { what: 'it to say that it lacks a key', timeoutMs: 15_000 });
    await waitUntil(async () => !(await isServed()), { what: 'it to leave the queue' });
    await database.query(`delete from key_canary where key_id = 'k2'`);
    await waitUntil(isServed, { what: 'it to take work again', timeoutMs: 15_000 });
    expect((await readiness())[0]).toBe(200);
  } finally {
    await Promise.all([bus.drain(), others.close(), database.end()]);
  }
});
