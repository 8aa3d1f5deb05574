import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { SERVICE_ROLE, TABLE_GRANTS } from './grants.ts';
import { MIGRATIONS } from './migrations/index.ts';
import { assertFits, FIRST_RELEASE } from '../release/release.ts';
import type { Migration } from './migrations/migration.ts';
import { StartRefused } from '../start-refused.ts';
import { sqlStateOf } from './failure.ts';
import type { Router } from './router.ts';

export interface MigrationOutcome {
  /** Names of the migrations that this run applied. */
  applied: string[];
}

/** Any number will do, as long as nothing else in the database uses it. */
const LOCK_KEY = 4_920_390_001;
const CONNECT_TIMEOUT_MS = 5000;
/** @see PostgreSQL documentation, appendix A: 42P01 undefined_table. */
const UNDEFINED_TABLE = '42P01';
const LOCK_TIMEOUT_MS = 60_000;

/**
 * Brings the schema up to this build, on whichever node is primary. Each migration is one transaction under one advisory lock,
 * so any number of replicas may start at once, and a second run changes nothing.
 * @param urls of all nodes, of a user who owns the schema.
 * @throws WrongRelease before anything is changed, when the installation is not on this release or the one before; Error when no node is primary, when a migration fails (nothing of it stays), or when the database recorded a migration
 * under another checksum.
 */
export async function migrate(
  urls: readonly string[],
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<MigrationOutcome> {
  const client = await connectToPrimary(urls);
  const applied: string[] = [];
  try {
    await refuseOtherReleases(client);
    await inTransaction(client, () => ensureRecord(client));
    for (const migration of migrations) {
      if (await inTransaction(client, () => apply(client, migration))) applied.push(fullName(migration));
    }
    await inTransaction(client, () => grantToService(client));
  } finally {
    await client.end();
  }
  return { applied };
}

/**
 * Waits until the schema of this build is there, where logins read it: a standby shows it a moment after the primary.
 * @throws StartRefused when it is not after `withinMs`: to serve on another schema would fail in the middle of logins.
 */
export async function assertSchema(router: Router, withinMs = 10_000): Promise<void> {
  const giveUpAt = performance.now() + withinMs;
  for (;;) {
    const pending = await pendingMigrations(router);
    if (pending.length === 0) return;
    if (performance.now() >= giveUpAt) {
      throw new StartRefused(
        `The database lacks ${pending.join(', ')}, or has them in another form. Start one app-server while the primary is there, and see database/README.md.`,
      );
    }
    await sleep(100);
  }
}

/** Names of the migrations of this build that the database lacks. Newer ones there are the next version's, and no trouble. */
export async function pendingMigrations(router: Router): Promise<string[]> {
  const rows = await router
    .read((db) => db.selectFrom('schema_migration').select(['number', 'checksum']).execute())
    .catch((error: unknown) => {
      if (sqlStateOf(error) === UNDEFINED_TABLE) return [];
      throw error;
    });
  const recorded = new Map(rows.map((row) => [row.number, row.checksum]));
  return MIGRATIONS.filter((migration) => recorded.get(migration.number) !== checksumOf(migration)).map(fullName);
}

async function connectToPrimary(urls: readonly string[]): Promise<pg.Client> {
  const problems: unknown[] = [];
  for (const url of urls) {
    const client = new pg.Client({
      connectionString: url,
      application_name: 'countersign migrate',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      lock_timeout: LOCK_TIMEOUT_MS,
    });
    client.on('error', (error) => problems.push(error));
    try {
      await client.connect();
      const { rows } = await client.query<{ recovering: boolean }>('select pg_is_in_recovery() as recovering');
      if (rows[0]?.recovering === false) return client;
    } catch (error) {
      problems.push(error);
    }
    await client.end().catch(() => undefined);
  }
  throw new AggregateError(problems, 'No Postgres node is primary, so the schema cannot be brought up to date.');
}

/** What a migration takes away, an older app-server that still runs would miss. Asked so that it works on the schema of every release. */
async function refuseOtherReleases(client: pg.Client): Promise<void> {
  const { rows: tables } = await client.query(`select to_regclass('ledger_layout') as found`);
  if (tables[0]?.found === null) return;
  const { rows } = await client.query<{ release: number | null }>(
    `select (to_jsonb(ledger_layout) ->> 'release')::integer as release from ledger_layout`,
  );
  const [layout] = rows;
  if (layout !== undefined) assertFits(layout.release ?? FIRST_RELEASE);
}

async function ensureRecord(client: pg.Client): Promise<void> {
  await lock(client);
  await client.query(`create table if not exists schema_migration (
    number integer constraint schema_migration_pkey primary key,
    name text not null,
    checksum text not null,
    applied_at timestamptz not null default now()
  )`);
}

/** Until the end of the transaction. */
async function lock(client: pg.Client): Promise<void> {
  await client.query('select pg_advisory_xact_lock($1)', [LOCK_KEY]);
}

async function apply(client: pg.Client, migration: Migration): Promise<boolean> {
  await lock(client);
  const { rows } = await client.query<{ checksum: string }>('select checksum from schema_migration where number = $1', [
    migration.number,
  ]);
  const checksum = checksumOf(migration);
  const [recorded] = rows;
  if (recorded !== undefined) {
    if (recorded.checksum === checksum) return false;
    throw new Error(
      `Migration ${fullName(migration)} was applied in another form than this build has. Migrations are never edited: add a new one.`,
    );
  }
  for (const statement of migration.statements) await client.query(statement);
  await client.query('insert into schema_migration (number, name, checksum) values ($1, $2, $3)', [
    migration.number,
    migration.name,
    checksum,
  ]);
  return true;
}

/** Repeated at each run, because the role may have been made after the tables. Where the service owns the tables there is no such role. */
async function grantToService(client: pg.Client): Promise<void> {
  const { rows } = await client.query('select 1 from pg_roles where rolname = $1', [SERVICE_ROLE]);
  if (rows.length === 0) return;
  for (const { tables, privileges } of TABLE_GRANTS) {
    await client.query(`grant ${privileges.join(', ')} on ${tables.join(', ')} to ${SERVICE_ROLE}`);
  }
  await client.query(`grant execute on function audit_event_make_month(date) to ${SERVICE_ROLE}`);
  const logins = 'replica_login_make(text, text), replica_login_end(text), replica_login_cut(text)';
  await client.query(`grant execute on function ${logins} to ${SERVICE_ROLE}`);
}

async function inTransaction<T>(client: pg.Client, work: () => Promise<T>): Promise<T> {
  await client.query('begin');
  try {
    const result = await work();
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}

/** What the database records of a migration that was applied. */
export function checksumOf({ name, statements }: Migration): string {
  return createHash('sha256')
    .update(JSON.stringify([name, statements]))
    .digest('hex');
}

function fullName({ number, name }: Migration): string {
  return `${String(number).padStart(4, '0')}_${name}`;
}
