import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDatabase, startPostgres, waitUntil, type PostgresNode } from '@countersign/testkit';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { migrate } from '../database/migrate.ts';
import { createRouter, type Router } from '../database/router.ts';
import { adoptLayout } from '../ledger/layout.ts';
import { FIRST_RELEASE, RELEASE, WrongRelease } from './release.ts';
import { SettledRelease } from './settled.ts';

const folder = mkdtempSync(join(tmpdir(), 'settled-'));
let node: PostgresNode;
let url: string;
let owner: pg.Client;
let router: Router;
let databases = 0;
let problems: unknown[];

beforeAll(async () => {
  node = await startPostgres({ dir: folder, password: 'secret', fsync: false });
});
beforeEach(async () => {
  problems = [];
  url = await createDatabase(node, `settled_${(databases += 1)}`);
  owner = new pg.Client({ connectionString: url });
  await owner.connect();
  await migrate([url]);
  router = createRouter({ urls: [url], now: Date.now });
});
afterEach(() => Promise.all([owner.end(), router.close()]));
afterAll(async () => {
  await node.kill();
  rmSync(folder, { recursive: true, force: true });
});

async function started(): Promise<SettledRelease> {
  const settled = new SettledRelease(router, (error) => problems.push(error));
  await settled.start();
  return settled;
}

function fits(settled: SettledRelease): boolean {
  try {
    settled.assertFits();
    return true;
  } catch {
    return false;
  }
}

test('a new installation is settled on the release that began it', async () => {
  await adoptLayout(router, 1);
  const settled = await started();
  expect([settled.number, fits(settled)]).toEqual([RELEASE, true]);
  settled.stop();
});

test('one that the first release began is settled on that, until it is finalized', async () => {
  await owner.query('insert into ledger_layout (streams) values (1)');
  const settled = await started();
  expect([settled.number, fits(settled)]).toEqual([FIRST_RELEASE, true]);
  await owner.query('update ledger_layout set release = $1', [RELEASE]);
  await waitUntil(() => settled.number === RELEASE, { what: 'it to be read again', timeoutMs: 10_000 });
  settled.stop();
});

test('a replica whose release is over leaves its work, and one does not start', async () => {
  await adoptLayout(router, 1);
  const settled = await started();
  await owner.query('update ledger_layout set release = $1', [RELEASE + 1]);
  await waitUntil(() => !fits(settled), { what: 'it to notice', timeoutMs: 10_000 });
  expect(() => settled.assertFits()).toThrow('Start the version that the other app-servers run');
  await waitUntil(() => problems.length > 0, { what: 'it to say so', timeoutMs: 10_000 });
  expect(problems[0]).toBeInstanceOf(WrongRelease);
  settled.stop();
  await expect(started()).rejects.toThrow(WrongRelease);
});

test('what it once heard, a standby that is behind does not take back', async () => {
  await adoptLayout(router, 1);
  const settled = await started();
  await owner.query('update ledger_layout set release = null');
  await settled.refresh();
  expect(settled.number).toBe(RELEASE);
  settled.stop();
});

test('a build whose release is over changes nothing in the schema', async () => {
  await adoptLayout(router, 1);
  await owner.query('update ledger_layout set release = $1', [RELEASE + 1]);
  const further = { number: 99, name: 'further', statements: ['create table further (a int)'] };
  await expect(migrate([url], [further])).rejects.toThrow(WrongRelease);
  expect((await owner.query(`select to_regclass('further') as found`)).rows).toEqual([{ found: null }]);
  await owner.query('update ledger_layout set release = $1', [RELEASE]);
  expect(await migrate([url], [further])).toEqual({ applied: ['0099_further'] });
});
