import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNats, type NatsServer } from '@countersign/testkit';
import { jetstream, jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { ensureIdempotencyStream } from '../idempotency/stream.ts';
import { ensureStream, StreamUnavailable } from './ensure-stream.ts';

const folder = mkdtempSync(join(tmpdir(), 'streams-'));
let nats: NatsServer;
let connection: NatsConnection;
let manager: JetStreamManager;

beforeAll(async () => {
  nats = await startNats({ storeDir: folder });
  connection = await connect({ servers: nats.url });
  manager = await jetstreamManager(connection);
});
afterAll(async () => {
  await connection.close();
  await nats.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('twenty at once make one stream, and each is told of it', async () => {
  const wanted = { name: 'ONCE', subjects: ['once.*'], num_replicas: 1 };
  const infos = await Promise.all(Array.from({ length: 20 }, () => ensureStream(manager, wanted, 'leave')));
  expect(new Set(infos.map(({ created }) => created)).size).toBe(1);
});

test('a stream that is there is left, or brought to the settings of this build; its copies stay in any case', async () => {
  const first = { name: 'KEPT', subjects: ['kept.*'], max_msgs: 5, num_replicas: 1 };
  await ensureStream(manager, first, 'leave');
  const { config: left } = await ensureStream(manager, { ...first, max_msgs: 7 }, 'leave');
  expect(left.max_msgs).toBe(5);
  const { config: updated } = await ensureStream(manager, { ...first, max_msgs: 7, num_replicas: 3 }, 'update');
  expect(updated).toMatchObject({ max_msgs: 7, num_replicas: 1 });
});

test('a stream of an earlier build that has no bound in bytes gets one, twice what it holds at least; an administrator keeps theirs', async () => {
  const before = {
    name: 'UNBOUND',
    subjects: ['unbound.*'],
    num_replicas: 1,
    max_msgs: 3,
    deny_delete: true,
    deny_purge: true,
  };
  await manager.streams.add(before);
  await jetstream(connection).publish('unbound.a', 'x'.repeat(1000));
  const wanted = { ...before, max_msgs: 9, max_bytes: 500 };
  const { config } = await ensureStream(manager, wanted, 'leave');
  expect(config.max_msgs).toBe(3);
  expect(config.max_bytes).toBeGreaterThan(2000);
  expect((await ensureStream(manager, { ...wanted, max_bytes: 5_000_000 }, 'leave')).config).toEqual(config);
});

test('a stream of which NATS cannot set all aside is named when it is made, and left as it is when it was there', async () => {
  const wanted = { name: 'VAST', subjects: ['vast.*'], num_replicas: 1, max_bytes: 2 ** 50 };
  await expect(ensureStream(manager, wanted, 'leave')).rejects.toThrow('NATS has no room for the stream VAST');
  const { max_bytes: _, ...before } = wanted;
  await manager.streams.add(before);
  await expect(ensureStream(manager, wanted, 'leave')).resolves.toMatchObject({ config: { max_bytes: -1 } });
});

test('answers to repeated requests are bounded in bytes, of an earlier build as well, and the oldest make room', async () => {
  await manager.streams.add({
    name: 'IDEMPOTENCY',
    subjects: ['idempotency.*'],
    max_msgs_per_subject: 1,
    num_replicas: 1,
  });
  await ensureIdempotencyStream(manager, 1);
  const { config } = await manager.streams.info('IDEMPOTENCY');
  expect(config).toMatchObject({ max_bytes: 1024 ** 3, discard: 'old' });
});

test('HA-22 three copies on one server are refused with the setting to change', async () => {
  const wanted = { name: 'THREE', subjects: ['three.*'], num_replicas: 3 };
  await expect(ensureStream(manager, wanted, 'leave')).rejects.toThrow(StreamUnavailable);
  await expect(ensureStream(manager, wanted, 'leave')).rejects.toThrow('COUNTERSIGN_NATS_REPLICAS is 3');
});

test('an answer that never comes is not the end: it is looked again whether the stream is there', async () => {
  const add = vi.spyOn(manager.streams, 'add').mockRejectedValueOnce(new Error('timeout'));
  const wanted = { name: 'LATE', subjects: ['late.*'], num_replicas: 1 };
  await expect(ensureStream(manager, wanted, 'leave')).resolves.toMatchObject({ config: { name: 'LATE' } });
  expect(add).toHaveBeenCalledTimes(2);
  add.mockRestore();
});

test('HA-22 a server without JetStream is named as such', async () => {
  const refusal = Object.assign(new Error('jetstream is not enabled'), { name: 'JetStreamNotEnabled' });
  const info = vi.spyOn(manager.streams, 'info').mockRejectedValue(refusal);
  const wanted = { name: 'NONE', subjects: ['none.*'], num_replicas: 1 };
  await expect(ensureStream(manager, wanted, 'leave')).rejects.toThrow('runs without JetStream');
  info.mockRestore();
});
