import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDatabase, startPostgres, type PostgresNode } from '@countersign/testkit';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { assertSchema, migrate, pendingMigrations } from './migrate.ts';
import { MIGRATIONS } from './migrations/index.ts';
import { createRouter } from './router.ts';

let dir: string;
let node: PostgresNode;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'migrate-'));
  node = await startPostgres({ dir, password: 'secret', fsync: false });
});
afterAll(async () => {
  await node.kill();
  rmSync(dir, { recursive: true, force: true });
});

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

test('replicas that start together apply each migration once, and a later start applies nothing', async () => {
  const url = await createDatabase(node, 'together');
  const runs = await Promise.all([migrate([url]), migrate([url]), migrate([url])]);
  // Which run applied which, nobody knows.
  expect(runs.flatMap(({ applied }) => applied).toSorted()).toEqual(
    MIGRATIONS.map(({ name, number }) => `${String(number).padStart(4, '0')}_${name}`),
  );
  expect(await migrate([url])).toEqual({ applied: [] });
});

test('numbers run from 1 without gaps', () => {
  expect(MIGRATIONS.map(({ number }) => number)).toEqual(MIGRATIONS.map((_, index) => index + 1));
});

test('a migration that was edited after it was applied is refused', async () => {
  const url = await createDatabase(node, 'edited');
  await migrate([url], [{ number: 1, name: 'one', statements: ['create table a (b int)'] }]);
  const edited = migrate([url], [{ number: 1, name: 'one', statements: ['create table a (b bigint)'] }]);
  await expect(edited).rejects.toThrow('Migrations are never edited');
});

test('nothing stays of a migration that fails half-way', async () => {
  const url = await createDatabase(node, 'half');
  const half = { number: 1, name: 'half', statements: ['create table a (b int)', 'create table a (b int)'] };
  await expect(migrate([url], [half])).rejects.toThrow('already exists');
  await withClient(url, async (client) => {
    expect((await client.query(`select to_regclass('a') as found`)).rows).toEqual([{ found: null }]);
    expect((await client.query('select * from schema_migration')).rows).toEqual([]);
  });
});

test('a replica sees which migrations are missing', async () => {
  const url = await createDatabase(node, 'pending');
  await migrate([url], [{ number: 99, name: 'of-the-next-version', statements: [] }]);
  const router = createRouter({ urls: [url], now: Date.now });
  expect(await pendingMigrations(router)).toContain('0001_foundation');
  await migrate([url]);
  expect(await pendingMigrations(router)).toEqual([]);
  await router.close();
});

test('a replica refuses to serve on a schema that lacks a migration, and waits for one that is on its way', async () => {
  const url = await createDatabase(node, 'lacking');
  const router = createRouter({ urls: [url], now: Date.now });
  await expect(assertSchema(router, 200)).rejects.toThrow('lacks 0001_foundation');
  const waiting = assertSchema(router);
  await migrate([url]);
  await waiting;
  await router.write((db) => db.updateTable('schema_migration').set({ checksum: 'other' }).execute());
  await expect(assertSchema(router, 200)).rejects.toThrow('in another form');
  await router.close();
});

test('every constraint and index has a name of ours', async () => {
  const url = await createDatabase(node, 'names');
  await migrate([url]);
  await withClient(url, async (client) => {
    const { rows } = await client.query<{ name: string; table: string }>(
      `select conname as name, conrelid::regclass::text as table from pg_constraint
         where connamespace = 'public'::regnamespace and contype <> 'n'
       union select indexname, tablename from pg_indexes where schemaname = 'public'`,
    );
    expect(rows.length).toBeGreaterThan(20);
    for (const { name, table } of rows) expect(name.startsWith(`${table}_`), `${name} on ${table}`).toBe(true);
    // Postgres ends the names it makes up itself with these, and numbers the second of a kind.
    for (const { name } of rows) expect(name).not.toMatch(/_(check|not_null|key|fkey|idx)\d+$|_check$/);
  });
});

test('APP-30: audit rows can be added and neither changed, deleted nor truncated, by the owner either', async () => {
  const url = await createDatabase(node, 'append_only');
  await migrate([url]);
  await withClient(url, async (client) => {
    await client.query(`select audit_event_make_month('2026-11-23'), audit_event_make_month('2026-11-01')`);
    await client.query(
      `insert into audit_event (at, stream, sequence, attempt_id, type, detail)
       values ('2026-11-30T23:59:59.999Z', 'AUTH', 1, 'a', 't', '{}')`,
    );
    for (const statement of [
      `update audit_event set type = 'other'`,
      `delete from audit_event`,
      `update audit_event_2026_11 set type = 'other'`,
      `truncate audit_event`,
      `truncate audit_event_2026_11`,
    ]) {
      await expect(client.query(statement)).rejects.toThrow('append-only');
    }
  });
});

test('the service role gets no right to change the audit, and may have months made', async () => {
  const url = await createDatabase(node, 'least_privilege');
  await withClient(url, (client) => client.query(`create role countersign_service login password 'service'`));
  await migrate([url]);
  const service = new URL(url);
  [service.username, service.password] = ['countersign_service', 'service'];
  await withClient(service.href, async (client) => {
    const { rows: unreadable } = await client.query(
      `select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
       and relname !~ '^audit_event_\\d' and not has_table_privilege(oid, 'select')`,
    );
    expect(unreadable, 'a table that a migration added without its grant').toEqual([]);
    await client.query(`select audit_event_make_month('2030-01-01')`);
    await client.query(
      `insert into audit_event (at, stream, sequence, attempt_id, type, detail) values ('2030-01-05', 'AUTH', 1, 'a', 't', '{}')`,
    );
    for (const statement of [
      'delete from audit_event',
      'update audit_event set type = type',
      'delete from policy',
      'create table mine (a int)',
      'drop table app_user',
      'alter table audit_event disable trigger all',
    ]) {
      await expect(client.query(statement)).rejects.toThrow(/permission denied|must be owner/);
    }
  });
});
