import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureRole, startNats, startPostgresPair, waitUntil } from '@countersign/testkit';
import type { NatsServer, PostgresPair } from '@countersign/testkit';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { highestProjected } from '../audit/checkpoint.ts';
import { migrate } from '../database/migrate.ts';
import { createRouter, type Router } from '../database/router.ts';
import type { LossReason } from './continuity.ts';
import { postgresMemory } from './memory.ts';
import { startWatch, type Watching } from './start-watch.ts';
import { ensureLedgerStream, UNDIVIDED } from './partition.ts';
import type { PeerView } from './watch.ts';

interface Replica extends Watching {
  nats: NatsConnection;
  router: Router;
  onLoss: ReturnType<typeof vi.fn<(reason: LossReason) => void>>;
}

interface MemoryRow {
  nats_server: string;
  floor_at: string;
  opened_by: string;
  closed_at: string | null;
}

const folder = mkdtempSync(join(tmpdir(), 'watch-'));
let pair: PostgresPair;
let owner: pg.Client;
let isPrimaryAway = false;

/** One server and one stream for each test, so that none knows those of another. */
let nats: NatsServer;
let natsFolder: string;
let count = 0;
let running: Replica[];

beforeAll(async () => {
  pair = await startPostgresPair({ dir: join(folder, 'postgres'), password: 'secret', fsync: false });
  await ensureRole(pair.primary, 'countersign_service', 'service');
  await migrate(pair.nodes.map(({ url }) => url));
  owner = new pg.Client({ connectionString: pair.primary.url });
  await owner.connect();
});
afterAll(async () => {
  await owner.end();
  await pair.kill();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  running = [];
  natsFolder = join(folder, `nats-${count++}`);
  nats = await startNats({ storeDir: natsFolder });
  await owner.query('truncate ledger_memory, projection_checkpoint');
  await pair.caughtUp();
});
afterEach(async () => {
  await kill(...running);
  await nats.kill();
});

/** As context.ts wires it, with no more rights in Postgres than it has there. */
async function replica(): Promise<Replica> {
  const connection = await connectNats();
  await ensureStream(connection);
  const router = await connectPostgres();
  const onLoss = vi.fn<(reason: LossReason) => void>();
  const watching = await startWatch({
    nats: connection,
    processes: undefined,
    partition: UNDIVIDED,
    router,
    now: () => Date.now(),
    onLoss,
    highestProjected: () => highestProjected(router, UNDIVIDED.stream),
    onProblem: () => undefined,
  });
  const started = { ...watching, nats: connection, router, onLoss };
  running.push(started);
  return started;
}

function connectNats(): Promise<NatsConnection> {
  return connect({ servers: nats.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
}

/** @returns when it was created. */
async function ensureStream(connection: NatsConnection): Promise<number> {
  const { created } = await ensureLedgerStream(await jetstreamManager(connection, { timeout: 2000 }), UNDIVIDED, 1);
  return Date.parse(created);
}

async function connectPostgres(): Promise<Router> {
  const urls = pair.nodes.map(({ url }) => url.replace('postgres:secret@', 'countersign_service:service@'));
  const router = createRouter({ urls, now: () => Date.now() });
  const expected = isPrimaryAway ? 1 : 2;
  const found = () => router.nodes().filter(({ reachable }) => reachable).length === expected;
  await waitUntil(found, { what: 'every node that answers to be found' });
  return router;
}

async function leave(...replicas: Replica[]): Promise<void> {
  await Promise.all(replicas.map((one) => one.leave()));
  await letGo(replicas);
}

/** What is cut off from both engines can say no farewell; leave() only ends its timer. */
async function kill(...replicas: Replica[]): Promise<void> {
  await letGo(replicas);
  await Promise.all(replicas.map((one) => one.leave()));
}

async function letGo(replicas: Replica[]): Promise<void> {
  running = running.filter((one) => !replicas.includes(one));
  await Promise.all(replicas.flatMap((one) => [one.nats.close(), one.router.close()]));
}

async function append({ nats: connection, continuity }: Replica): Promise<void> {
  const before = continuity.highest();
  const { seq } = await jetstream(connection).publish(`auth.${crypto.randomUUID()}`, '{}');
  continuity.acknowledged(seq, before);
}

async function remembered(): Promise<MemoryRow | undefined> {
  const { rows } = await owner.query<MemoryRow>('select * from ledger_memory');
  return rows[0];
}

/** The first look at the stream after the start writes down which server holds it, and the floor. */
async function untilRemembered({ continuity }: Replica): Promise<void> {
  await waitUntil(async () => Number((await remembered())?.floor_at) === continuity.floor().at, {
    what: 'the replica to write down what it knows',
  });
}

const untilProven = (...replicas: Replica[]) =>
  waitUntil(() => replicas.every(({ continuity }) => continuity.isProven()), {
    what: 'continuity to be proven',
    timeoutMs: 30_000,
  });

const untilHeard = (floorAt: number, { continuity }: Replica, timeoutMs = 10_000) =>
  waitUntil(() => continuity.floor().at === floorAt, { what: 'the floor to be heard', everyMs: 5, timeoutMs });

/** Two replicas that decide, know of each other, and have appended something. */
async function two(): Promise<[Replica, Replica]> {
  const first = await replica();
  const second = await replica();
  for (const one of [first, second, first]) await append(one);
  forget(first, second);
  return [first, second];
}

/** Whatever was raised at the first start is not what a test asks for. */
function forget(...replicas: Replica[]): void {
  for (const { onLoss } of replicas) onLoss.mockClear();
}

function expectNoLoss(floorAt: number, ...replicas: Replica[]): void {
  for (const { continuity, onLoss } of replicas) {
    expect(onLoss).not.toHaveBeenCalled();
    expect(continuity.floor().at).toBe(floorAt);
    expect(() => continuity.assertProven()).not.toThrow();
  }
}

describe('HA-20 a replica that starts', () => {
  test('on an empty ledger nobody can say what was lost: the floor rises to now, and it decides', async () => {
    const before = Date.now();
    const first = await replica();
    expect(first.onLoss.mock.calls).toEqual([['assumed']]);
    expect(first.continuity.floor().at).toBeGreaterThanOrEqual(before);
    expect(first.continuity.floor().at).toBeLessThanOrEqual(Date.now());
    expect(first.continuity.isProven()).toBe(true);
    expect(() => first.continuity.assertProven()).not.toThrow();
  });

  test('beside one that decides takes its word, and its floor', async () => {
    const first = await replica();
    await append(first);
    await untilRemembered(first);
    // It does not write the same twice, so that the second has nothing but the word of the first.
    await owner.query('truncate ledger_memory');
    const second = await replica();
    expectNoLoss(first.continuity.floor().at, second);
    expect(second.continuity.highest()).toBe(1);
    expect(first.onLoss).toHaveBeenCalledTimes(1);
  });

  test('after all have left in order and NATS was restarted finds the end that the last one wrote down, once', async () => {
    const first = await replica();
    await untilRemembered(first);
    const opened = await remembered();
    const second = await replica();
    for (const one of [first, second, first]) await append(one);
    await waitUntil(async () => (await remembered())?.opened_by !== opened?.opened_by, {
      what: 'the second to open it',
    });
    const floorAt = first.continuity.floor().at;
    await leave(second);
    expect((await remembered())?.closed_at).toBeNull();
    await leave(first);
    expect((await remembered())?.closed_at).toBe('3');
    await nats.restart();

    const next = await replica();
    expectNoLoss(floorAt, next);
    expect(await remembered()).toMatchObject({ closed_at: null, nats_server: next.nats.info?.server_id });
    await kill(next);
    await nats.restart();
    expect((await replica()).onLoss.mock.calls).toEqual([['assumed']]);
  });

  test('finds the end written down when all have left at the same moment', async () => {
    const both = await two();
    await untilRemembered(both[0]);
    await leave(...both);
    expect((await remembered())?.closed_at).toBe('3');
  });

  test('raises the floor when the stream ends before the end that was written down', async () => {
    const first = await replica();
    await append(first);
    await untilRemembered(first);
    await nats.stop();
    const snapshot = join(folder, 'snapshot');
    cpSync(join(natsFolder, 'jetstream'), snapshot, { recursive: true });
    await nats.start();
    await untilProven(first);
    await append(first);
    await leave(first);
    expect((await remembered())?.closed_at).toBe('2');

    await nats.stop();
    rmSync(join(natsFolder, 'jetstream'), { recursive: true });
    cpSync(snapshot, join(natsFolder, 'jetstream'), { recursive: true });
    await nats.start();
    expect((await replica()).onLoss.mock.calls).toEqual([['assumed']]);
  });

  test('raises the floor when the stream is another one, although it has grown as far', async () => {
    const first = await replica();
    await append(first);
    await untilRemembered(first);
    await leave(first);
    await loseData();
    const connection = await connectNats();
    await ensureStream(connection);
    for (const user of ['a', 'b']) await jetstream(connection).publish(`auth.${user}`, '{}');
    await connection.close();
    expect((await replica()).onLoss.mock.calls).toEqual([['assumed']]);
  });

  test('after all were killed raises no floor while the same NATS process runs, which forgot nothing', async () => {
    const [first, second] = await two();
    const floorAt = first.continuity.floor().at;
    await untilRemembered(first);
    await kill(first, second);
    expect((await remembered())?.closed_at).toBeNull();
    expectNoLoss(floorAt, await replica());
  });

  test('after all were killed raises the floor when NATS is another process', async () => {
    const [first, second] = await two();
    await untilRemembered(first);
    await kill(first, second);
    await nats.restart();
    const before = Date.now();
    const next = await replica();
    expect(next.onLoss.mock.calls).toEqual([['assumed']]);
    expect(next.continuity.floor().at).toBeGreaterThanOrEqual(before);
  });

  test('believes the standby what was remembered, but not that all had left in order', async () => {
    const first = await replica();
    first.continuity.lost();
    const floorAt = first.continuity.floor().at;
    await untilRemembered(first);
    await leave(first);
    expect((await remembered())?.closed_at).toBe('0');
    await pair.caughtUp();
    await whilePrimaryIsAway(async () => {
      const second = await replica();
      expectNoLoss(floorAt, second);
      await kill(second);
      await nats.restart();
      const third = await replica();
      expect(third.onLoss.mock.calls).toEqual([['assumed']]);
      expect(third.continuity.floor().at).toBeGreaterThan(floorAt);
    });
  });
});

describe('HA-20 replicas that run', () => {
  test('decide nothing while NATS is away, and raise no floor when all of them are back', async () => {
    const both = await two();
    const floorAt = both[0].continuity.floor().at;
    await nats.kill();
    // Sooner than their next looks, which are not due at the same time.
    const timeoutMs = 300;
    await waitUntil(() => both.every(({ continuity }) => !continuity.isProven()), { what: 'both to doubt', timeoutMs });
    for (const { continuity } of both) {
      expect(() => continuity.assertProven()).toThrow(expect.objectContaining({ code: 'UNAVAILABLE' }));
    }
    await nats.start();
    await untilProven(...both);
    expectNoLoss(floorAt, ...both);
    for (const one of both) await append(one);
  });

  test('do not wait for one that left, and raise the floor for one that was killed as NATS went down', async () => {
    const [first, second] = await two();
    const floorAt = first.continuity.floor().at;
    await leave(second);
    await nats.restart();
    await untilProven(first);
    expectNoLoss(floorAt, first);

    const third = await replica();
    await kill(third);
    await nats.restart();
    await untilProven(first);
    expect(first.onLoss.mock.calls).toEqual([['assumed']]);
  });

  test('see that NATS lost its data, and raise the floor, all to the same', async () => {
    const both = await two();
    await loseData();
    const connection = await connectNats();
    const createdAt = await ensureStream(connection);
    await connection.close();
    await untilProven(...both);
    const floors = () => both.map(({ continuity }) => continuity.floor().at);
    await waitUntil(() => new Set(floors()).size === 1, { what: 'both to have the higher floor' });
    expect(floors()[0]).toBeGreaterThan(createdAt);
    // Who hears of it from the other need not see it too.
    expect(new Set(both.flatMap(({ onLoss }) => onLoss.mock.calls.flat()))).toEqual(new Set(['seen']));
  });

  test('tell each other of a loss at once, without being asked', async () => {
    const [first, second] = await two();
    // Twice, since the view that each tells every second may happen to be just due the first time, but not again so soon.
    for (const _ of [1, 2]) {
      first.continuity.lost();
      await untilHeard(first.continuity.floor().at, second, 700);
    }
    expect(second.onLoss).not.toHaveBeenCalled();
  });

  test('are not harmed by what is not of their form', async () => {
    const [first, second] = await two();
    const floorAt = first.continuity.floor().at;
    const somebody = await connectNats();
    somebody.subscribe('peers.ledger.ask', {
      callback: (_error, message) => GARBAGE.forEach((text) => message.respond(text)),
    });
    for (const text of GARBAGE) {
      for (const subject of ['peers.ledger.tell', 'peers.ledger.ask']) somebody.publish(subject, text);
    }
    await somebody.flush();
    const third = await replica();
    await somebody.close();
    expectNoLoss(floorAt, first, second, third);
    third.continuity.lost();
    for (const one of [first, second]) await untilHeard(third.continuity.floor().at, one);
    expect(third.onLoss.mock.calls).toEqual([['seen']]);
  });
});

describe('the memory', () => {
  const standing = { createdAt: Date.UTC(2026, 0, 1), processes: ['NA', 'NB'], floor: { at: 7 } };

  test('HA-20 is not closed by one that left when another has opened it since', async () => {
    const router = await connectPostgres();
    const memory = postgresMemory(router, UNDIVIDED.stream);
    expect(await memory.recall()).toBeUndefined();
    await memory.keep(standing, 'a');
    await memory.keep({ ...standing, floor: { at: 5 } }, 'b');
    await memory.close(9, ['a']);
    expect(await memory.recall()).toEqual({ ...standing, closedAt: undefined });
    await memory.close(9, ['b', 'a']);
    expect(await memory.recall()).toEqual({ ...standing, closedAt: 9 });
    await memory.keep({ ...standing, processes: [] }, 'c');
    expect(await memory.recall()).toEqual({ ...standing, processes: [], closedAt: undefined });
    await router.close();
  });
});

const view: PeerView = { run: 'somebody', floor: { at: Number.MAX_SAFE_INTEGER }, highest: 1e9, isProven: true };

/** Each would raise the floor or the mark if it were taken for a view. */
const GARBAGE = [
  '',
  'no JSON',
  'null',
  '7',
  '"text"',
  '[]',
  '{}',
  ...[
    { by: 7 },
    { by: null },
    { ...view, run: 7 },
    { ...view, floor: undefined },
    { ...view, floor: null },
    { ...view, floor: 7 },
    { ...view, floor: { at: '9' } },
    { ...view, floor: { at: null } },
    { ...view, highest: '9' },
    { ...view, highest: 1.5 },
    { ...view, highest: null },
    { ...view, isProven: 1 },
    { ...view, isProven: undefined },
  ].map((value) => JSON.stringify(value)),
];

/** NATS comes back with an empty disk. */
async function loseData(): Promise<void> {
  await nats.stop();
  rmSync(join(natsFolder, 'jetstream'), { recursive: true });
  await nats.start();
}

async function whilePrimaryIsAway(work: () => Promise<void>): Promise<void> {
  pair.primary.pause();
  isPrimaryAway = true;
  try {
    await work();
  } finally {
    pair.primary.resume();
    isPrimaryAway = false;
  }
}
