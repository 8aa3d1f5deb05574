import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { followServers, type ServerProcesses } from '@countersign/bus';
import { startNatsCluster, waitUntil, type NatsServer } from '@countersign/testkit';
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import type { Router } from '../database/router.ts';
import { copiesOf } from '../streams/copies.ts';
import type { LossReason } from './continuity.ts';
import { ensureLedgerStream, UNDIVIDED } from './partition.ts';
import { startWatch, type Watching } from './start-watch.ts';

const folder = mkdtempSync(join(tmpdir(), 'watch-cluster-'));
let servers: NatsServer[];

interface Replica extends Watching {
  nats: NatsConnection;
  processes: ServerProcesses;
  onLoss: ReturnType<typeof vi.fn<(reason: LossReason) => void>>;
}
let replicas: Replica[] = [];

beforeAll(async () => {
  servers = await startNatsCluster({ dir: folder });
  const setup = await connect({ servers: servers.map(({ url }) => url) });
  await ensureLedgerStream(await jetstreamManager(setup, { timeout: 3000, checkAPI: false }), UNDIVIDED, 3);
  await setup.close();
});
afterEach(async () => {
  await Promise.all(replicas.map((one) => gone(one)));
  replicas = [];
});
afterAll(async () => {
  await Promise.all(servers.map((server) => server.kill()));
  rmSync(folder, { recursive: true, force: true });
});

/** Postgres is away the whole time: what it remembers is tried elsewhere. */
const noPostgres = {
  read: () => Promise.reject(new Error('away')),
  write: () => Promise.reject(new Error('away')),
} as unknown as Router;

/** @param first index of the server that it connects to. */
async function replica(first: number): Promise<Replica> {
  const urls = [...servers.slice(first), ...servers.slice(0, first)].map(({ url }) => url);
  const nats = await connect({ servers: urls, noRandomize: true, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  const processes = await followServers({ servers: urls, name: 'test' });
  const onLoss = vi.fn<(reason: LossReason) => void>();
  const watching = await startWatch({
    nats,
    processes,
    partition: UNDIVIDED,
    router: noPostgres,
    now: () => Date.now(),
    onLoss,
    highestProjected: () => Promise.reject(new Error('away')),
    onProblem: () => undefined,
  });
  const started = { ...watching, nats, processes, onLoss };
  replicas.push(started);
  return started;
}

async function gone(one: Replica): Promise<void> {
  replicas = replicas.filter((other) => other !== one);
  await Promise.all([one.nats.close(), one.processes.close()]);
  await one.leave();
}

async function isWhole(): Promise<boolean> {
  const nats = await connect({ servers: servers.filter(({ running }) => running).map(({ url }) => url) });
  try {
    const manager = await jetstreamManager(nats, { timeout: 2000, checkAPI: false });
    const { followers } = copiesOf(await manager.streams.info(UNDIVIDED.stream));
    return followers.length === 2 && followers.every(({ isCurrent }) => isCurrent);
  } catch {
    return false;
  } finally {
    await nats.close();
  }
}

test('HA-20 a machine that dies with its app-server and its NATS server takes nobody’s word with it: two servers ran on', async () => {
  const here = await replica(0);
  const there = await replica(0);
  await waitUntil(() => here.continuity.isProven() && there.continuity.isProven(), { what: 'both to be proven' });
  const { at } = here.continuity.floor();
  // Long enough for a look at the stream while everybody runs.
  await waitUntil(async () => (await here.processes.alive(300)).size === 3, { what: 'all servers to be known' });
  await new Promise((resolve) => setTimeout(resolve, 1500));
  here.onLoss.mockClear();

  await Promise.all([gone(there), servers[0]?.kill()]);
  await waitUntil(() => !here.continuity.isProven(), { what: 'the doubt' });
  await waitUntil(() => here.continuity.isProven(), { what: 'the doubt to be over', timeoutMs: 25_000 });
  expect(here.onLoss).not.toHaveBeenCalled();
  expect(here.continuity.floor().at).toBe(at);
  await servers[0]?.start();
  await waitUntil(isWhole, { what: 'the cluster to be whole', timeoutMs: 30_000 });
});

test('HA-20 where most servers were started anew and somebody who may know more is gone, a loss is assumed', async () => {
  const here = await replica(2);
  const there = await replica(2);
  await waitUntil(() => here.continuity.isProven() && there.continuity.isProven(), { what: 'both to be proven' });
  await new Promise((resolve) => setTimeout(resolve, 1500));
  here.onLoss.mockClear();
  await Promise.all([gone(there), servers[0]?.kill(), servers[1]?.kill()]);
  await waitUntil(() => !here.continuity.isProven(), { what: 'the doubt', timeoutMs: 20_000 });
  await Promise.all([servers[0]?.start(), servers[1]?.start()]);
  await waitUntil(() => here.continuity.isProven(), { what: 'the doubt to be over', timeoutMs: 40_000 });
  expect(here.onLoss.mock.calls).toEqual([['assumed']]);
});
