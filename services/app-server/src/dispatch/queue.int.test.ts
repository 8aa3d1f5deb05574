import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createMetrics, noTracing } from '@countersign/telemetry';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loadKeyRing, SealBroken } from '../keys/ring.ts';
import { openJob, sealJob } from './job.ts';
import { createDispatcher, type Dispatcher } from './queue.ts';
import { DISPATCH, ensureDispatchStreams } from './streams.ts';
import { startWorld, type World } from './testing/world.ts';

let world: World;
let dispatcher: Dispatcher;
beforeAll(async () => {
  world = await startWorld('queue');
});
afterAll(() => world.stop());
beforeEach(async () => {
  await ensureDispatchStreams(world.connection.manager, 1);
  dispatcher = await newDispatcher();
});
afterEach(() => world.clear());

async function newDispatcher(deadlineMs?: number): Promise<Dispatcher> {
  const { nats } = await world.nats.connect();
  const metrics = createMetrics({ service: 'test', replica: 'r', processMetrics: false });
  return createDispatcher({
    nats,
    ring: world.ring,
    metrics,
    tracing: noTracing,
    ...(deadlineMs !== undefined && { deadlineMs }),
  });
}
const state = async () => (await world.connection.manager.streams.info(DISPATCH)).state;

/** Every byte that the NATS server wrote to its disk. */
async function disk(): Promise<string> {
  const entries = await readdir(join(world.nats.storeDir, 'jetstream'), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return (await Promise.all(files.map((file) => readFile(file, 'latin1')))).join('\n');
}

describe('the queue', () => {
  test('HA-61: handing the same message over again, also by another replica at the same time, stores it once', async () => {
    const other = await newDispatcher();
    const message = world.message();
    await Promise.all(Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? dispatcher : other).hand(message)));
    expect((await state()).messages).toBe(1);
  });

  test('what was acknowledged is there after the NATS server was killed', async () => {
    await Promise.all(Array.from({ length: 50 }, () => dispatcher.hand(world.message())));
    await world.nats.server.kill();
    await world.nats.server.start();
    await world.startReplica();
    await world.isSettled();
    expect(new Set(world.gateways.a.taken.map(({ text }) => text)).size).toBe(50);
  });

  test('a hand-over rides out a restart of the NATS server', async () => {
    await world.nats.server.kill();
    const message = world.message();
    const handed = dispatcher.hand(message);
    await world.nats.server.start();
    await handed;
    expect((await state()).messages).toBe(1);
  });

  test('R6, R26: no answer in time is UNAVAILABLE with a time to come back', async () => {
    const hasty = await newDispatcher(700);
    await world.nats.server.kill();
    const begun = performance.now();
    const refusal = hasty.hand(world.message());
    await expect(refusal).rejects.toMatchObject({ code: 'UNAVAILABLE', retryAfterSeconds: 2 });
    expect(performance.now() - begun).toBeLessThan(4000);
    await world.nats.server.start();
  });

  test('R26: a full queue says so at once, and takes messages again when there is room', async () => {
    const { manager } = world.connection;
    await manager.streams.update(DISPATCH, { max_msgs: 3 });
    for (let n = 0; n < 3; n++) await dispatcher.hand(world.message());
    const begun = performance.now();
    await expect(dispatcher.hand(world.message())).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      retryAfterSeconds: 10,
    });
    expect(performance.now() - begun).toBeLessThan(1000);
    await world.startReplica();
    await world.isSettled();
    await dispatcher.hand(world.message());
  });
});

describe('KEY-10, INV-16: nothing readable in NATS', () => {
  test('neither code nor number nor text nor user, on the wire or on disk', async () => {
    const message = world.message({ code: '8341907265', phone: '+37129876543', application: 'Canary Portal' });
    await dispatcher.hand(message);
    const bytes = await disk();
    expect(bytes).toContain(message.messageId);
    for (const secret of ['8341907265', '37129876543', '29876543', 'Canary Portal', message.userId]) {
      expect(bytes).not.toContain(secret);
      expect(bytes).not.toContain(Buffer.from(secret).toString('base64').replace(/=+$/, ''));
    }
  });

  test('a decoy, a code of ten digits and one of six have the same length', () => {
    const { phone: _, ...decoy } = world.message();
    const lengths = [world.message(), world.message({ code: '0123456789' }), decoy].map(
      (message) => sealJob(world.ring, message).length,
    );
    expect(new Set(lengths).size).toBe(1);
  });

  test('a job cannot be passed off as another, nor read with another key', () => {
    const message = world.message();
    const sealed = sealJob(world.ring, message);
    expect(openJob(world.ring, message.messageId, sealed)).toMatchObject({ code: message.code, phone: message.phone });
    expect(() => openJob(world.ring, 'other:1', sealed)).toThrow(SealBroken);
    const stranger = loadKeyRing(`k1:${randomBytes(32).toString('base64')}`);
    expect(() => openJob(stranger, message.messageId, sealed)).toThrow(SealBroken);
  });

  test('an acknowledged message is gone', async () => {
    await world.startReplica();
    await dispatcher.hand(world.message());
    await world.isSettled();
    expect((await state()).messages).toBe(0);
  });
});
