import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { afterEach, describe, expect, test } from 'vitest';
import { createDatabase } from './database.ts';
import { freePort } from './port.ts';
import { embeddedPostgres, installedPostgres, type PostgresBinaries } from './postgres-binaries.ts';
import { startPostgres } from './postgres-node.ts';
import { startPostgresPair, type PostgresPair } from './postgres-pair.ts';
import { descendantsOf, isAlive, processRow } from './process-table.ts';
import { waitUntil } from './wait-until.ts';

const password = `it's \\ a pass word`;
const running: { kill(): Promise<void> }[] = [];
const folders: string[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.kill()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function folder(parent = tmpdir()): string {
  const made = mkdtempSync(join(parent, 'postgres-'));
  folders.push(made);
  return made;
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1000, query_timeout: 1000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows.map((row: unknown[]) => row[0]);
  } finally {
    await client.end();
  }
}

async function pairAt(dir: string, binaries: PostgresBinaries, ports?: [number, number]): Promise<PostgresPair> {
  const pair = await startPostgresPair({
    dir,
    password,
    binaries,
    fsync: false,
    ...(ports && { primaryPort: ports[0], standbyPort: ports[1] }),
  });
  running.push(pair);
  return pair;
}

const kinds = [
  { kind: 'installed', binaries: installedPostgres() },
  { kind: 'embedded', binaries: embeddedPostgres() },
].filter((row): row is { kind: string; binaries: PostgresBinaries } => row.binaries !== undefined);

test.each(kinds)(
  '$kind PostgreSQL: a pair replicates, loses its primary, is promoted, takes the old primary back, and comes up so again',
  async ({ binaries }) => {
    const dir = folder();
    const ports: [number, number] = [await freePort(), await freePort()];
    const pair = await pairAt(dir, binaries, ports);
    const [first, second] = pair.nodes;
    await query(pair.primary.url, 'create table t as select 1 as v');
    await pair.caughtUp();
    expect(await query(pair.standby.url, 'select v from t')).toEqual([1]);
    await expect(query(pair.standby.url, 'insert into t values (2)')).rejects.toMatchObject({ code: '25006' });

    const family = [first.pid, ...descendantsOf(first.pid)];
    expect(family.length).toBeGreaterThan(4);
    await first.kill();
    expect(family.filter(isAlive)).toEqual([]);
    await pair.promoteStandby();
    expect(pair.primary).toBe(second);
    await query(pair.primary.url, 'insert into t values (2)');
    await pair.rejoinStandby();
    await pair.caughtUp();
    expect(await query(first.url, 'select v from t order by v')).toEqual([1, 2]);

    await pair.stop();
    const again = await pairAt(dir, binaries, ports);
    expect(again.primary.port).toBe(ports[1]);
    await query(again.primary.url, 'insert into t values (3)');
    await again.caughtUp();
    expect(await query(again.standby.url, 'select v from t order by v')).toEqual([1, 2, 3]);
  },
);

// The other programs differ in nothing that these are about.
describe.each(kinds.slice(0, 1))('$kind PostgreSQL', ({ binaries }) => {
  test('an old primary that comes back after a promotion is copied afresh, not believed', async () => {
    const dir = folder();
    const pair = await pairAt(dir, binaries);
    await pair.promoteStandby();
    await query(pair.primary.url, 'create table promoted ()');
    await query(pair.standby.url, 'create table left_behind ()');
    await pair.kill();
    const again = await pairAt(dir, binaries);
    expect(again.primary.name).toBe('postgres-standby');
    await again.caughtUp();
    const tables = `select relname from pg_class where relname in ('promoted', 'left_behind')`;
    expect(await query(again.standby.url, tables)).toEqual(['promoted']);
  });

  test('a node that died is revived as what it should be by then', async () => {
    const pair = await pairAt(folder(), binaries);
    const [first, second] = pair.nodes;
    await first.kill();
    await pair.revive(first);
    expect(await query(first.url, 'select pg_is_in_recovery()')).toEqual([false]);
    await first.kill();
    await query(second.url, 'select pg_promote(true)');
    await pair.revive(first);
    expect(await query(first.url, 'select pg_is_in_recovery()')).toEqual([true]);
    expect(pair.primary).toBe(second);
  });

  test('a paused node takes connections and answers nothing, until it is resumed', async () => {
    const node = await startPostgres({ dir: folder(), password, binaries, fsync: false });
    running.push(node);
    node.pause();
    await waitUntil(() => [node.pid, ...descendantsOf(node.pid)].every((pid) => processRow(pid)?.state === 'T'));
    await expect(query(node.url, 'select 1')).rejects.toThrow(/timeout/);
    node.resume();
    expect(await query(node.url, 'select 1')).toEqual([1]);
  });

  test('after kill -9 a start heals the lock file, also when its pid is now another program', async () => {
    const dir = folder();
    const node = await startPostgres({ dir, password, binaries, fsync: false });
    running.push(node);
    await query(node.url, 'create table kept ()');
    await node.kill();
    const lockFile = join(node.dataDirectory, 'postmaster.pid');
    expect(existsSync(lockFile)).toBe(true);
    writeFileSync(lockFile, readFileSync(lockFile, 'utf8').replace(/^\d+/, String(process.pid)));
    const startedAt = performance.now();
    await node.start();
    expect(performance.now() - startedAt).toBeLessThan(5000);
    expect(await query(node.url, `select count(*)::int from pg_class where relname = 'kept'`)).toEqual([1]);
  });

  test('only the password opens it, and another one for old data is said so', async () => {
    const dir = folder();
    const node = await startPostgres({ dir, password, binaries, fsync: false });
    running.push(node);
    const wrong = new URL(node.url);
    wrong.password = 'wrong';
    await expect(query(wrong.href, 'select 1')).rejects.toMatchObject({ code: '28P01' });
    expect(await query(node.url, 'show unix_socket_directories')).toEqual(['']);
    expect(await query(node.url, 'show listen_addresses')).toEqual(['127.0.0.1']);
    await node.stop();
    await expect(startPostgres({ dir, password: 'other', binaries })).rejects.toThrow('another password');
  });

  test('each test file gets a database of its own', async () => {
    const node = await startPostgres({ dir: folder(), password, binaries, fsync: false });
    running.push(node);
    const [a, b] = await Promise.all([createDatabase(node, 'file "a"'), createDatabase(node, 'b')]);
    await query(a, 'create table here ()');
    expect(await query(b, `select count(*)::int from pg_class where relname = 'here'`)).toEqual([0]);
    const anew = await createDatabase(node, 'file "a"');
    expect(await query(anew, `select count(*)::int from pg_class where relname = 'here'`)).toEqual([0]);
  });
});

test.runIf(process.getuid?.() === 0 && embeddedPostgres() !== undefined)(
  'as root (skipped for others, and without the embedded binaries) it works below a folder that nobody else may enter, binaries included, and does not run as root',
  async () => {
    const checkout = folder(homedir());
    chmodSync(checkout, 0o700);
    const found = embeddedPostgres()!;
    cpSync(dirname(found.directory), join(checkout, 'native'), { recursive: true, verbatimSymlinks: true });
    mkdirSync(join(checkout, 'data'), { mode: 0o700 });
    const pair = await pairAt(join(checkout, 'data'), { ...found, directory: join(checkout, 'native', 'bin') });
    await query(pair.primary.url, 'create table t ()');
    await pair.caughtUp();
    const status = readFileSync(`/proc/${pair.primary.pid}/status`, 'utf8');
    expect(/^Uid:\t(\d+)/m.exec(status)?.[1]).not.toBe('0');
    // Nothing of root's but the way through folders: CAP_DAC_READ_SEARCH (2) or CAP_DAC_OVERRIDE (1).
    expect(/^CapEff:\t0*([0-9a-f]+)/m.exec(status)?.[1]).toMatch(/^[24]$/);
    await pair.primary.kill();
    await pair.promoteStandby();
    await pair.rejoinStandby();
  },
);
