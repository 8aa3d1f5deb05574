import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { createMetrics, noTracing } from '@countersign/telemetry';
import { startProcess, waitUntil, type RunningProcess } from '@countersign/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ensureTrailStream } from '../audit/trail.ts';
import { loadKeyRing } from '../keys/ring.ts';
import type { Message } from './job.ts';
import { createDispatcher, type Dispatcher } from './queue.ts';
import { DISPATCH, ensureDispatchStreams, LIMITS } from './streams.ts';
import { startFakeCarrier, type FakeCarrier } from './testing/fake-carrier.ts';
import { isWorkedOff, startTestNats, type TestConnection, type TestNats } from './testing/nats.ts';

const KEY_RING = `k1:${randomBytes(32).toString('base64')}`;
const ACK_WAIT_MS = 1500;

let nats: TestNats;
let connection: TestConnection;
let fake: FakeCarrier;
let dispatcher: Dispatcher;
const replicas: RunningProcess[] = [];
let count = 0;

beforeAll(async () => {
  nats = await startTestNats('crash');
  connection = await nats.connect();
  fake = await startFakeCarrier({ user: '', password: '', token: 'bearer-token' });
  await ensureTrailStream(connection.manager, 1);
  const metrics = createMetrics({ service: 'test', replica: 'r', processMetrics: false });
  dispatcher = createDispatcher({ nats: connection.nats, ring: loadKeyRing(KEY_RING), metrics, tracing: noTracing });
});
afterAll(async () => {
  await fake.stop();
  await nats.stop();
});

beforeEach(async () => {
  fake.behave('accept');
  fake.taken.length = 0;
  await ensureDispatchStreams(connection.manager, 1);
});
afterEach(async () => {
  await Promise.all(replicas.splice(0).map((replica) => replica.kill()));
  for (const stream of [DISPATCH, LIMITS]) await connection.manager.streams.delete(stream);
});

async function startReplica(crashAt = ''): Promise<RunningProcess> {
  const replica = await startProcess({
    name: `replica-${replicas.length}`,
    command: process.execPath,
    args: ['--conditions=source', fileURLToPath(new URL('testing/worker-process.ts', import.meta.url))],
    env: {
      ...process.env,
      NATS_URL: nats.server.url,
      CARRIER_URL: `${fake.url}/send`,
      KEY_RING,
      CRASH_AT: crashAt,
      ACK_WAIT_MS: String(ACK_WAIT_MS),
    },
  });
  replicas.push(replica);
  await waitUntil(() => replica.tail().includes('ready'), { what: 'the worker to pull' });
  return replica;
}

function message(): Message {
  count += 1;
  const challengeId = `challenge-${count}`;
  return {
    messageId: `${challengeId}:1`,
    channel: 'sms',
    phone: '+37120000012',
    code: String(100_000 + count),
    application: 'Intranet',
    language: 'en',
    originHost: null,
    texts: {},
    carriers: [],
    limits: { prefixes: [], perNumberHour: 100, perNumberDay: 100, perPrefixHour: 100, perDay: 100 },
    expiresAt: Date.now() + 300_000,
    userId: '1b4e28ba-2fa1-4d9a-8f1c-0c2d7f3a9e11',
    challengeId,
  };
}

const waiting = async () => (await connection.manager.streams.info(DISPATCH)).state.messages;
const isSettled = () =>
  waitUntil(() => isWorkedOff(connection.manager), { timeoutMs: 15_000, what: 'all messages to be settled' });
const died = (replica: RunningProcess) => waitUntil(() => !replica.running, { what: 'the replica to die' });

/** Every text of the message: how many, and that they say the same. */
function texts({ code }: Message): number {
  const mine = fake.taken.filter(({ text }) => text.startsWith(code));
  expect(mine).toHaveLength(fake.taken.length);
  expect(new Set(mine.map(({ text }) => text)).size).toBeLessThanOrEqual(1);
  return mine.length;
}

describe('HA-61: a replica is killed with a message in hand; another one takes over', () => {
  test.each([
    ['as soon as it was delivered', 'delivered', 1],
    ['before it claimed the send', 'opened', 1],
    ['after the claim, before the send', 'claimed', 1],
    ['on its way to the carrier', 'sending', 1],
    ['after the answer, before the acknowledgement', 'answered', 2],
    ['after the acknowledgement, before the audit', 'acknowledged', 1],
    ['at the very end', 'recorded', 1],
  ])('%s: %s, %i text(s)', async (_, moment, expected) => {
    const first = await startReplica(moment);
    const sent = message();
    await dispatcher.hand(sent);
    await died(first);
    await startReplica();
    await isSettled();
    expect(texts(sent)).toBe(expected);
  });

  test('while the carrier has it: two texts with one code', async () => {
    fake.behave('acceptAndHang');
    const first = await startReplica();
    const sent = message();
    await dispatcher.hand(sent);
    await waitUntil(() => fake.taken.length === 1);
    await first.kill();
    fake.behave('accept');
    await startReplica();
    await isSettled();
    expect(texts(sent)).toBe(2);
  });

  test('each that takes it over is killed after the answer: never a third text', async () => {
    const sent = message();
    for (let n = 0; n < 2; n++) {
      const replica = await startReplica('answered');
      if (n === 0) await dispatcher.hand(sent);
      await died(replica);
    }
    expect(texts(sent)).toBe(2);
    await startReplica();
    await isSettled();
    expect(texts(sent)).toBe(2);
  });

  test('killed before the send again and again: nothing is lost', async () => {
    const sent = message();
    for (let n = 0; n < 2; n++) {
      const replica = await startReplica('opened');
      if (n === 0) await dispatcher.hand(sent);
      await died(replica);
    }
    await startReplica();
    await isSettled();
    expect(texts(sent)).toBe(1);
  });

  test('killed before anybody took it: nothing is lost', async () => {
    const sent = message();
    await dispatcher.hand(sent);
    await dispatcher.hand(sent);
    expect(await waiting()).toBe(1);
    await startReplica();
    await isSettled();
    expect(texts(sent)).toBe(1);
  });
});

describe('HA-61: a replica stands still (SIGSTOP) and comes back when another has sent', () => {
  test.each(['delivered', 'claimed', 'answered'])('%s: two texts at most, one code', async (moment) => {
    const first = await startReplica(`stall:${moment}`);
    const sent = message();
    await dispatcher.hand(sent);
    await startReplica();
    // The second can be faster than the stalled one and take the message first: then there is nothing to stall.
    await isSettled();
    first.resume();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(texts(sent)).toBeGreaterThanOrEqual(1);
    expect(texts(sent)).toBeLessThanOrEqual(2);
  });
});

test('HA-61: the NATS server is killed between the send and the acknowledgement: two texts at most, one code', async () => {
  await startReplica('stall:answered');
  const sent = message();
  await dispatcher.hand(sent);
  await waitUntil(() => fake.taken.length === 1);
  await nats.server.kill();
  await nats.server.start();
  replicas[0]?.resume();
  await isSettled();
  expect(texts(sent)).toBeLessThanOrEqual(2);
});
