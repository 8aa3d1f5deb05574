import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import pg from 'pg';
import { freePort } from './port.ts';
import { findPostgres, type PostgresBinaries } from './postgres-binaries.ts';
import { postgresUser, type PostgresUser } from './postgres-user.ts';
import { prepareProcess, type RunningProcess } from './process.ts';
import { isAlive, killTree, processRow, signal, workingDirectoryOf } from './process-table.ts';
import { waitUntil } from './wait-until.ts';

export interface PostgresOptions {
  /** Folder of this node; `data` and the log are made in it. */
  dir: string;
  /** Password of the superuser `postgres`, kept by the caller: the same one every time for the same folder. */
  password: string;
  name?: string;
  /** A free one unless given. */
  port?: number;
  /** Off is much faster and loses data when the machine (not only the process) stops. On unless given. */
  fsync?: boolean;
  /** Further lines of postgresql.conf; they win over ours. */
  settings?: Record<string, string>;
  logFile?: string;
  /** What `findPostgres` finds unless given. */
  binaries?: PostgresBinaries;
  onCrash?: (reason: string) => void;
}

export interface PostgresNode extends Omit<RunningProcess, 'tail'> {
  readonly port: number;
  /** For the superuser and the database `postgres`; holds the password. */
  readonly url: string;
  readonly dataDirectory: string;
  readonly binaries: PostgresBinaries;
}

/** What a pair needs beyond that. */
export interface PostgresNodeFiles {
  user: PostgresUser;
  /** Makes an empty cluster, unless there is one. */
  initialise(): Promise<void>;
  /** Address for the replication protocol, as libpq writes it. */
  connectionInfo: string;
}

/** Starts one PostgreSQL server on 127.0.0.1, making its cluster first if there is none. TCP with SCRAM only; no Unix socket. */
export async function startPostgres(options: PostgresOptions): Promise<PostgresNode> {
  const { node, files } = await preparePostgres(options);
  await files.initialise();
  await node.start();
  return node;
}

export async function preparePostgres(
  options: PostgresOptions,
): Promise<{ node: PostgresNode; files: PostgresNodeFiles }> {
  const { password, name = 'postgres', fsync = true, settings = {}, binaries = findPostgres() } = options;
  const port = options.port ?? (await freePort());
  mkdirSync(options.dir, { recursive: true, mode: 0o755 });
  const dir = realpathSync(resolve(options.dir));
  const dataDirectory = join(dir, 'data');
  const configFile = join(dir, 'postgresql.conf');
  const accessFile = join(dir, 'pg_hba.conf');
  const user = postgresUser(join(binaries.directory, 'postgres'), dir);
  const url = `postgres://postgres:${encodeURIComponent(password)}@127.0.0.1:${port}/postgres`;

  async function initialise(): Promise<void> {
    if (existsSync(join(dataDirectory, 'PG_VERSION'))) return checkVersion(dataDirectory, binaries);
    // Made aside and renamed, so that a start that was killed in the middle is never taken for a cluster.
    const scratch = mkdtempSync(join(dir, 'new-'));
    const made = join(scratch, 'data');
    const passwordFile = join(scratch, 'password');
    mkdirSync(made, { mode: 0o700 });
    writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
    user.giveAll(scratch);
    const auth = ['--username', 'postgres', '--auth', 'scram-sha-256', '--pwfile', passwordFile];
    const form = ['--encoding', 'UTF8', '--locale', 'C', '--no-instructions', ...(fsync ? [] : ['--no-sync'])];
    await run(...user.wrap(join(binaries.directory, 'initdb'), ['--pgdata', made, ...auth, ...form]));
    rmSync(passwordFile);
    rmSync(dataDirectory, { recursive: true, force: true });
    renameSync(made, dataDirectory);
    rmSync(scratch, { recursive: true });
  }

  function writeConfig(): void {
    const lines = { ...commonSettings(dataDirectory, port, fsync, accessFile), ...settings };
    // What initdb found out about this machine (kind of shared memory, locale) comes first; later lines win.
    const found = `include_if_exists = '${join(dataDirectory, 'postgresql.conf').replaceAll("'", "''")}'\n`;
    const ours = Object.entries(lines).map(([key, value]) => settingLine(key, value));
    writeFileSync(configFile, found + ours.join(''), { mode: 0o600 });
    writeFileSync(
      accessFile,
      'host all all 127.0.0.1/32 scram-sha-256\nhost replication all 127.0.0.1/32 scram-sha-256\n',
      { mode: 0o600 },
    );
    user.give(configFile);
    user.give(accessFile);
  }

  const [command, args] = user.wrap(join(binaries.directory, 'postgres'), [
    '-D',
    dataDirectory,
    '-c',
    `config_file=${configFile}`,
  ]);
  const server = prepareProcess({
    name,
    command,
    args,
    cwd: dir,
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    logFile: options.logFile ?? join(dir, 'postgres.log'),
    // Fast shutdown: clients are cut off, nothing is lost.
    stopSignal: 'SIGINT',
    readyTimeoutMs: 60_000,
    readyWhen: async () => (await answer(url)) !== undefined,
    ...(options.onCrash !== undefined && { onCrash: options.onCrash }),
  });
  const start = async () => {
    await healLockFile(dataDirectory);
    writeConfig();
    await server.start();
    if ((await answer(url)) === 'wrong password') {
      await server.stop();
      throw new Error(`The data in ${dataDirectory} was made with another password.`);
    }
  };

  const node: PostgresNode = {
    name,
    port,
    url,
    dataDirectory,
    binaries,
    get pid() {
      return server.pid;
    },
    get running() {
      return server.running;
    },
    start,
    stop: server.stop,
    kill: server.kill,
    pause: server.pause,
    resume: server.resume,
    restart: async () => {
      await server.stop();
      await start();
    },
  };
  const connectionInfo = `host=127.0.0.1 port=${port} user=postgres password=${quoteForLibpq(password)}`;
  return { node, files: { user, initialise, connectionInfo } };
}

function commonSettings(
  dataDirectory: string,
  port: number,
  fsync: boolean,
  accessFile: string,
): Record<string, string> {
  return {
    data_directory: dataDirectory,
    hba_file: accessFile,
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    password_encryption: 'scram-sha-256',
    max_connections: '200',
    shared_buffers: '64MB',
    wal_level: 'replica',
    hot_standby: 'on',
    max_wal_senders: '10',
    max_replication_slots: '10',
    wal_keep_size: '128MB',
    // A standby that stays away must not fill the disk; it is copied afresh when it returns.
    max_slot_wal_keep_size: '2GB',
    wal_receiver_timeout: '5s',
    wal_sender_timeout: '5s',
    wal_retrieve_retry_interval: '200ms',
    log_timezone: 'UTC',
    timezone: 'UTC',
    log_line_prefix: '%m [%p] ',
    ...(fsync ? {} : { fsync: 'off', full_page_writes: 'off' }),
  };
}

/**
 * After `kill -9` the lock file names a process that is gone, or by now another program's. PostgreSQL itself only asks whether
 * the pid exists. A server that really still runs on this data is ours from a start that was killed: it is stopped.
 */
async function healLockFile(dataDirectory: string): Promise<void> {
  const lockFile = join(dataDirectory, 'postmaster.pid');
  if (!existsSync(lockFile)) return;
  const pid = Number(readFileSync(lockFile, 'utf8').split('\n')[0]);
  const isOurs = Number.isInteger(pid) && pid > 1 && workingDirectoryOf(pid) === dataDirectory;
  if (isOurs && isAlive(pid)) {
    const born = processRow(pid)?.startTicks;
    signal(pid, 'SIGINT');
    signal(pid, 'SIGCONT');
    try {
      await waitUntil(() => !isAlive(pid) || processRow(pid)?.startTicks !== born, { what: 'the old server to stop' });
    } catch {
      killTree(pid);
      await waitUntil(() => !isAlive(pid), { what: 'the old server to be gone' });
    }
  }
  rmSync(lockFile, { force: true });
}

function checkVersion(dataDirectory: string, binaries: PostgresBinaries): void {
  const made = Number(readFileSync(join(dataDirectory, 'PG_VERSION'), 'utf8').trim());
  if (made !== binaries.major) {
    throw new Error(
      `The data in ${dataDirectory} was made by PostgreSQL ${made}, and ${binaries.directory} holds ${binaries.major}.`,
    );
  }
}

async function answer(url: string): Promise<'ready' | 'wrong password' | undefined> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('select 1');
    return 'ready';
  } catch (error) {
    return error instanceof pg.DatabaseError && error.code === '28P01' ? 'wrong password' : undefined;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Runs a program to its end. @throws Error with its output when it fails. */
export function run(command: string, args: readonly string[]): Promise<void> {
  return new Promise((fulfil, reject) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? fulfil() : reject(new Error(`${command} ${args.join(' ')} failed (${code}):\n${output}`)),
    );
  });
}

function quoteForLibpq(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

/** One line of postgresql.conf. Backslashes and quotes inside of the value are doubled. */
export function settingLine(key: string, value: string): string {
  return `${key} = '${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'\n`;
}
