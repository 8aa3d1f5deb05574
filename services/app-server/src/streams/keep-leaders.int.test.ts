import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, startNats, waitUntil, type NatsServer } from '@countersign/testkit';
import { AckPolicy, jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ensureStream } from './ensure-stream.ts';
import { keepLeaders, readLeaders, type KeepLeadersDependencies } from './keep-leaders.ts';
import { isSettled, nextToHandOver } from './leaders.ts';

const folder = mkdtempSync(join(tmpdir(), 'leaders-'));
const LEDGER = ['AUTH_1', 'AUTH_2', 'AUTH_3'];
const OTHERS = ['LIMITS', 'DISPATCH'];
const CONSUMER = { stream: 'DISPATCH', name: 'senders' };
let servers: NatsServer[];
let nats: NatsConnection;
let manager: JetStreamManager;

beforeAll(async () => {
  const routes = await Promise.all([1, 2, 3].map(() => freePort()));
  const list = routes.map((port) => `"nats-route://127.0.0.1:${port}"`).join(', ');
  servers = await Promise.all(
    routes.map((route, index) =>
      startNats({
        name: `nats-${index + 1}`,
        storeDir: join(folder, String(index)),
        configuration: `cluster { name: test, listen: "127.0.0.1:${route}", routes: [ ${list} ] }`,
      }),
    ),
  );
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

test('leaders that lie on one server are spread, the rest is gathered, and what is well is left alone', async () => {
  const moves: string[] = [];
  let uptime = 0;
  const dependencies: KeepLeadersDependencies = {
    nats,
    manager,
    ledger: LEDGER,
    others: OTHERS,
    consumers: [CONSUMER],
    uptime: () => uptime,
    onMove: (what) => moves.push(what),
    onProblem: () => undefined,
  };
  const read = () => readLeaders(dependencies);
  // All on one server, as a series of failures may leave them.
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

  const keeping = keepLeaders(dependencies, { lookEveryMs: 50, settledForMs: 10_000 });
  // It has been settled for no time yet.
  await waitUntil(async () => isSettled(await read()), { what: 'a look' });
  expect(moves).toEqual([]);
  uptime += 10_000;
  await waitUntil(async () => (uptime += 10_000) > 0 && nextToHandOver(await read()) === undefined, {
    what: 'leaders to be apart',
    timeoutMs: 40_000,
  });
  const made = moves.length;
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
  expect(moves.length).toBeGreaterThan(made);
  keeping.stop();
});
