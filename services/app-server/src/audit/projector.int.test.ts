import { randomBytes, randomUUID } from 'node:crypto';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { challengeIdFor } from '@countersign/contracts';
import { createMetrics, silentLogger, type Metrics } from '@countersign/telemetry';
import {
  createDatabase,
  startNats,
  startPostgres,
  startProcess,
  waitUntil,
  type NatsServer,
  type PostgresNode,
  type RunningProcess,
} from '@countersign/testkit';
import { jetstream, jetstreamManager, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { DatedEvent } from '../challenge/events.ts';
import { INITIAL_STATE, type UserState } from '../challenge/state.ts';
import { migrate } from '../database/migrate.ts';
import { createRouter, type Router } from '../database/router.ts';
import type { LedgerRecord } from '../ledger/record.ts';
import { ensureLedgerStream, UNDIVIDED } from '../ledger/partition.ts';
import { checkpointOf, highestProjected } from './checkpoint.ts';
import type { Projected } from './projected.ts';
import { startProjector, type Projector } from './projector.ts';
import { createTrail, ensureTrailStream, TRAIL_STREAM } from './trail.ts';
import { writeBatch } from './write-batch.ts';

const AUTH = UNDIVIDED.stream;
const T0 = Date.UTC(2026, 10, 23, 12);

let root: string;
let dir: string;
let postgres: PostgresNode;
let nats: NatsServer;
let connection: NatsConnection;
let client: JetStreamClient;
let manager: JetStreamManager;
let sql: pg.Pool;
let databaseUrl: string;
const undo: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'projector-'));
  postgres = await startPostgres({ dir: join(root, 'postgres'), password: 'secret', fsync: false });
});

afterAll(async () => {
  await postgres.kill();
  rmSync(root, { recursive: true, force: true });
});

beforeEach(async () => {
  dir = mkdtempSync(join(root, 'test-'));
  nats = await startNats({ storeDir: join(dir, 'nats') });
  databaseUrl = await createDatabase(postgres, 'projector');
  await migrate([databaseUrl]);
  sql = openSql(databaseUrl);
  connection = await connect({ servers: nats.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  client = jetstream(connection, { timeout: 2000 });
  manager = await jetstreamManager(connection, { timeout: 2000 });
  await ensureStreams();
});

afterEach(async () => {
  for (const step of undo.splice(0).toReversed()) await step();
  await connection.close();
  await sql.end();
  await nats.kill();
});

function openSql(url: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  pool.on('error', () => undefined);
  return pool;
}

async function ensureStreams(): Promise<void> {
  await ensureLedgerStream(manager, UNDIVIDED, 1);
  await ensureTrailStream(manager, 1);
}

interface Running {
  projector: Projector;
  router: Router;
  metrics: Metrics;
  losses: number[];
  stop(): Promise<void>;
}

/** One app-server’s projector, with its own connections. */
async function start(urls: string[] = [databaseUrl]): Promise<Running> {
  const router = createRouter({ urls, now: Date.now, probeIntervalMs: 200 });
  const own = await connect({ servers: nats.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  const metrics = createMetrics({ service: 'test', replica: 'test', processMetrics: false });
  const losses: number[] = [];
  const projector = startProjector({
    jetstream: jetstream(own, { timeout: 2000 }),
    manager: await jetstreamManager(own, { timeout: 2000 }),
    partitions: [UNDIVIDED],
    router,
    now: Date.now,
    logger: silentLogger(),
    metrics,
    onLedgerLoss: () => losses.push(Date.now()),
  });
  let stopped: Promise<void> | undefined;
  const stop = () =>
    (stopped ??= projector
      .stop()
      .then(() => router.close())
      .then(() => own.close()));
  undo.push(stop);
  return { projector, router, metrics, losses, stop };
}

let events = 0;

function rejected(at: number): DatedEvent {
  const attempts = { tokens: 3, at } as never;
  const common = { applicationId: randomUUID(), method: 'totp', reason: 'wrong', lane: 'anywhere', attempts } as const;
  return { type: 'code.rejected', at, key: randomBytes(16).toString('base64url'), ...common };
}

async function append(userId: string, event: DatedEvent, state: Partial<UserState> = {}): Promise<number> {
  const record: LedgerRecord = {
    attemptId: `attempt-${events++}`,
    event,
    state: { ...INITIAL_STATE, ...state },
    floorAt: 0,
    before: [],
    replica: 'app-1',
    traceId: 'aaaabbbbccccddddeeeeffff00001111',
  };
  return (await client.publish(`auth.${userId}`, JSON.stringify(record))).seq;
}

async function appendMany(count: number, at = T0): Promise<void> {
  const users = Array.from({ length: 10 }, () => randomUUID());
  for (let n = 0; n < count; n += 100) {
    const some = Array.from({ length: Math.min(100, count - n) }, (_, i) =>
      append(users[i % 10] ?? '', rejected(at + n + i)),
    );
    await Promise.all(some);
  }
}

async function createUser(userId: string, authenticatorId?: string): Promise<void> {
  await sql.query(
    `insert into app_user (user_id, username, status, created_at, updated_at) values ($1, 'u', 'enabled', now(), now())`,
    [userId],
  );
  if (authenticatorId === undefined) return;
  await sql.query(
    `insert into authenticator (authenticator_id, user_id, type, label, state, secret_sealed, algorithm, digits,
       period_seconds, created_at) values ($1, $2, 'totp', '', 'active', 's', 'SHA1', 6, 30, now())`,
    [authenticatorId, userId],
  );
}

interface Row {
  at: Date;
  stream: string;
  sequence: string;
  type: string;
  detail: Record<string, unknown>;
  [column: string]: unknown;
}

async function audit(stream: string): Promise<Row[]> {
  const { rows } = await sql.query<Row>('select * from audit_event where stream = $1 order by sequence, at', [stream]);
  return rows;
}

async function sequences(stream = AUTH): Promise<number[]> {
  return (await audit(stream)).map(({ sequence }) => Number(sequence));
}

const upTo = (last: number) => Array.from({ length: last }, (_, n) => n + 1);

async function until(stream: string, last: number, timeoutMs = 15_000): Promise<void> {
  const what = `${stream} to be projected up to ${last}`;
  const query = 'select max(sequence)::int as last from audit_event where stream = $1';
  await waitUntil(async () => (await sql.query<{ last: number }>(query, [stream])).rows[0]?.last === last, {
    what,
    timeoutMs,
  });
}

async function valueOf(metrics: Metrics, name: string): Promise<number> {
  const line = (await metrics.text())
    .split('\n')
    .find((text) => text.startsWith(`${name}{`) && text.includes('"AUTH"'));
  return Number(line?.split(' ').at(-1) ?? 0);
}

test('INV-10 a login is in the audit as it happened, without a trace of its code, and its state and use are kept', async () => {
  const [userId, authenticatorId, applicationId] = [randomUUID(), randomUUID(), randomUUID()];
  await createUser(userId, authenticatorId);
  const entropy = randomBytes(16);
  const key = entropy.toString('base64url');
  const challenge = {
    key,
    applicationId,
    purpose: 'login',
    method: 'sms',
    digits: 6,
    codeMac: 'canary-mac',
    sends: 1,
    sentAt: T0,
    createdAt: T0,
    expiresAt: T0 + 300_000,
  } as const;
  await append(
    userId,
    { type: 'challenge.started', at: T0, challenge, context: { ip: '10.0.0.1', device: 'bad\u0000\ud800' } },
    { open: [challenge], knownDevices: ['d1'] },
  );
  const approved = { purpose: 'login', method: 'sms', authenticatorId, attemptId: 'a' } as const;
  await append(
    userId,
    { type: 'challenge.approved', at: T0 + 5000, key, applicationId, ...approved },
    { knownDevices: ['d2'] },
  );
  await start();
  await until(AUTH, 2);

  const challengeId = challengeIdFor(userId, entropy);
  const common = {
    stream: AUTH,
    user_id: userId,
    application_id: applicationId,
    challenge_id: challengeId,
    method: 'sms',
  };
  const where = { replica: 'app-1', trace_id: 'aaaabbbbccccddddeeeeffff00001111', reason: null, actor: null };
  const rows = await audit(AUTH);
  expect(rows).toMatchObject([
    { at: new Date(T0), sequence: '1', type: 'challenge.started', ...common, ...where },
    { at: new Date(T0 + 5000), sequence: '2', type: 'challenge.approved', ...common, ...where },
  ]);
  expect(rows[0]?.detail).toMatchObject({ context: { ip: '10.0.0.1', device: 'bad\uFFFD\uFFFD' }, digits: 6 });
  const kept = await sql.query('select * from user_ledger');
  expect(kept.rows).toMatchObject([{ user_id: userId, stream_sequence: '2', at: new Date(T0 + 5000) }]);
  expect(kept.rows[0]).toMatchObject({ state: { version: 1, open: [], knownDevices: ['d2'] } });
  expect(JSON.stringify([rows, kept.rows])).not.toContain('canary-mac');
  const used = await sql.query('select last_used_at from authenticator');
  expect(used.rows).toEqual([{ last_used_at: new Date(T0 + 5000) }]);
});

test('WEB-06: a login by passkey leaves when, and the highest counter; one that does not count leaves the counter', async () => {
  const [userId, authenticatorId, applicationId] = [randomUUID(), randomUUID(), randomUUID()];
  await createUser(userId);
  await sql.query(
    `insert into passkey (passkey_id, user_id, label, state, rp_id, user_handle, credential_id, public_key, sign_count,
       backup_eligible, backup_state, created_by, created_at)
     values ($1, $2, '', 'active', 'h', $3, 'c', 'k', 4, false, false, 't', now())`,
    [authenticatorId, userId, randomBytes(64)],
  );
  const login = { method: 'passkey', authenticatorId, applicationId, attemptId: 'a', userVerified: true } as const;
  const keyed = () => ({ key: randomBytes(16).toString('base64url') });
  await append(userId, { type: 'challenge.approved', at: T0, ...keyed(), ...login, purpose: 'login', step: 7 });
  await append(userId, { type: 'invitation.accepted', at: T0 + 1000, ...keyed(), ...login, issuedAt: T0, step: 6 });
  await append(userId, { type: 'challenge.approved', at: T0 + 2000, ...keyed(), ...login, purpose: 'login' });
  await start();
  await until(AUTH, 3);
  const used = await sql.query('select last_used_at, sign_count from passkey');
  expect(used.rows).toEqual([{ last_used_at: new Date(T0 + 2000), sign_count: '7' }]);
  await append(userId, { type: 'challenge.approved', at: T0 + 3000, ...keyed(), ...login, purpose: 'login', step: 5 });
  await until(AUTH, 4);
  const later = await sql.query('select last_used_at, sign_count from passkey');
  expect(later.rows).toEqual([{ last_used_at: new Date(T0 + 3000), sign_count: '7' }]);
});

test('the trail is projected as it was recorded; what is no event leaves a row and keeps nobody out', async () => {
  const trail = createTrail(client, 'app-2', { error: () => undefined });
  await trail.record({
    type: 'challenge.refused',
    at: T0,
    attemptId: 'a1',
    applicationId: 'app',
    reason: 'unknown user',
  });
  await client.publish('trail.other', 'not JSON');
  await trail.record({
    type: 'message.sent',
    at: T0,
    attemptId: 'a1',
    method: 'sms',
    actor: 'carrier',
    detail: { n: 1 },
  });
  const running = await start();
  await until(TRAIL_STREAM, 3);
  expect(await audit(TRAIL_STREAM)).toMatchObject([
    { type: 'challenge.refused', at: new Date(T0), application_id: 'app', reason: 'unknown user', replica: 'app-2' },
    { type: 'audit.unreadable', detail: { subject: 'trail.other', bytes: 8 } },
    { type: 'message.sent', method: 'sms', actor: 'carrier', detail: { n: 1 } },
  ]);
  expect(await running.metrics.text()).toMatch(/unreadable_total\{stream="TRAIL".*\} 1/);
});

test('a message that Postgres will not have is found among others and stands for itself', async () => {
  const userId = randomUUID();
  await createUser(userId);
  await appendMany(20);
  await append('not-a-uuid', rejected(T0 + 20));
  await append(userId, rejected(T0 + 21));
  await start();
  await until(AUTH, 22);
  const rows = await audit(AUTH);
  expect(rows.map(({ sequence }) => Number(sequence))).toEqual(upTo(22));
  expect(rows.filter(({ type }) => type === 'audit.unreadable').map(({ sequence }) => sequence)).toEqual(['21']);
});

test('R3 nobody by that name leaves an event in the audit, and no state', async () => {
  await append(randomUUID(), rejected(T0));
  await start();
  await until(AUTH, 1);
  expect((await sql.query('select 1 from user_ledger')).rows).toEqual([]);
});

test('HA-41 three replicas at once, killed and replaced at random, write each event once and none is missing', async () => {
  const total = 20_000;
  const writing = appendMany(total);
  const replicas = await Promise.all([startReplica(), startReplica(), startReplica()]);
  for (let n = 0; n < 5; n++) {
    await sleep(200 + Math.random() * 500);
    await replicas.shift()?.kill();
    replicas.push(await startReplica());
  }
  await writing;
  await until(AUTH, total, 30_000);
  expect(await sequences()).toEqual(upTo(total));
});

function startReplica(): Promise<RunningProcess> {
  const args = ['--conditions=source', join(import.meta.dirname, 'projector.fixture.ts'), nats.url, databaseUrl];
  const replica = startProcess({ name: 'projector', command: process.execPath, args });
  undo.push(async () => (await replica).kill());
  return replica;
}

test('HA-41 a replica that stood by takes over from the one that wrote', async () => {
  const both = [await start(), await start()];
  const written = () => Promise.all(both.map(({ metrics }) => valueOf(metrics, 'countersign_projected_total')));
  let last = 0;
  const round = async () => {
    const before = await written();
    await appendMany(50);
    await until(AUTH, (last += 50));
    const after = await written();
    return both.filter((_, n) => after[n] !== before[n]);
  };
  let writers = await round();
  // Both begin as the one who writes; their first meeting settles it.
  for (let n = 0; n < 5 && writers.length !== 1; n++) writers = await round();
  expect(writers).toHaveLength(1);
  await writers[0]?.stop();
  await appendMany(10);
  await until(AUTH, last + 10);
});

test('HA-42 while the primary is away nothing is lost, the lag is seen to grow, and it goes on by itself', async () => {
  const running = await start();
  await appendMany(50);
  await until(AUTH, 50);
  await postgres.kill();
  await appendMany(700, Date.now());
  await waitUntil(async () => (await valueOf(running.metrics, 'countersign_projection_waiting')) === 700, {
    what: 'the backlog',
  });
  const early = await valueOf(running.metrics, 'countersign_projection_lag_seconds');
  await waitUntil(async () => (await valueOf(running.metrics, 'countersign_projection_lag_seconds')) > early + 1, {
    what: 'the lag',
  });
  await postgres.start();
  await until(AUTH, 750);
  expect(await sequences()).toEqual(upTo(750));
  await waitUntil(async () => (await valueOf(running.metrics, 'countersign_projection_lag_seconds')) === 0, {
    what: 'no lag',
  });
});

test('HA-42 a primary that hangs without an answer is waited for too', async () => {
  await start();
  await appendMany(50);
  await until(AUTH, 50);
  postgres.pause();
  await appendMany(700);
  await sleep(4000);
  postgres.resume();
  await until(AUTH, 750);
  expect(await sequences()).toEqual(upTo(750));
});

test('NATS that restarts is waited for', async () => {
  await start();
  await appendMany(50);
  await until(AUTH, 50);
  await nats.restart();
  await waitUntil(() => appendMany(1).then(() => true), { what: 'NATS to be back' });
  await waitUntil(async () => (await sequences()).length >= 51, { what: 'the next event', timeoutMs: 20_000 });
  const { state } = await manager.streams.info(AUTH);
  await until(AUTH, state.last_seq);
  expect(await sequences()).toEqual(upTo(state.last_seq));
});

test('HA-43 a promoted standby that lacks the newest rows is brought up to date from its own checkpoint, without being asked', async () => {
  await start();
  await appendMany(600);
  await until(AUTH, 600);
  // What a standby looks like that was promoted before the last rows had reached it.
  await sql.query(`
    alter table audit_event disable trigger audit_event_append_only;
    update projection_checkpoint set sequence = 450 where stream = 'AUTH';
    delete from audit_event where sequence > 450`);
  await until(AUTH, 600);
  expect(await sequences()).toEqual(upTo(600));
});

test('HA-41 what is delivered again changes nothing', async () => {
  const userId = randomUUID();
  await createUser(userId);
  const running = await start();
  await append(userId, rejected(T0), { knownDevices: ['old'] });
  await append(userId, rejected(T0 - 1000), { knownDevices: ['new'] });
  await until(AUTH, 2);
  await sql.query(`update projection_checkpoint set sequence = 0 where stream = 'AUTH'`);
  await waitUntil(async () => (await highestProjected(running.router, AUTH)) === 2, { what: 'the replay' });
  expect(await sequences()).toEqual([1, 2]);
  // The later sequence wins, whatever the clock of the replica that appended it said.
  expect((await sql.query(`select state -> 'knownDevices' as d from user_ledger`)).rows).toEqual([{ d: ['new'] }]);
});

test('HA-21 an older state never takes the place of a newer one', async () => {
  const userId = randomUUID();
  await createUser(userId);
  const { created } = await manager.streams.info(AUTH);
  await sql.query(`insert into user_ledger values ($1, $2, 100, now(), '{"kept": true}')`, [userId, new Date(created)]);
  await append(userId, rejected(Date.now() + 1000));
  await start();
  await until(AUTH, 1);
  expect((await sql.query('select state from user_ledger')).rows).toEqual([{ state: { kept: true } }]);
});

test('HA-41 of several who write what follows the same checkpoint one succeeds, and the others change nothing', async () => {
  const { router } = await start();
  await appendMany(1);
  await until(AUTH, 1);
  const from = await router.write((db) => checkpointOf(db, 'OTHER', T0));
  const batch = (writer: string): Projected[] => [
    { row: { at: T0, sequence: 1, attempt_id: writer, type: 't', detail: {} } },
    { row: { at: T0, sequence: 2, attempt_id: writer, type: 't', detail: {} } },
  ];
  const won = await Promise.all(
    ['a', 'b', 'c'].map((writer) => router.write((db) => writeBatch(db, from, batch(writer)))),
  );
  expect(won.filter(Boolean)).toHaveLength(1);
  expect(await sequences('OTHER')).toEqual([1, 2]);
  expect(await router.write((db) => checkpointOf(db, 'OTHER', T0))).toMatchObject({ sequence: 2 });
});

test('HA-20 a stream that was made anew is projected from its beginning beside the old one, and its states win', async () => {
  const userId = randomUUID();
  await createUser(userId);
  const running = await start();
  await appendMany(30);
  await append(userId, rejected(T0), { knownDevices: ['old'] });
  await until(AUTH, 31);
  const { config } = await manager.streams.info(AUTH);
  expect(config).toMatchObject({ deny_delete: true });
  await manager.streams.delete(AUTH);
  await ensureStreams();
  await append(userId, rejected(T0 + 1), { knownDevices: ['new'] });
  await append(randomUUID(), rejected(T0 + 2));
  await waitUntil(async () => (await sequences()).length === 33, { what: 'both streams in the audit' });
  expect(await highestProjected(running.router, AUTH)).toBe(2);
  const kept = await sql.query(`select state -> 'knownDevices' as d, stream_sequence as s from user_ledger`);
  expect(kept.rows).toEqual([{ d: ['new'], s: '1' }]);
});

test.each([
  ['before anybody appended again', 0],
  ['after it went on past the checkpoint', 500],
])('HA-20 a stream that was rolled back is noticed %s; lost and new events are all in the audit', async (_, more) => {
  const userId = randomUUID();
  await createUser(userId);
  await appendMany(300);
  await nats.stop();
  const files = join(dir, 'nats', 'jetstream');
  cpSync(files, join(dir, 'snapshot'), { recursive: true });
  await nats.start();
  await waitUntil(() => append(userId, rejected(T0), { knownDevices: ['lost'] }).then(() => true));
  await appendMany(199);
  const { last_seq: before } = (await manager.streams.info(AUTH)).state;
  const first = await start();
  await until(AUTH, before);
  await first.stop();

  await nats.stop();
  rmSync(files, { recursive: true });
  cpSync(join(dir, 'snapshot'), files, { recursive: true });
  await nats.start();
  await waitUntil(() => append(userId, rejected(T0 + 1), { knownDevices: ['after'] }).then(() => true));
  await appendMany(more);
  const { last_seq: after } = (await manager.streams.info(AUTH)).state;

  const second = await start();
  const count = (await audit(AUTH)).length + (after - 300) + 1;
  await waitUntil(async () => (await audit(AUTH)).length === count, { what: 'lost and new events' });
  expect(second.losses).toHaveLength(1);
  const rows = await audit(AUTH);
  expect(rows.filter(({ type }) => type === 'audit.rewound')).toMatchObject([{ detail: { from: before, to: 300 } }]);
  expect((await sql.query(`select state -> 'knownDevices' as d from user_ledger`)).rows).toEqual([{ d: ['after'] }]);
});

test('messages that age ended before they were projected leave a row that says so', async () => {
  await appendMany(10);
  const { config } = await manager.streams.info(AUTH);
  await manager.streams.update(AUTH, { ...config, max_age: 1e9, duplicate_window: 1e9 });
  await waitUntil(async () => (await manager.streams.info(AUTH)).state.messages === 0, { what: 'age' });
  await manager.streams.update(AUTH, { ...config });
  await append(randomUUID(), rejected(T0));
  await start();
  await until(AUTH, 11);
  expect(await audit(AUTH)).toMatchObject([
    { type: 'audit.gap', sequence: '1', detail: { from: 1, to: 10 } },
    { type: 'code.rejected', sequence: '11' },
  ]);
});

test('months are made for whatever time an event has', async () => {
  await append(randomUUID(), rejected(Date.UTC(2024, 1, 29)));
  await append(randomUUID(), rejected(Date.UTC(2031, 11, 31, 23, 59, 59, 999)));
  await start();
  await until(AUTH, 2);
  expect(await sequences()).toEqual([1, 2]);
});
