import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDatabase, startPostgres, waitUntil, type PostgresNode } from '@countersign/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrate } from '../database/migrate.ts';
import { createRouter, type Router } from '../database/router.ts';
import { recordAdministration } from './administration.ts';
import { find } from './find.ts';

const T0 = Date.UTC(2026, 10, 30, 23, 59, 59, 990);
const alice = randomUUID();
let dir: string;
let postgres: PostgresNode;
let router: Router;

/** 60 events over two months, several in each millisecond, with attempt ids as long as they may be. */
const EVENTS = Array.from({ length: 60 }, (_, n) => ({
  at: T0 + Math.floor(n / 3),
  attemptId: `${String(n).padStart(4, '0')}-${'!'.repeat(123)}`,
  type: n % 2 === 0 ? 'user.update' : 'policy.set',
  actor: 'cli',
  ...(n % 5 === 0 && { userId: alice }),
  detail: { n },
}));

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'audit-find-'));
  postgres = await startPostgres({ dir, password: 'secret', fsync: false });
  const url = await createDatabase(postgres, 'find');
  await migrate([url]);
  router = createRouter({ urls: [url], now: Date.now });
  await waitUntil(() => router.nodes().every(({ role }) => role === 'primary'));
  for (const event of EVENTS) await router.write((db) => recordAdministration(db, event));
});

afterAll(async () => {
  await router.close();
  await postgres.kill();
  rmSync(dir, { recursive: true, force: true });
});

async function pages(input: Parameters<typeof find>[1]) {
  const found: Awaited<ReturnType<typeof find>>[] = [];
  for (let after: string | undefined; ;) {
    const page = await find({ router }, { ...input, ...(after !== undefined && { after }) });
    found.push(page);
    after = page.next;
    if (after === undefined) return found;
  }
}

const numbers = (found: Awaited<ReturnType<typeof pages>>) =>
  found.flatMap(({ events }) => events.map(({ detail }) => (detail as { n: number }).n));

test.each([1, 7, 20, 60, 500])('every event is on one page of %i, newest first', async (limit) => {
  const found = await pages({ limit });
  expect(numbers(found)).toEqual(EVENTS.map((_, n) => n).toReversed());
  expect(found.every(({ events }) => events.length <= limit)).toBe(true);
});

test('by user and by type', async () => {
  const expected = EVENTS.flatMap(({ type }, n) => (type === 'user.update' && n % 5 === 0 ? [n] : [])).toReversed();
  expect(numbers(await pages({ userId: alice, type: 'user.update', limit: 4 }))).toEqual(expected);
  expect((await find({ router }, { userId: 'nobody' })).events).toEqual([]);
});

test('an event is told whole', async () => {
  const { events } = await find({ router }, { userId: alice, limit: 1 });
  const { at, attemptId } = EVENTS[55] ?? { at: 0 };
  const rest = { type: 'policy.set', userId: alice, actor: 'cli', detail: { n: 55 } };
  expect(events).toEqual([{ at: new Date(at).toISOString(), attemptId, ...rest }]);
});

test.each(['', 'x', '1.AUTH.1', '9'.repeat(16) + '.AUTH.1.a', '1.AUTH.1.a b', "1.'.1.a"])(
  'a place that was never given out is refused: %j',
  async (after) => {
    await expect(find({ router }, { after })).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
  },
);
