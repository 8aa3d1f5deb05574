import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNats, type NatsServer } from '@countersign/testkit';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ensureNoncesStream, jetStreamNonces } from '../device/nonces.ts';
import { keepStreams } from './keep-streams.ts';

const folder = mkdtempSync(join(tmpdir(), 'keep-streams-'));
let nats: NatsServer;
let connection: NatsConnection;

beforeAll(async () => {
  nats = await startNats({ storeDir: folder });
  connection = await connect({ servers: nats.url, reconnectTimeWait: 50, maxReconnectAttempts: -1 });
});
afterAll(async () => {
  await connection.close();
  await nats.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('when a NATS server by itself was restarted, what is kept in memory is there again, though making it failed at first', async () => {
  const manager = await jetstreamManager(connection);
  const nonces = jetStreamNonces(jetstream(connection), manager);
  const problems: unknown[] = [];
  let made = 0;
  const make = async () => {
    made += 1;
    if (made === 1) throw new Error('not yet');
    await ensureNoncesStream(manager, 1);
  };
  await ensureNoncesStream(manager, 1);
  void keepStreams(connection, make, (error) => problems.push(error));
  expect(await nonces.claim('key', 'nonce', 'attempt')).toBe(true);
  await nats.kill();
  await nats.start();
  await expect.poll(() => nonces.claim('key', 'another', 'attempt').catch(() => false), { timeout: 20_000 }).toBe(true);
  expect(problems).toHaveLength(1);
});
