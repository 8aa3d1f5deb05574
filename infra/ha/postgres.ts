import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installedPostgres, postgresUser, prepareProcess, waitUntil, type RunningProcess } from '@countersign/testkit';
import pg from 'pg';
import { createJsonClient, type JsonAnswer } from '../dev/https-json.ts';
import { startedOn, type Machine } from '../dev/machine.ts';
import type { Certificates } from './certificates.ts';
import type { HaLayout } from './ha-layout.ts';
import type { HaPasswords } from './passwords.ts';
import { fillTemplate } from './template.ts';

/** A role or a database is there already: the run before was cut off. @see PostgreSQL documentation, appendix A. */
const IS_THERE = new Set(['42710', '42P04']);

/** How fast Patroni decides, in seconds. */
export interface PatroniPace {
  ttl: number;
  loopWait: number;
  retryTimeout: number;
}

export const PACES = {
  /** What Debian's Patroni 3.0 accepts. */
  fast: { ttl: 4, loopWait: 1, retryTimeout: 2 },
  /** The least that Patroni 3.2 and later accept. */
  current: { ttl: 20, loopWait: 1, retryTimeout: 3 },
} as const satisfies Record<string, PatroniPace>;

/** Two nodes under Patroni, none started. A process of the list is Patroni, and Postgres below it. */
export function preparePostgres(
  layout: HaLayout,
  certificates: Certificates,
  passwords: HaPasswords,
  pace: PatroniPace,
  onCrash: (name: string, reason: string) => void,
): RunningProcess[] {
  const binaries = installedPostgres(['initdb', 'postgres', 'pg_ctl', 'pg_controldata', 'pg_basebackup', 'pg_rewind']);
  if (binaries === undefined) throw new Error('PostgreSQL 15 is missing. On Debian: apt-get install postgresql');
  const { dir, logs, postgres, etcd, site } = layout;
  return postgres.map(({ name, machine, port, rest }) => {
    const home = join(dir, name);
    mkdirSync(home, { recursive: true, mode: 0o700 });
    const account = postgresUser(join(binaries.directory, 'postgres'), home);
    const { folder, certificate, key } = certificates.of(name);
    const file = join(home, 'patroni.yml');
    const values = {
      NAME: name,
      HOST: machine.host,
      PORT: port,
      REST_PORT: rest,
      ETCD: etcd.map(({ machine: at, client }) => `${at.host}:${client}`).join(','),
      TTL_SECONDS: pace.ttl,
      LOOP_WAIT_SECONDS: pace.loopWait,
      RETRY_TIMEOUT_SECONDS: pace.retryTimeout,
      MAX_CONNECTIONS: 200,
      SHARED_BUFFERS: '64MB',
      DATA: join(home, 'data'),
      BINARIES: binariesOn(machine, binaries.directory, join(home, 'bin')),
      PGPASS: join(home, 'pgpass'),
      SUPERUSER_PASSWORD: passwords.superuser,
      REPLICATION_PASSWORD: passwords.replication,
      REWIND_PASSWORD: passwords.rewind,
      REST_PASSWORD: passwords.rest,
      CERTIFICATE: certificate,
      KEY: key,
      AUTHORITY: certificates.authority,
      NODES_NETWORK: site.network,
      SERVICES_NETWORK: site.network,
    };
    writeFileSync(file, fillTemplate('patroni.yml', values), { mode: 0o600 });
    for (const path of [home, file, folder, certificate, key]) account.give(path);
    const [command, args] = account.wrap('/usr/bin/patroni', [file]);
    return prepareProcess({
      name,
      command,
      args,
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C.UTF-8', PYTHONUNBUFFERED: '1' },
      ...startedOn(machine),
      logFile: join(logs, `${name}.log`),
      readyWhen: () => isReady({ machine, rest }, certificates.authority),
      readyTimeoutMs: 60_000,
      stopTimeoutMs: 20_000,
      onCrash: (reason) => onCrash(name, reason),
    });
  });
}

/** Patroni starts Postgres itself: where a machine has a launcher, `postgres` is a script that asks it. */
function binariesOn({ launcher }: Machine, directory: string, folder: string): string {
  if (launcher === undefined) return directory;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  for (const name of readdirSync(directory)) {
    if (name !== 'postgres') symlinkSync(join(directory, name), join(folder, name));
  }
  const words = [...launcher, join(directory, 'postgres')].map((word) => `'${word}'`);
  writeFileSync(join(folder, 'postgres'), `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`, { mode: 0o755 });
  return folder;
}

interface PatroniAddress {
  machine: Machine;
  rest: number;
}

/** Its own word for "this node answers, as primary or as standby". */
async function isReady(node: PatroniAddress, authority: string): Promise<boolean> {
  return (await askPatroni(node, authority, '/readiness')).status === 200;
}

/** What Patroni of one node says; its API answers with a status and JSON. */
async function askPatroni({ machine, rest }: PatroniAddress, authority: string, path: string): Promise<JsonAnswer> {
  const client = createJsonClient({ ca: readFileSync(authority, 'utf8'), timeoutMs: 1000 });
  try {
    return await client.send('GET', `https://${machine.host}:${rest}${path}`);
  } finally {
    client.close();
  }
}

/** Resolves when one node is primary and the other follows it synchronously. */
export async function waitForPair({ postgres }: HaLayout, authority: string): Promise<void> {
  const roles = () =>
    Promise.all(
      postgres.map(async (node) => {
        const asked = await Promise.all(['/primary', '/sync'].map((path) => askPatroni(node, authority, path)));
        return asked.map(({ status }) => status === 200);
      }),
    );
  await waitUntil(
    async () => {
      const found = await roles();
      return found.some(([primary]) => primary) && found.some(([, sync]) => sync);
    },
    { timeoutMs: 60_000, what: 'a Postgres primary with a synchronous standby' },
  );
}

/** The database and its roles, which Patroni does not know of. @param file of the statements, one on each line. */
export async function ensureHaDatabase(
  { postgres }: HaLayout,
  authority: string,
  { superuser }: HaPasswords,
  file: string,
): Promise<void> {
  for (const { machine, port } of postgres) {
    const client = new pg.Client({
      host: machine.host,
      port,
      user: 'postgres',
      password: superuser,
      database: 'postgres',
      ssl: { ca: readFileSync(authority, 'utf8') },
    });
    await client.connect();
    try {
      const { rows } = await client.query<{ recovering: boolean }>('select pg_is_in_recovery() as recovering');
      if (rows[0]?.recovering !== false) continue;
      for (const statement of readFileSync(file, 'utf8').trim().split('\n')) {
        await client.query(statement).catch((error: unknown) => {
          if (!(error instanceof pg.DatabaseError) || !IS_THERE.has(error.code ?? '')) throw error;
        });
      }
      return;
    } finally {
      await client.end();
    }
  }
  throw new Error('no Postgres node is primary');
}
