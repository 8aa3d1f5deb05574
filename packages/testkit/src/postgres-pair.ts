import {
  existsSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
  appendFileSync,
  chmodSync,
} from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { findPostgres } from './postgres-binaries.ts';
import {
  preparePostgres,
  run,
  settingLine,
  type PostgresNode,
  type PostgresNodeFiles,
  type PostgresOptions,
} from './postgres-node.ts';
import { waitUntil } from './wait-until.ts';

export interface PostgresPairOptions extends Omit<PostgresOptions, 'port' | 'name' | 'logFile' | 'onCrash'> {
  primaryPort?: number;
  standbyPort?: number;
  /** Where the logs go: `postgres-primary.log` and `postgres-standby.log`. In the nodes' folders unless given. */
  logDirectory?: string;
  onCrash?: (node: PostgresNode, reason: string) => void;
}

export interface PostgresPair {
  /** The node that takes writes. After `promoteStandby` that is the one which was the standby. */
  readonly primary: PostgresNode;
  readonly standby: PostgresNode;
  /** Both, in the order of their ports. */
  readonly nodes: readonly [PostgresNode, PostgresNode];
  /** Makes the standby the primary and swaps the two names here. Stop or kill the old primary first. */
  promoteStandby(): Promise<void>;
  /** Copies the primary's data over the standby's and starts streaming again. */
  rejoinStandby(): Promise<void>;
  /** Starts a node again that has ended, as what it should be now: an old primary after a promotion becomes the standby. */
  revive(node: PostgresNode): Promise<void>;
  /** Waits until the standby has replayed what the primary has written so far; 10 s at most. */
  caughtUp(): Promise<void>;
  stop(): Promise<void>;
  /** Drops both without care, for the end of a test. */
  kill(): Promise<void>;
}

interface Member {
  node: PostgresNode;
  files: PostgresNodeFiles;
  dir: string;
  /** Of the replication slot that the other one keeps for it. */
  slot: string;
  /** Whether there was a cluster before this start. */
  exists: boolean;
}

/**
 * A real primary and a real streaming standby, asynchronous. A second start on the same folder takes both as they were: it
 * finds out which one is the primary now, and copies afresh a standby that cannot follow any more.
 */
export async function startPostgresPair(options: PostgresPairOptions): Promise<PostgresPair> {
  const binaries = options.binaries ?? findPostgres();
  const a = await member('primary', options.primaryPort);
  const b = await member('standby', options.standbyPort);
  let [primary, standby] = whoIsPrimary(a, b);

  async function member(role: 'primary' | 'standby', port: number | undefined): Promise<Member> {
    const { primaryPort: _, standbyPort: __, logDirectory, onCrash, ...common } = options;
    const dir = join(options.dir, role);
    const name = `postgres-${role}`;
    const prepared: { node: PostgresNode; files: PostgresNodeFiles } = await preparePostgres({
      ...common,
      binaries,
      dir,
      name,
      ...(port !== undefined && { port }),
      ...(logDirectory !== undefined && { logFile: join(logDirectory, `${name}.log`) }),
      ...(onCrash !== undefined && { onCrash: (reason) => onCrash(prepared.node, reason) }),
    });
    const exists = existsSync(join(prepared.node.dataDirectory, 'PG_VERSION'));
    return { ...prepared, dir, slot: `for_${role}`, exists };
  }

  const firstStart = !primary.exists;
  if (firstStart) {
    await primary.files.initialise();
    // A cluster that has never run can be copied as it lies.
    await install(primary, standby, (target) => copyFolder(primary, target));
  }
  await primary.node.start();
  await ensureSlot(primary, standby);
  if (firstStart || (standby.exists && isStandby(standby))) {
    try {
      follow(primary, standby, standby.node.dataDirectory);
      await standby.node.start();
      await waitUntil(() => streams(primary, standby), { timeoutMs: 5000, what: 'the standby to stream' });
    } catch {
      await rejoin();
    }
  } else {
    await rejoin();
  }

  async function rejoin(): Promise<void> {
    await standby.node.kill();
    await ensureSlot(primary, standby);
    await install(primary, standby, (target) => copyRunning(primary, target));
    await standby.node.start();
    await waitUntil(() => streams(primary, standby), { what: 'the standby to stream' });
  }

  async function promote(): Promise<void> {
    await query(standby, 'select pg_promote(true, 30)');
    [primary, standby] = [standby, primary];
  }

  async function revive(node: PostgresNode): Promise<void> {
    const [revived, other] = node === a.node ? [a, b] : [b, a];
    const wasPromoted = other.node.running && !isStandby(revived) && !isStandby(other);
    if (wasPromoted) {
      [primary, standby] = [other, revived];
      return rejoin();
    }
    return node.start();
  }

  async function caughtUp(): Promise<void> {
    const [row] = await query<{ lsn: string }>(primary, 'select pg_current_wal_lsn()::text as lsn');
    await waitUntil(
      async () => {
        const sql = 'select coalesce(pg_last_wal_replay_lsn() >= $1::pg_lsn, false) as done';
        return (await query<{ done: boolean }>(standby, sql, [row?.lsn]))[0]?.done === true;
      },
      { what: 'the standby to catch up' },
    );
  }

  return {
    get primary() {
      return primary.node;
    },
    get standby() {
      return standby.node;
    },
    nodes: [a.node, b.node],
    promoteStandby: promote,
    rejoinStandby: rejoin,
    revive,
    caughtUp,
    stop: async () => {
      // The primary last: it waits until the standby has what it wrote, when the standby is still there to receive it.
      await primary.node.stop();
      await standby.node.stop();
    },
    kill: async () => {
      await Promise.all([primary.node.kill(), standby.node.kill()]);
    },
  };
}

function isStandby(member: Member): boolean {
  return existsSync(join(member.node.dataDirectory, 'standby.signal'));
}

/** A promotion begins a new timeline, so of two that both think themselves primary the one with the higher timeline is right. */
function whoIsPrimary(a: Member, b: Member): [Member, Member] {
  const existing = [a, b].filter((member) => member.exists);
  const standbys = existing.filter(isStandby);
  if (existing.length > 0 && standbys.length === existing.length) {
    const advice = 'Remove the file standby.signal from the one whose data you want to keep.';
    throw new Error(`No primary among ${existing.map((member) => member.dir).join(' and ')}. ${advice}`);
  }
  const candidates = existing.filter((member) => !standbys.includes(member));
  const [best] = candidates.toSorted((x, y) => timeline(y) - timeline(x));
  return best === b ? [b, a] : [a, b];
}

function timeline(member: Member): number {
  const histories = readdirSync(join(member.node.dataDirectory, 'pg_wal')).filter((name) => name.endsWith('.history'));
  return Math.max(1, ...histories.map((name) => Number.parseInt(name, 16)));
}

/** Puts a copy of the primary's data in the place of the standby's, in one rename at the end. */
async function install(primary: Member, standby: Member, copy: (target: string) => Promise<void>): Promise<void> {
  for (const left of readdirSync(standby.dir).filter((name) => name.startsWith('copy-'))) {
    rmSync(join(standby.dir, left), { recursive: true });
  }
  const scratch = mkdtempSync(join(standby.dir, 'copy-'));
  const target = join(scratch, 'data');
  await copy(target);
  rmSync(join(target, 'postmaster.pid'), { force: true });
  rmSync(join(target, 'postmaster.opts'), { force: true });
  rmSync(join(target, 'postgresql.auto.conf'), { force: true });
  follow(primary, standby, target);
  writeFileSync(join(target, 'standby.signal'), '');
  chmodSync(target, 0o700);
  standby.files.user.giveAll(target);
  rmSync(standby.node.dataDirectory, { recursive: true, force: true });
  renameSync(target, standby.node.dataDirectory);
  rmSync(scratch, { recursive: true });
}

/** Written before every start, because the primary's port may be another one now. */
function follow(primary: Member, standby: Member, dataDirectory: string): void {
  const lines =
    settingLine('primary_conninfo', primary.files.connectionInfo) + settingLine('primary_slot_name', standby.slot);
  const file = join(dataDirectory, 'postgresql.auto.conf');
  writeFileSync(file, lines, { mode: 0o600 });
  standby.files.user.give(file);
}

async function copyFolder(source: Member, target: string): Promise<void> {
  await run('cp', ['-a', '--reflink=auto', source.node.dataDirectory, target]);
}

/**
 * A base backup with SQL alone, because the embedded package has no pg_basebackup.
 * @see https://www.postgresql.org/docs/current/continuous-archiving.html "Making a Base Backup Using the Low Level API"
 */
async function copyRunning(source: Member, target: string): Promise<void> {
  await withClient(source, async (client) => {
    await client.query("select pg_backup_start('rejoin', true)");
    await run('mkdir', ['-m', '700', target]);
    // Files come and go under a running server; tar says so with status 1, and the WAL makes up for it.
    await run('bash', [
      '-o',
      'pipefail',
      '-c',
      'cd "$0" && { tar cf - --warning=no-file-changed --warning=no-file-removed --exclude=./postmaster.pid ' +
        '--exclude="./pg_replslot/*" --exclude="./pg_stat_tmp/*" --exclude="./pgsql_tmp*" . || test $? = 1; } | tar xpf - -C "$1"',
      source.node.dataDirectory,
      target,
    ]);
    const { rows } = await client.query<{ labelfile: string }>('select labelfile from pg_backup_stop(false)');
    appendFileSync(join(target, 'backup_label'), rows[0]?.labelfile ?? '');
  });
}

async function ensureSlot(primary: Member, standby: Member): Promise<void> {
  await query(
    primary,
    `select pg_create_physical_replication_slot($1, true)
     where not exists (select from pg_replication_slots where slot_name = $1)`,
    [standby.slot],
  );
}

async function streams(primary: Member, standby: Member): Promise<boolean> {
  const sql = `select 1 from pg_stat_replication r join pg_replication_slots s on s.active_pid = r.pid
               where s.slot_name = $1 and r.state = 'streaming'`;
  return (await query(primary, sql, [standby.slot])).length === 1;
}

async function query<Row extends pg.QueryResultRow>(member: Member, sql: string, values?: unknown[]): Promise<Row[]> {
  return withClient(member, async (client) => (await client.query<Row>(sql, values)).rows);
}

async function withClient<T>(member: Member, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: member.node.url, connectionTimeoutMillis: 5000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
