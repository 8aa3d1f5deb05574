import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startNats, type NatsServer } from '@countersign/testkit';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { INITIAL_STATE, type UserState } from '../challenge/state.ts';
import { LedgerContinuity } from './continuity.ts';
import { jetStreamLog } from './jetstream-log.ts';
import { Ledger } from './ledger.ts';
import type { UserLog } from './log.ts';
import type { LedgerRecord } from './record.ts';
import { STATE_FORMS } from './state-form.ts';
import { SETTLED } from './testing/settled.ts';
import { ensureLedgerStream, UNDIVIDED } from './partition.ts';

const TIMEOUT_MS = 1000;
const folder = mkdtempSync(join(tmpdir(), 'jetstream-log-'));
let nats: NatsServer;
/** Two replicas, each with a connection of its own. */
let connections: NatsConnection[];
let logs: UserLog[];

beforeAll(async () => {
  nats = await startNats({ storeDir: folder });
  const connecting = () => connect({ servers: nats.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  connections = await Promise.all([connecting(), connecting()]);
  logs = await Promise.all(
    connections.map(async (connection) => {
      const manager = await jetstreamManager(connection, { timeout: TIMEOUT_MS });
      await ensureLedgerStream(manager, UNDIVIDED, 1);
      return jetStreamLog(jetstream(connection, { timeout: TIMEOUT_MS }), manager, UNDIVIDED, SETTLED);
    }),
  );
});
afterAll(async () => {
  await Promise.all(connections.map((connection) => connection.close()));
  await nats.kill();
  rmSync(folder, { recursive: true, force: true });
});

const log = (replica = 0): UserLog => logs[replica] ?? logs[0]!;

function recordOf(attemptId: string, state: UserState = INITIAL_STATE): LedgerRecord {
  const event = { type: 'user.blocked', reason: attemptId, by: 'test', at: Date.now() } as const;
  return { attemptId, event, state, floorAt: 0, before: [], replica: 'test' };
}

function ledgerOn(userLog: UserLog): Ledger {
  const continuity = new LedgerContinuity({ now: Date.now, uptime: () => performance.now(), onLoss: () => {} });
  continuity.check(0, 0, Infinity);
  return new Ledger({
    log: userLog,
    continuity,
    projected: () => Promise.resolve(undefined),
    replica: 'test',
    now: Date.now,
    random: Math.random,
    sleep: (ms) => sleep(ms),
  });
}

test('what was appended is read back, by its place, as the newest, and as the next after another', async () => {
  const userId = crypto.randomUUID();
  expect(await log().last(userId)).toBeUndefined();
  const places: number[] = [];
  for (const attemptId of ['one', 'two']) {
    const appended = await log().append(userId, recordOf(attemptId), places.at(-1) ?? 0);
    if (appended.outcome !== 'stored') throw new Error(appended.outcome);
    places.push(appended.sequence);
  }
  const [one = 0, two = 0] = places;
  for (const newest of [await log(1).last(userId), await log(1).lastFromLeader(userId)]) {
    expect(newest).toMatchObject({ sequence: two, record: { attemptId: 'two' } });
  }
  expect(await log(1).at(userId, one)).toMatchObject({ sequence: one, record: { attemptId: 'one' } });
  expect(await log(1).successor(userId, one)).toMatchObject({ sequence: two, record: { attemptId: 'two' } });
  expect(await log(1).successor(userId, two)).toBeUndefined();
});

test('HA-10 an append for a place that is taken is refused, and changes nothing', async () => {
  const userId = crypto.randomUUID();
  const outcomes = await Promise.all([0, 1].map((n) => log(n).append(userId, recordOf(`writer ${n}`), 0)));
  expect(outcomes.map(({ outcome }) => outcome).toSorted()).toEqual(['stored', 'taken']);
  const newest = await log().lastFromLeader(userId);
  expect(await log(1).append(userId, recordOf('late'), (newest?.sequence ?? 0) - 1)).toEqual({ outcome: 'taken' });
  expect(await log().lastFromLeader(userId)).toEqual(newest);
});

test('HA-15 fifty writers on one user: none overwrites another, and who did not come through is told so', async () => {
  const userId = crypto.randomUUID();
  const ledgers = logs.map((each) => ledgerOn(each));
  const count = (state: UserState) => Number(state.blocked?.reason ?? 0);
  const outcomes = await Promise.allSettled(
    Array.from({ length: 50 }, (_, n) =>
      ledgers[n % 2]!.act(
        userId,
        `attempt ${n}`,
        (state) => ({ append: { type: 'user.blocked', reason: String(count(state) + 1), by: 'test' } }),
        { deadline: Date.now() + 8000 },
      ),
    ),
  );
  const stored = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [count(outcome.value.state)] : []));
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'UNAVAILABLE' });
  }
  expect(stored.length).toBeGreaterThan(5);
  expect(stored.toSorted((a, b) => a - b)).toEqual(stored.map((_, index) => index + 1));
  expect(count((await ledgers[0]!.peek(userId)) ?? INITIAL_STATE)).toBe(stored.length);
});

test('an append that NATS does not acknowledge is of unknown outcome; asked again afterwards it is there once', async () => {
  const userId = crypto.randomUUID();
  const ledger = ledgerOn(log());
  nats.pause();
  expect(await log().append(userId, recordOf('alone'), 0)).toEqual({ outcome: 'unknown' });
  const decide = () => ({ append: { type: 'user.blocked', reason: 'x', by: 'test' } }) as const;
  const acting = ledger.act(userId, 'attempt', decide, { deadline: Date.now() + 8000 });
  nats.resume();
  const recorded = await acting;
  const chain: string[] = [];
  for (let sequence = 0; ;) {
    const next = await log(1).successor(userId, sequence);
    if (next === undefined) break;
    chain.push(next.record.attemptId);
    sequence = next.sequence;
  }
  expect(chain.filter((attemptId) => attemptId === 'attempt')).toHaveLength(1);
  expect(recorded.event).toMatchObject({ type: 'user.blocked', reason: 'x' });
});

test('a record of a version that this build does not know is thrown, not decided on', async () => {
  const userId = crypto.randomUUID();
  const version = (STATE_FORMS.at(-1)?.version ?? 0) + 1;
  const future = { ...recordOf('future'), state: { ...INITIAL_STATE, version } };
  await jetstream(connections[0]!).publish(`auth.${userId}`, JSON.stringify(future));
  await expect(log().last(userId)).rejects.toThrow(`unknown version ${version}`);
  const decide = () => {
    throw new Error('decided');
  };
  await expect(ledgerOn(log()).act(userId, 'a', decide, { deadline: Date.now() + 5000 })).rejects.toMatchObject({
    code: 'UNAVAILABLE',
  });
});
