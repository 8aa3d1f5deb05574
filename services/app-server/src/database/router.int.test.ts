import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDatabase, startPostgresPair, waitUntil, type PostgresPair } from '@countersign/testkit';
import { sql } from 'kysely';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { migrate } from './migrate.ts';
import { createRouter, type Router, type RouterEvent } from './router.ts';

let dir: string;
let pair: PostgresPair;
let router: Router;
let events: RouterEvent[];
let urls: string[];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'router-'));
  pair = await startPostgresPair({ dir, password: 'secret', fsync: false });
  const url = new URL(await createDatabase(pair.primary, 'router'));
  urls = pair.nodes.map((node) => {
    const mine = new URL(node.url);
    mine.pathname = url.pathname;
    return mine.href;
  });
  await migrate(urls);
  await pair.caughtUp();
});

afterAll(async () => {
  await pair.kill();
  rmSync(dir, { recursive: true, force: true });
});

beforeEach(async () => {
  events = [];
  // The standby's address comes first: the order means nothing.
  router = createRouter({ urls: urls.toReversed(), now: Date.now, onEvent: (event) => events.push(event) });
  await waitUntil(() => router.nodes().every(({ reachable }) => reachable), { what: 'both nodes to be found' });
});

afterEach(async () => {
  await router.close();
});

function urlOf(node: { port: number }): string {
  return urls.find((url) => new URL(url).port === String(node.port))!;
}

async function connectTo(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
}

const whereAmI = (db: Parameters<Parameters<Router['read']>[0]>[0]) =>
  sql<{ port: number; standby: boolean }>`select current_setting('port')::int as port, pg_is_in_recovery() as standby`
    .execute(db)
    .then(({ rows }) => rows[0]!);

let counter = 0;
const addUser = () =>
  router.write(async (db) => {
    const row = { user_id: crypto.randomUUID(), username: `u${counter++}`, status: 'enabled' as const };
    const at = new Date();
    await db
      .insertInto('app_user')
      .values({ ...row, created_at: at, updated_at: at })
      .execute();
    return row.user_id;
  });

const readUser = (userId: string) =>
  router.read((db) => db.selectFrom('app_user').select('user_id').where('user_id', '=', userId).execute());

async function timed<T>(work: () => Promise<T>): Promise<{ ms: number; outcome: T | Error }> {
  const from = performance.now();
  const outcome = await work().catch((error: unknown) => error as Error);
  return { ms: performance.now() - from, outcome };
}

describe('with both nodes up', () => {
  test('reads go to the standby, writes and reads that must see them to the primary', async () => {
    expect(await router.read(whereAmI)).toEqual({ port: pair.standby.port, standby: true });
    expect(await router.write(whereAmI)).toEqual({ port: pair.primary.port, standby: false });
    expect(await router.read(whereAmI, { from: 'primary' })).toEqual({ port: pair.primary.port, standby: false });
  });

  test('what a write acknowledged is seen by the next read on the standby, which replays a moment later', async () => {
    const onStandby = await connectTo(urlOf(pair.standby));
    // Slower than any real standby that keeps up, and faster than the router gives up waiting.
    await onStandby.query(`alter system set recovery_min_apply_delay = '60ms'`);
    await onStandby.query('select pg_reload_conf()');
    try {
      for (let round = 0; round < 20; round++) {
        const userId = await addUser();
        expect((await router.read(whereAmI)).standby).toBe(true);
        expect(await readUser(userId)).toHaveLength(1);
      }
    } finally {
      await onStandby.query('alter system reset recovery_min_apply_delay');
      await onStandby.query('select pg_reload_conf()');
      await onStandby.end();
    }
  });

  test('HA-30: a standby that stopped replaying is read only when the primary cannot be', async () => {
    const onStandby = await connectTo(urlOf(pair.standby));
    const strict = createRouter({ urls, now: Date.now, probeIntervalMs: 50, maxLagMs: 300 });
    try {
      await waitUntil(async () => (await strict.read(whereAmI)).standby, { what: 'the standby to be read' });
      await onStandby.query('select pg_wal_replay_pause()');
      await addUser();
      await waitUntil(async () => !(await strict.read(whereAmI)).standby, { what: 'the primary to be read' });
      expect(strict.nodes().find(({ role }) => role === 'standby')!.lagMs).toBeGreaterThan(300);
      await onStandby.query('select pg_wal_replay_resume()');
      await waitUntil(async () => (await strict.read(whereAmI)).standby, { what: 'the standby to be read again' });
    } finally {
      await onStandby.query('select pg_wal_replay_resume()');
      await onStandby.end();
      await strict.close();
    }
  });

  test('an expand migration under way breaks no statement of a running replica', async () => {
    const listed = () => router.read((db) => db.selectFrom('key_root').selectAll().execute());
    const named = () =>
      router.read((db) => db.selectFrom('key_root').select('sealed').where('purpose', '=', 'x').execute());
    // More than there are connections, so that each has run and prepared both.
    await Promise.all(Array.from({ length: 40 }, () => Promise.all([listed(), named()])));
    await router.write((db) => sql`alter table key_root add column of_tomorrow text`.execute(db));
    const after = await Promise.all(Array.from({ length: 40 }, () => Promise.all([listed(), named()])));
    expect(after).toHaveLength(40);
  });

  test('an error of the statement is the caller’s and takes no node out', async () => {
    const wrong = router.read((db) => sql`select 1/0`.execute(db));
    await expect(wrong).rejects.toMatchObject({ code: '22012' });
    expect(router.nodes().every(({ reachable }) => reachable)).toBe(true);
  });

  test('R26: more requests than connections and queue are shed early, and the rest are served', async () => {
    const slow = Array.from({ length: 400 }, () => router.read((db) => sql`select pg_sleep(0.02)`.execute(db)));
    const outcomes = await Promise.allSettled(slow);
    const refused = outcomes.filter(({ status }) => status === 'rejected');
    expect(refused.length).toBeLessThan(400);
    for (const outcome of refused) expect(outcome).toMatchObject({ reason: { code: 'UNAVAILABLE' } });
    expect(await router.read(whereAmI)).toMatchObject({ standby: true });
  });

  test('backends that are terminated cost nobody an answer', async () => {
    await Promise.all(Array.from({ length: 10 }, () => router.read(whereAmI)));
    await router.write((db) =>
      sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'countersign' and pid <> pg_backend_pid()`.execute(
        db,
      ),
    );
    for (let round = 0; round < 20; round++) expect(await router.read(whereAmI)).toBeDefined();
    expect(await addUser()).toBeDefined();
  });
});

describe('a commit for which Postgres no longer waits for the standby', () => {
  let owner: pg.Client;

  beforeEach(async () => {
    owner = await connectTo(urlOf(pair.primary));
    await owner.query(`alter system set synchronous_standby_names = '*'`);
    await owner.query('select pg_reload_conf()');
    await waitUntil(
      async () => (await owner.query('select from pg_stat_replication where sync_state = $1', ['sync'])).rowCount === 1,
      { what: 'a synchronous standby' },
    );
  });
  afterEach(async () => {
    pair.standby.resume();
    await owner.query('alter system reset synchronous_standby_names');
    await owner.query('select pg_reload_conf()');
    await owner.end();
  });

  test('HA-33 is not taken for made: with the node it would be lost', async () => {
    await addUser();
    pair.standby.pause();
    const adding = addUser().catch((error: unknown) => error);
    // As its own limit of time, or an administrator, would.
    await waitUntil(
      async () =>
        (await owner.query(`select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'`))
          .rowCount === 1,
      { what: 'the commit to wait' },
    );
    expect(await adding).toMatchObject({ code: 'PRIMARY_UNAVAILABLE' });
  });
});

describe('with a node lost', () => {
  test('standby killed: reads go to the primary, nothing fails', async () => {
    await pair.standby.kill();
    const outcomes = await Promise.all(Array.from({ length: 30 }, () => timed(() => router.read(whereAmI))));
    for (const { outcome, ms } of outcomes) {
      expect(outcome).toMatchObject({ standby: false });
      expect(ms).toBeLessThan(700);
    }
    await addUser();
    await pair.standby.start();
    await waitUntil(async () => (await router.read(whereAmI)).standby, { what: 'the standby to be read again' });
  });

  test('standby hung: one request waits a few hundred ms, the next ones none', async () => {
    await router.read(whereAmI);
    pair.standby.pause();
    try {
      const first = await timed(() => router.read(whereAmI));
      expect(first.outcome).toMatchObject({ standby: false });
      // Two probes give it up after twice 500 ms; the read did not wait for them.
      expect(first.ms).toBeLessThan(1000);
      expect(router.nodes().filter(({ reachable }) => reachable)).toMatchObject([{ role: 'primary' }]);
      const waited: number[] = [];
      for (let round = 0; round < 100; round++) {
        const { ms, outcome } = await timed(() => router.read(whereAmI));
        expect(outcome).toMatchObject({ standby: false });
        waited.push(ms);
        await sleep(20);
      }
      // A busy machine delays a few; the hung node would delay every one.
      expect(waited.filter((ms) => ms > 100).length).toBeLessThan(20);
    } finally {
      pair.standby.resume();
    }
    await waitUntil(async () => (await router.read(whereAmI)).standby, { what: 'the standby to be read again' });
  });

  test('standby hung under a report that may take long: given up after two probes, and read from the primary', async () => {
    const report = sql<{ standby: boolean }>`select pg_is_in_recovery() as standby,
      case when pg_is_in_recovery() then pg_sleep(30)::text end`;
    const asked = timed(() => router.read(async (db) => (await report.execute(db)).rows[0], { lane: 'report' }));
    await sleep(200);
    pair.standby.pause();
    try {
      const { outcome, ms } = await asked;
      expect(outcome).toMatchObject({ standby: false });
      expect(ms).toBeLessThan(4000);
    } finally {
      pair.standby.resume();
    }
    await waitUntil(async () => (await router.read(whereAmI)).standby, { what: 'the standby to be read again' });
  });

  test('primary hung: reads go on, writes are refused in time with PRIMARY_UNAVAILABLE and work again afterwards', async () => {
    await addUser();
    const waitsMs = 2000;
    const patient = createRouter({
      urls,
      now: Date.now,
      statementTimeoutMs: { login: waitsMs },
      connectTimeoutMs: waitsMs,
      queueTimeoutMs: waitsMs,
    });
    await waitUntil(() => patient.nodes().every(({ reachable }) => reachable), { what: 'both nodes to be found' });
    pair.primary.pause();
    try {
      const [write, ...reads] = await Promise.all([
        timed(addUser),
        ...Array.from({ length: 20 }, () => timed(() => patient.read(whereAmI))),
      ]);
      expect(write.outcome).toMatchObject({ code: 'PRIMARY_UNAVAILABLE', retryAfterSeconds: 5 });
      expect(write.ms).toBeLessThan(4000);
      for (const { outcome, ms } of reads) {
        expect(outcome).toMatchObject({ standby: true });
        // None of them tried the primary first.
        expect(ms).toBeLessThan(waitsMs);
      }
      const again = await timed(addUser);
      expect(again.outcome).toMatchObject({ code: 'PRIMARY_UNAVAILABLE' });
      expect(again.ms).toBeLessThan(1200);
    } finally {
      pair.primary.resume();
      await patient.close();
    }
    await waitUntil(() => addUser().then(Boolean, () => false), { what: 'writes to work again', timeoutMs: 5000 });
  });

  test('both hung (R26): answers stay quick refusals, and after a stall under load it heals by itself in seconds', async () => {
    for (const node of pair.nodes) node.pause();
    const outcomes: { ms: number; outcome: unknown }[] = [];
    try {
      const until = performance.now() + 5000;
      const pending: Promise<unknown>[] = [];
      while (performance.now() < until) {
        pending.push(timed(() => router.read(whereAmI)).then((outcome) => outcomes.push(outcome)));
        await sleep(5);
      }
      await Promise.all(pending);
    } finally {
      for (const node of pair.nodes) node.resume();
    }
    for (const { outcome, ms } of outcomes) {
      expect(outcome).toMatchObject({ code: 'UNAVAILABLE' });
      expect(ms).toBeLessThan(1300);
    }
    const healed = performance.now();
    await waitUntil(() => addUser().then(Boolean, () => false), { what: 'writes to work again', timeoutMs: 5000 });
    expect(await router.read(whereAmI)).toMatchObject({ standby: true });
    expect(performance.now() - healed).toBeLessThan(3000);
  });

  test('what comes too late for who asked serves the next one: a connection, and the end of a read', async () => {
    const alone = createRouter({ urls: [urlOf(pair.primary)], now: Date.now, maxConnections: 1 });
    const backend = (db: Parameters<Parameters<Router['read']>[0]>[0]) =>
      sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db).then(({ rows }) => rows[0]!.pid);
    const watcher = await connectTo(urlOf(pair.primary));
    const connections = async () =>
      Number(
        (await watcher.query("select count(*) from pg_stat_activity where application_name = 'countersign-late'"))
          .rows[0].count,
      );
    const late = createRouter({
      urls: [urlOf(pair.primary)],
      now: Date.now,
      applicationName: 'countersign-late',
      connectTimeoutMs: 50,
    });
    try {
      await waitUntil(() => late.nodes().every(({ reachable }) => reachable), { what: 'the node to be found' });
      expect(await connections()).toBe(1);
      pair.primary.pause();
      await expect(late.read(whereAmI)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      pair.primary.resume();
      await waitUntil(async () => (await connections()) === 2, { what: 'the connection that was asked for' });

      const pid = await alone.read(backend);
      const slow = alone.read((db) => sql`select pg_sleep(0.5)`.execute(db));
      await expect(slow).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      await waitUntil(() => alone.read(backend).then((now) => now === pid), { what: 'the same connection again' });
    } finally {
      pair.primary.resume();
      await Promise.all([alone.close(), late.close(), watcher.end()]);
    }
  });

  test('the only node left stalls for a moment: a read waits for it, and is no failure', async () => {
    const alone = createRouter({ urls: [urlOf(pair.primary)], now: Date.now });
    try {
      await alone.read(whereAmI);
      pair.primary.pause();
      const asked = alone.read(whereAmI);
      await sleep(400);
      pair.primary.resume();
      expect(await asked).toMatchObject({ standby: false });
    } finally {
      pair.primary.resume();
      await alone.close();
    }
  });

  test('primary killed and standby promoted: found without a restart; the old primary, back by mistake, is not written to', async () => {
    const old = pair.primary;
    await old.kill();
    const refused = await timed(addUser);
    expect(refused.outcome).toMatchObject({ code: 'PRIMARY_UNAVAILABLE' });
    expect(refused.ms).toBeLessThan(1500);
    expect(await router.read(whereAmI)).toMatchObject({ standby: true });

    await pair.promoteStandby();
    const promoted = performance.now();
    await waitUntil(() => addUser().then(Boolean, () => false), { what: 'writes to work again' });
    expect(performance.now() - promoted).toBeLessThan(1500);
    expect(await readUser(await addUser())).toHaveLength(1);

    await old.start();
    await waitUntil(() => events.some(({ type }) => type === 'primary.stale'), { what: 'the old primary to be seen' });
    for (let round = 0; round < 10; round++) {
      expect(await router.write(whereAmI)).toMatchObject({ port: pair.primary.port });
      expect(await router.read(whereAmI)).toMatchObject({ port: pair.primary.port });
    }
    await pair.primary.kill();
    expect((await timed(addUser)).outcome).toMatchObject({ code: 'PRIMARY_UNAVAILABLE' });
    expect((await timed(() => router.read(whereAmI))).outcome).toMatchObject({ code: 'UNAVAILABLE' });
  });
});
