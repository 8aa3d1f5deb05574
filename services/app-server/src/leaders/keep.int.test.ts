import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNatsCluster, waitUntil, type NatsServer } from '@countersign/testkit';
import { AckPolicy, jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ensureStream } from '../streams/ensure-stream.ts';
import { keepLeaders, type KeepLeadersDependencies } from './keep.ts';
import { isSettled, nextToHandOver } from './placement.ts';
import { readPlaced, type Placed } from './read.ts';

const folder = mkdtempSync(join(tmpdir(), 'leaders-'));
const LEDGER = ['AUTH_1', 'AUTH_2', 'AUTH_3'];
const OTHERS = ['LIMITS', 'DISPATCH'];
const placed: Placed = { ledger: LEDGER, others: OTHERS, consumers: [{ stream: 'DISPATCH', name: 'senders' }] };
let servers: NatsServer[];
let nats: NatsConnection;
let manager: JetStreamManager;

beforeAll(async () => {
  servers = await startNatsCluster({ dir: folder });
  nats = await connect({ servers: servers.map(({ url }) => url) });
  manager = await jetstreamManager(nats, { timeout: 5000, checkAPI: false });
  for (const name of [...LEDGER, ...OTHERS])
    await ensureStream(manager, { name, subjects: [`${name}.*`], num_replicas: 3 }, 'leave');
  await manager.consumers.add('DISPATCH', { durable_name: 'senders', ack_policy: AckPolicy.Explicit });
});
afterAll(async () => {
  await nats.close();
  await Promise.all(servers.map((server) => server.kill()));
  rmSync(folder, { recursive: true, force: true });
});

const read = () => readPlaced(manager, placed);

/** All parts on one server, as a series of failures may leave them. */
async function gatherLedger(): Promise<void> {
  for (const name of LEDGER) {
    await waitUntil(
      async () => {
        if ((await manager.streams.info(name)).cluster?.leader === 'nats-1') return true;
        await nats.request(`$JS.API.STREAM.LEADER.STEPDOWN.${name}`, '', { timeout: 3000 });
        return false;
      },
      { what: `nats-1 to lead ${name}`, timeoutMs: 30_000 },
    );
  }
  await waitUntil(async () => isSettled(await read()), { what: 'all copies to be current', timeoutMs: 30_000 });
  expect(nextToHandOver(await read())?.leader).toBe('nats-1');
}

test('leaders that lie on one server are spread, the rest is gathered, and what is well is left alone', async () => {
  const moves: string[] = [];
  let uptime = 0;
  let asked = 0;
  const dependencies: KeepLeadersDependencies = {
    nats,
    manager,
    placed,
    uptime: () => {
      asked += 1;
      return uptime;
    },
    onMove: (what) => moves.push(what),
    onProblem: () => undefined,
  };
  await gatherLedger();

  const keeping = keepLeaders(dependencies, { lookEveryMs: 50, settledForMs: 10_000 });
  // Several looks, and it has been settled for no time yet.
  await waitUntil(() => asked > 12, { what: 'several looks' });
  expect(moves).toEqual([]);
  uptime += 10_000;
  await waitUntil(async () => (uptime += 10_000) > 0 && nextToHandOver(await read()) === undefined, {
    what: 'leaders to be apart',
    timeoutMs: 40_000,
  });
  // The last one is told of when NATS has answered, after the leader has changed.
  let made = 0;
  await waitUntil(
    async () => {
      made = moves.length;
      await new Promise((resolve) => setTimeout(resolve, 500));
      return moves.length === made && nextToHandOver(await read()) === undefined;
    },
    { what: 'the last move to be told of', timeoutMs: 20_000 },
  );
  expect(made).toBeGreaterThan(0);
  uptime += 10_000;
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(moves).toHaveLength(made);
  // Somebody moves leaders by hand: it lets them be, until told otherwise or the time is over.
  keeping.rest(60_000);
  const [part = ''] = LEDGER;
  await waitUntil(
    async () => {
      if (nextToHandOver(await read()) !== undefined) return true;
      await nats.request(`$JS.API.STREAM.LEADER.STEPDOWN.${part}`, '', { timeout: 3000 });
      return false;
    },
    { what: 'one to lead two parts', timeoutMs: 30_000 },
  );
  uptime += 59_000;
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(moves).toHaveLength(made);
  keeping.rest(0);
  await waitUntil(async () => (uptime += 10_000) > 0 && nextToHandOver(await read()) === undefined, {
    what: 'leaders to be apart again',
    timeoutMs: 40_000,
  });
  await expect.poll(() => moves.length, { timeout: 10_000 }).toBeGreaterThan(made);
  keeping.stop();
});

test('a handover that NATS refuses is a problem and no move', async () => {
  const moves: string[] = [];
  const problems: unknown[] = [];
  let uptime = 0;
  await gatherLedger();
  const keeping = keepLeaders(
    {
      // Each is refused by a real server, for it has no such stream.
      nats: {
        isClosed: () => false,
        request: (_subject, payload, options) =>
          nats.request('$JS.API.STREAM.LEADER.STEPDOWN.MISSING', payload, options),
      },
      manager,
      placed,
      uptime: () => (uptime += 10_000),
      onMove: (what) => moves.push(what),
      onProblem: (error) => problems.push(error),
    },
    { lookEveryMs: 50, settledForMs: 10_000 },
  );
  await waitUntil(() => moves.length + problems.length > 0, { what: 'a handover to be asked for', timeoutMs: 10_000 });
  keeping.stop();
  expect(moves).toEqual([]);
  expect(String(problems[0])).toMatch(/AUTH_\d: .*stream not found/);
});
