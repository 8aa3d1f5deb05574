import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@countersign/telemetry';
import { startOperatorCluster, waitUntil, type OperatorCluster } from '@countersign/testkit';
import { connectBus, type Bus } from '@countersign/bus';
import { AckPolicy, jetstream, jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { TrailEvent } from '../audit/trail.ts';
import { DISPATCH, ensureDispatchStreams, LIMITS } from '../dispatch/streams.ts';
import { ensureLedgerStream, partitionsOf } from '../ledger/partition.ts';
import { nameOf } from './hand-over.ts';
import { move } from './move.ts';
import { isSettled, nextToHandOver } from './placement.ts';
import { readAll, readPlaced, type Placed } from './read.ts';
import { hearRest } from './rest.ts';

const dir = mkdtempSync(join(tmpdir(), 'leaders-'));
const partitions = partitionsOf(3);
const placed: Placed = {
  ledger: partitions.map(({ stream }) => stream),
  others: [DISPATCH, LIMITS],
  consumers: [{ stream: DISPATCH, name: 'senders' }],
};
let cluster: OperatorCluster;
let bus: Bus;
let manager: JetStreamManager;
let recorded: TrailEvent[];

beforeAll(async () => {
  cluster = await startOperatorCluster({ dir, now: Date.now() });
  // With the permissions that app-server has, and no more.
  const { path } = await cluster.credentials('app-server-1', 'app-server');
  bus = await connectBus({
    servers: cluster.urls,
    credentialsFile: path,
    authorities: cluster.authorities,
    name: 'app-server-1',
  });
  manager = await jetstreamManager(bus.nats, { timeout: 3000, checkAPI: false });
  for (const partition of partitions) await ensureLedgerStream(manager, partition, 3);
  await ensureDispatchStreams(manager, 3);
  await manager.consumers.add('DISPATCH', { durable_name: 'senders', ack_policy: AckPolicy.Explicit });
  await waitUntil(async () => isSettled(await readPlaced(manager, placed)), {
    what: 'followers that have caught up',
    timeoutMs: 30_000,
  });
}, 90_000);
afterAll(async () => {
  await bus.drain();
  await cluster.kill();
  rmSync(dir, { recursive: true, force: true });
});

async function pass(server?: string) {
  recorded = [];
  const trail = { record: (event: TrailEvent) => Promise.resolve(void recorded.push(event)) };
  const request = { attemptId: 'a', application: { name: 'admin' } } as AuthorisedRequest;
  const deps = { bus, placed, trail, logger: silentLogger(), now: Date.now };
  return move(deps, server === undefined ? {} : { server }, request);
}

/** As the command line does. */
async function passes(server?: string): Promise<void> {
  await waitUntil(async () => (await pass(server)).left.length === 0, {
    what: 'nothing to be left',
    timeoutMs: 40_000,
  });
}

const leadersOfLedger = async () =>
  (await readPlaced(manager, placed)).flatMap(({ isLedger, leader }) => (isLedger ? [leader] : []));

test('a server gives up all that it leads, streams and consumers, while appends go on; then each is led from where it should be again', async () => {
  const client = jetstream(bus.nats, { timeout: 2000 });
  const done = new AbortController();
  const appending = (async () => {
    for (let count = 0; !done.signal.aborted; count += 1) {
      // Rejects when four tries of two seconds come to nothing.
      await client.publish(`auth.1.user-${count}`, '{}', { retries: 4 });
    }
  })();
  try {
    for (const server of ['nats-2', 'nats-1']) {
      await passes(server);
      const led = await readAll(manager);
      expect(led.map(({ leader }) => leader)).not.toContain(server);
      expect(led.map(nameOf)).toContain('DISPATCH > senders');
    }
    await passes();
    expect(nextToHandOver(await readPlaced(manager, placed))).toBeUndefined();
    expect(new Set(await leadersOfLedger()).size).toBe(3);
  } finally {
    done.abort();
  }
  await appending;
}, 120_000);

test('what is moved is written down before, with who asked; where nothing has to be moved nothing is', async () => {
  await passes();
  expect(await pass()).toEqual({ moved: [], left: [] });
  expect(recorded).toEqual([]);
  const [leader = ''] = await leadersOfLedger();
  const { moved } = await pass(leader);
  expect(moved.map(({ from }) => from)).toContain(leader);
  expect(recorded).toMatchObject([{ type: 'leaders.move', actor: 'admin', detail: { away: leader } }]);
}, 120_000);

test('app-servers hear that they are to leave leaders where they are, and when that is over', async () => {
  const heard: number[] = [];
  hearRest(bus.nats, { rest: (forMs) => void heard.push(forMs) });
  bus.nats.publish('peers.leaders', 'no JSON');
  bus.nats.publish('peers.leaders', '{"forMs":"soon"}');
  await pass('nats-3');
  await passes();
  await bus.nats.flush();
  expect(heard[0]).toBeGreaterThan(60_000);
  expect(heard.at(-1)).toBe(0);
}, 120_000);

test('nothing is moved that could not be written down', async () => {
  const [leader = ''] = await leadersOfLedger();
  const trail = { record: () => Promise.reject(new Error('full')) };
  const request = { attemptId: 'a', application: { name: 'admin' } } as AuthorisedRequest;
  const deps = { bus, placed, trail, logger: silentLogger(), now: Date.now };
  await expect(move(deps, { server: leader }, request)).rejects.toThrow('full');
  expect(await leadersOfLedger()).toContain(leader);
});
