import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Check } from '@countersign/contracts';
import { startNats, type NatsServer } from '@countersign/testkit';
import { jetstream, jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ensureTrailStream } from '../audit/trail.ts';
import { ensureNoncesStream } from '../device/nonces.ts';
import { ensureDispatchStreams } from '../dispatch/streams.ts';
import { ensureIdempotencyStream } from '../idempotency/stream.ts';
import { ensureLedgerStream, UNDIVIDED } from '../ledger/partition.ts';
import { ensureRadiusStream } from '../radius/kept.ts';
import { readNatsClock } from './nats-clock.ts';
import { ensureSessionStreams } from '../session/stream.ts';
import { readStreams } from '../streams/wanted.ts';
import { checkStreams } from './stream-checks.ts';

let nats: NatsServer;
let connection: NatsConnection;
let manager: JetStreamManager;
const folder = mkdtempSync(join(tmpdir(), 'stream-checks-'));

beforeAll(async () => {
  nats = await startNats({ storeDir: folder });
  connection = await connect({ servers: nats.url });
  manager = await jetstreamManager(connection);
  await ensureLedgerStream(manager, UNDIVIDED, 1);
  await ensureTrailStream(manager, 1);
  await ensureDispatchStreams(manager, 1);
  await ensureSessionStreams(manager, 1);
  await ensureNoncesStream(manager, 1);
  await ensureRadiusStream(manager, 1);
  await ensureIdempotencyStream(manager, 1);
});
afterAll(async () => {
  await connection.drain();
  await nats.stop();
  rmSync(folder, { recursive: true, force: true });
});

const look = async () => checkStreams(await readStreams(manager, [UNDIVIDED]), [UNDIVIDED]);

test('the streams as app-server makes them are as they must be', async () => {
  const checks = await look();
  expect(checks.map(({ name, level, detail }) => `${name} ${level} ${level === 'ok' ? '' : detail}`.trim())).toEqual([
    'nats.stream.AUTH ok',
    'nats.stream.TRAIL ok',
    'nats.stream.DISPATCH ok',
    'nats.stream.LIMITS ok',
    'nats.stream.SESSIONS ok',
    'nats.stream.SIGN_INS ok',
    'nats.stream.NONCES ok',
    'nats.stream.RADIUS ok',
    'nats.stream.IDEMPOTENCY ok',
  ]);
});

test('HA-40: a ledger that throws old records away, instead of refusing new ones, is found', async () => {
  const { config } = await manager.streams.info('AUTH');
  await manager.streams.update('AUTH', { ...config, discard: 'old' });
  const [ledger] = await look();
  expect(ledger).toMatchObject({ name: 'nats.stream.AUTH', level: 'fail' });
  expect(ledger?.detail).toBe('discard is "old" and not "new"');
  await manager.streams.update('AUTH', config);
});

test('HA-42: a stream that is nearly full is told before it refuses', async () => {
  const { config } = await manager.streams.info('TRAIL');
  await manager.streams.update('TRAIL', { ...config, max_msgs: 10 });
  for (let count = 0; count < 9; count += 1) await jetstream(connection).publish('trail.test', '{}');
  expect((await look())[1]).toMatchObject({ level: 'warn', detail: '90 % full (9 of 10 messages)' });
  await jetstream(connection).publish('trail.test', '{}');
  expect((await look())[1]).toMatchObject({ level: 'fail' });
});

test('HA-42: so is one that keeps one message of each subject, and no stream that makes room by itself', async () => {
  const fill = async (stream: string): Promise<Check | undefined> => {
    const { config } = await manager.streams.info(stream);
    const [subjects = ''] = config.subjects;
    await manager.streams.update(stream, { ...config, max_msgs: 10 });
    for (let count = 0; count < 9; count += 1)
      await jetstream(connection).publish(subjects.replace('*', `test${count}`), '{}');
    const found = (await look()).find(({ name }) => name === `nats.stream.${stream}`);
    await manager.streams.purge(stream);
    await manager.streams.update(stream, config);
    return found;
  };
  const full = { level: 'warn', detail: '90 % full (9 of 10 messages)' };
  expect(await fill('NONCES')).toMatchObject(full);
  for (const stream of ['SESSIONS', 'RADIUS']) expect(await fill(stream)).toMatchObject({ level: 'ok' });
});

test('a stream that is gone is named, with what it was for', async () => {
  await manager.streams.delete('DISPATCH');
  expect((await look())[2]).toMatchObject({
    name: 'nats.stream.DISPATCH',
    level: 'fail',
    detail: 'missing: messages to be sent',
  });
});

test('HA-50: the clock of NATS is read through a stream, and a clock of ours that is off shows', async () => {
  const client = jetstream(connection);
  expect(Math.abs(await readNatsClock(client, manager, 'app server.1 *', Date.now))).toBeLessThan(500);
  const ahead = await readNatsClock(client, manager, 'app server.1 *', () => Date.now() + 60_000);
  expect(Math.abs(ahead + 60_000)).toBeLessThan(500);
  const { state } = await manager.streams.info('LIMITS');
  expect(state.messages).toBe(1);
});
