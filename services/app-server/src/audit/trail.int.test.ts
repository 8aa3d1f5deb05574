import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNats, type NatsServer } from '@countersign/testkit';
import { jetstream, jetstreamManager, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTrail, ensureTrailStream, TRAIL_STREAM } from './trail.ts';

const folder = mkdtempSync(join(tmpdir(), 'trail-'));
const event = { type: 'challenge.refused', at: Date.UTC(2026, 10, 23), attemptId: 'a', reason: 'unknown user' };
const told: unknown[] = [];
const logger = { error: (_: string, facts?: object) => void told.push(facts) };
let nats: NatsServer;
let connection: NatsConnection;
let client: JetStreamClient;
let manager: JetStreamManager;

beforeAll(async () => {
  nats = await startNats({ storeDir: folder });
  connection = await connect({ servers: nats.url });
  client = jetstream(connection, { timeout: 300 });
  manager = await jetstreamManager(connection);
});
afterAll(async () => {
  await connection.close();
  await nats.kill();
  rmSync(folder, { recursive: true, force: true });
});

const stored = async () => (await manager.streams.info(TRAIL_STREAM)).state.messages;

test('replicas that start at once make one stream, in which nothing can be deleted', async () => {
  await Promise.all([1, 2, 3].map(() => ensureTrailStream(manager, 1)));
  const { config } = await manager.streams.info(TRAIL_STREAM);
  expect(config).toMatchObject({ subjects: ['trail.*'], discard: 'new', deny_delete: true, deny_purge: true });
});

test('INV-10 an event whose acknowledgement was lost is recorded once', async () => {
  let lost = 0;
  const publish: JetStreamClient['publish'] = async (...args) => {
    const ack = await client.publish(...args);
    if (lost++ === 0) throw new Error('lost');
    return ack;
  };
  const before = await stored();
  await createTrail({ publish } as JetStreamClient, 'app-1', logger).record(event);
  expect(await stored()).toBe(before + 1);
});

test('two different events of one attempt in one millisecond are both recorded', async () => {
  const before = await stored();
  const trail = createTrail(client, 'app-1', logger);
  await Promise.all([1, 2].map((n) => trail.record({ ...event, attemptId: 'b', detail: { n } })));
  expect(await stored()).toBe(before + 2);
});

test('RAD-75: what an attempt does once is recorded once, whichever replicas are asked, and however often', async () => {
  const before = await stored();
  const trails = ['app-1', 'app-2'].map((replica) => createTrail(client, replica, logger));
  const accounting = { type: 'radius.accounting', attemptId: 'c', detail: { sessionId: '7f' } };
  for (const [index, trail] of trails.entries()) await trail.record({ ...accounting, at: index }, { once: true });
  expect(await stored()).toBe(before + 1);
  await trails[0]!.record({ ...accounting, at: 2, attemptId: 'd' }, { once: true });
  expect(await stored()).toBe(before + 2);
});

test('HA-40 an event of which nobody said that it was stored is an error', async () => {
  const publish: JetStreamClient['publish'] = () => Promise.reject(new Error('timeout'));
  const record = createTrail({ publish } as JetStreamClient, 'app-1', logger).record({
    ...event,
    attemptId: 'unheard',
  });
  await expect(record).rejects.toMatchObject({ code: 'UNAVAILABLE' });
});

test('a flood fills no disk: the stream is bounded, keeps what it has, and the log says what it has not', async () => {
  const { config } = await manager.streams.info(TRAIL_STREAM);
  expect(config.max_bytes).toBeGreaterThan(0);
  const { state } = await manager.streams.update(TRAIL_STREAM, { ...config, max_bytes: 2000 });
  const trail = createTrail(client, 'app-1', logger);
  const startedAt = performance.now();
  for (let count = 0; count < 20; count += 1) await trail.record({ ...event, attemptId: `flood ${count}` });
  expect(performance.now() - startedAt, 'and nobody waits').toBeLessThan(5000);
  const now = (await manager.streams.info(TRAIL_STREAM)).state;
  expect(now.bytes).toBeLessThanOrEqual(2000);
  expect(now.first_seq).toBe(state.first_seq);
  expect(told).toEqual([expect.objectContaining({ detail: '1 not kept, the last of them challenge.refused' })]);
});
