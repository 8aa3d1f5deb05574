import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgresPair, type PostgresPair } from '@countersign/testkit';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { migrate } from '../database/migrate.ts';
import { MIGRATIONS } from '../database/migrations/index.ts';
import { createRouter, type Router } from '../database/router.ts';
import { adoptLayout, WrongLayout } from './layout.ts';

const folder = mkdtempSync(join(tmpdir(), 'layout-'));
let pair: PostgresPair;
let owner: pg.Client;
let router: Router;

beforeAll(async () => {
  pair = await startPostgresPair({ dir: folder, password: 'secret', fsync: false });
  const urls = pair.nodes.map(({ url }) => url);
  await migrate(urls);
  router = createRouter({ urls, now: Date.now });
  owner = new pg.Client({ connectionString: pair.primary.url });
  await owner.connect();
});
afterEach(() => owner.query('truncate ledger_layout'));
afterAll(async () => {
  await Promise.all([owner.end(), router.close()]);
  await pair.kill();
  rmSync(folder, { recursive: true, force: true });
});

test('the first says how many streams there are; who says another number is refused with the setting to change', async () => {
  await adoptLayout(router, 3);
  await adoptLayout(router, 3);
  await expect(adoptLayout(router, 1)).rejects.toThrow(WrongLayout);
  await expect(adoptLayout(router, 1)).rejects.toThrow('Set COUNTERSIGN_LEDGER_STREAMS=3');
});

test('of two that start an installation at once with different numbers one is refused', async () => {
  const outcomes = await Promise.allSettled([1, 2, 3, 4].map((streams) => adoptLayout(router, streams)));
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});

test('an installation of a version that knew one stream keeps one', async () => {
  const statements = MIGRATIONS.find(({ name }) => name === 'ledger_streams')?.statements ?? [];
  const [adopt] = statements.filter((text) => text.startsWith('insert into ledger_layout'));
  await owner.query(adopt!);
  expect((await owner.query('select * from ledger_layout')).rows).toEqual([]);
  await owner.query(
    `insert into projection_checkpoint (stream, stream_created, sequence, at, timeline) values ('AUTH', now(), 7, now(), 1)`,
  );
  await owner.query(adopt!);
  await expect(adoptLayout(router, 3)).rejects.toThrow('Set COUNTERSIGN_LEDGER_STREAMS=1');
  await adoptLayout(router, 1);
});
