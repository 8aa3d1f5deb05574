import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createMetrics } from '@countersign/telemetry';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadKeyRing } from '../keys/ring.ts';
import { createBudgets, DAY_SHARDS, type MessageLimits, type Reserved, type SendBudgets } from './budget.ts';
import { createLimitStore } from './limit-store.ts';
import { ensureDispatchStreams, LIMITS } from './streams.ts';
import { startTestNats, type TestNats } from './testing/nats.ts';

const HOUR = 3_600_000;
const NOW = 1_800_000_000_000;
const ring = loadKeyRing(`k1:${randomBytes(32).toString('base64')}`);
const PLENTY: MessageLimits = {
  prefixes: [],
  perNumberHour: 1000,
  perNumberDay: 1000,
  perPrefixHour: 100_000,
  perDay: 100_000,
};

let nats: TestNats;
beforeAll(async () => {
  nats = await startTestNats('budget');
});
afterAll(() => nats.stop());

async function replica(options: { deadlineMs?: number } = {}): Promise<SendBudgets> {
  const { jetstream, manager } = await nats.connect();
  const store = createLimitStore({ jetstream, manager, randomBytes, ...options });
  return createBudgets({
    store,
    ring,
    randomBytes,
    metrics: createMetrics({ service: 'test', replica: 'r', processMetrics: false }),
  });
}

/** Every test spends from empty budgets. */
async function fresh(replicas: number): Promise<SendBudgets[]> {
  const { manager } = await nats.connect();
  await ensureDispatchStreams(manager, 1);
  await manager.streams.purge(LIMITS);
  return Promise.all(Array.from({ length: replicas }, () => replica()));
}

/** `count` messages at once, dealt out to the replicas in turn. */
function storm(
  replicas: SendBudgets[],
  count: number,
  limits: MessageLimits,
  phone: (n: number) => string,
): Promise<Reserved[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, n) => {
      const budgets = replicas[n % replicas.length];
      if (budgets === undefined) throw new Error('no replica');
      return budgets.reserve(phone(n), limits, NOW + n);
    }),
  );
}
const numbered = (n: number) => `+371200${String(10_000 + n)}`;

function tally(outcomes: Reserved[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const outcome of outcomes) {
    const key = outcome.ok ? 'ok' : outcome.reason;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

test('codes and notices of a number keep each other back in nothing, and mail is counted by itself', async () => {
  const [budgets] = await fresh(1);
  const limits = { prefixes: [], perNumberHour: 2, perNumberDay: 5, perPrefixHour: 1000, perDay: 1000 };
  const phone = numbered(1);
  const seen: boolean[] = [];
  for (const target of [
    phone,
    phone,
    phone,
    { notice: phone },
    { notice: phone },
    { notice: phone },
    { mail: 'alice' },
  ]) {
    seen.push((await budgets!.reserve(target, limits, NOW)).ok);
  }
  expect(seen).toEqual([true, true, false, true, true, false, true]);
});

describe('INV-15, R23, TEL-42: replicas that send at the same time never exceed a budget, and use it up', () => {
  test('per number and hour', async () => {
    const replicas = await fresh(4);
    const outcomes = await storm(replicas, 80, { ...PLENTY, perNumberHour: 5 }, () => '+37120000012');
    expect(tally(outcomes)).toEqual({ ok: 5, number_hour: 75 });
  });

  test('per number and day, spread over hours', async () => {
    const [budgets] = await fresh(1);
    const limits = { ...PLENTY, perNumberHour: 5, perNumberDay: 10 };
    const outcomes: Reserved[] = [];
    for (let hour = 0; hour < 24; hour++) {
      for (let n = 0; n < 2; n++)
        outcomes.push((await budgets?.reserve('+37120000012', limits, NOW + hour * HOUR)) as Reserved);
    }
    expect(tally(outcomes)).toEqual({ ok: 10, number_day: 38 });
    expect(await budgets?.reserve('+37120000012', limits, NOW + 25 * HOUR)).toEqual({ ok: true });
    expect(await budgets?.reserve('+37120000013', limits, NOW)).toEqual({ ok: true });
  });

  test('per person, over many numbers that they name', async () => {
    const replicas = await fresh(4);
    const limits = { ...PLENTY, perNumberHour: 5, perNumberDay: 7 };
    const reserve = (n: number, now: number, person: string) =>
      replicas[n % 4]!.reserve(numbered(n), limits, now, person);
    const storms: Reserved[] = await Promise.all(Array.from({ length: 50 }, (_, n) => reserve(n, NOW, 'mallory')));
    expect(tally(storms)).toEqual({ ok: 5, person_hour: 45 });
    const later = NOW + 2 * HOUR;
    const next = await Promise.all(Array.from({ length: 5 }, (_, n) => reserve(n, later, 'mallory')));
    expect(tally(next)).toEqual({ ok: 2, person_day: 3 });
    expect(await reserve(0, later, 'alice')).toEqual({ ok: true });
  });

  test('what is refused at the number is given back to the person', async () => {
    const [budgets] = await fresh(1);
    const limits = { ...PLENTY, perNumberHour: 2 };
    await budgets?.reserve('+37120000012', limits, NOW);
    await budgets?.reserve('+37120000012', limits, NOW);
    for (let n = 0; n < 5; n++) {
      const refused = await budgets?.reserve('+37120000012', limits, NOW, 'alice');
      expect(refused).toMatchObject({ reason: 'number_hour' });
    }
    expect(await budgets?.reserve('+37120000013', limits, NOW, 'alice')).toEqual({ ok: true });
  });

  test('per country and hour, over many numbers', async () => {
    const replicas = await fresh(3);
    const outcomes = await storm(replicas, 150, { ...PLENTY, perPrefixHour: 40 }, numbered);
    expect(tally(outcomes)).toEqual({ ok: 40, prefix_hour: 110 });
    expect(await replicas[0]?.reserve('+4915112345678', { ...PLENTY, perPrefixHour: 40 }, NOW)).toEqual({ ok: true });
  });

  test.each([3, DAY_SHARDS * 5 + 3])('per day overall, %i in eight shards', async (perDay) => {
    const replicas = await fresh(3);
    const outcomes = await storm(replicas, perDay + 40, { ...PLENTY, perDay }, numbered);
    expect(tally(outcomes)).toEqual({ ok: perDay, day: 40 });
  });

  test('what a refused message took is given back', async () => {
    const [budgets] = await fresh(1);
    const tight = { ...PLENTY, perNumberHour: 2, perPrefixHour: 1 };
    expect(await budgets?.reserve('+37120000012', tight, NOW)).toEqual({ ok: true });
    for (let n = 0; n < 5; n++) {
      expect(await budgets?.reserve('+37120000013', tight, NOW)).toMatchObject({ reason: 'prefix_hour' });
    }
    const wide = { ...tight, perPrefixHour: 100, perDay: DAY_SHARDS };
    const outcomes: Reserved[] = [];
    for (let n = 0; n < 3; n++) outcomes.push((await budgets?.reserve('+37120000013', wide, NOW)) as Reserved);
    expect(tally(outcomes)).toEqual({ ok: 2, number_hour: 1 });
  });

  test('a number over its budget takes nothing from the others', async () => {
    const [budgets] = await fresh(1);
    const limits = { ...PLENTY, perNumberHour: 1, perPrefixHour: 2, perDay: 2 };
    await budgets?.reserve('+37120000012', limits, NOW);
    for (let n = 0; n < 20; n++) await budgets?.reserve('+37120000012', limits, NOW);
    expect(await budgets?.reserve('+37120000013', limits, NOW)).toEqual({ ok: true });
  });

  test("a decoy has a budget per name as a number has, and spends nobody else's", async () => {
    const [budgets] = await fresh(1);
    const limits = { ...PLENTY, perNumberHour: 2, perPrefixHour: 1, perDay: 1, prefixes: ['+371'] };
    const outcomes: Reserved[] = [];
    for (let n = 0; n < 3; n++) outcomes.push((await budgets?.reserve({ decoy: 'u1' }, limits, NOW)) as Reserved);
    expect(tally(outcomes)).toEqual({ ok: 2, number_hour: 1 });
    expect(await budgets?.reserve('+37120000012', limits, NOW)).toEqual({ ok: true });
    // The same as a real number fares now.
    expect(await budgets?.reserve({ decoy: 'u2' }, limits, NOW)).toMatchObject({ ok: false });
    expect(await budgets?.reserve('+37120000013', limits, NOW)).toMatchObject({ ok: false });
  });

  test('TEL-41: a destination that is not allowed costs no budget', async () => {
    const [budgets] = await fresh(1);
    expect(await budgets?.reserve('+881612345678', PLENTY, NOW)).toMatchObject({ reason: 'destination_special' });
    expect(await budgets?.reserve('+4915112345678', { ...PLENTY, prefixes: ['+371'] }, NOW)).toMatchObject({
      reason: 'destination_not_allowed',
    });
    const { manager } = await nats.connect();
    expect((await manager.streams.info(LIMITS)).state.messages).toBe(0);
  });

  test('R24: the stream holds no number, neither in a subject nor in a record', async () => {
    const [budgets] = await fresh(1);
    await budgets?.reserve('+37120000099', PLENTY, NOW);
    const files = await readdir(join(nats.storeDir, 'jetstream'), { recursive: true, withFileTypes: true });
    const texts = await Promise.all(
      files.filter((file) => file.isFile()).map((file) => readFile(join(file.parentPath, file.name), 'latin1')),
    );
    expect(texts.join('')).toContain('limits.number.');
    expect(texts.join('')).not.toContain('37120000099');
    expect(texts.join('')).not.toContain('20000099');
  });

  test('R6: without NATS nothing is reserved; the answer is UNAVAILABLE, in time, and budgets hold afterwards', async () => {
    await fresh(1);
    const hasty = await replica({ deadlineMs: 500 });
    const limits = { ...PLENTY, perNumberHour: 2 };
    expect(await hasty.reserve('+37120000012', limits, NOW)).toEqual({ ok: true });
    await nats.server.kill();
    const begun = performance.now();
    await expect(hasty.reserve('+37120000012', limits, NOW)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(performance.now() - begun).toBeLessThan(4000);
    await nats.server.start();
    const again = await replica();
    const outcomes = await Promise.all(Array.from({ length: 5 }, () => again.reserve('+37120000012', limits, NOW)));
    expect(tally(outcomes)['ok'] ?? 0).toBeLessThanOrEqual(1);
  });
});
