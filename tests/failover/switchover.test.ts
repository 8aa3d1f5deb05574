import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectBus, endpoint, serve, type Bus } from '@countersign/bus';
import { clusterStatus, MfaError } from '@countersign/contracts';
import { silentLogger } from '@countersign/telemetry';
import {
  descendantsOf,
  freePort,
  startNats,
  waitUntil,
  type NatsServer,
  type RunningProcess,
} from '@countersign/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Certificates } from '../../infra/ha/certificates.ts';
import { prepareEtcd } from '../../infra/ha/etcd.ts';
import { haLayout, type HaLayout } from '../../infra/ha/ha-layout.ts';
import { openInstallation } from '../../infra/ha/installation.ts';
import { openPasswords, type HaPasswords } from '../../infra/ha/passwords.ts';
import { ensureHaDatabase, PACES, preparePostgres, waitForPair } from '../../infra/ha/postgres.ts';
import { status } from '../../services/app-server/src/cluster/status.ts';
import { migrate } from '../../services/app-server/src/database/migrate.ts';
import { createRouter, type Router } from '../../services/app-server/src/database/router.ts';
import { assertServiceRole } from '../../services/app-server/src/database/service-role.ts';
import { bareEnvironment } from '../bare-environment.ts';

const MAIN = join(import.meta.dirname, '../../packages/cli/src/main.ts');
const isInstalled = ['/usr/bin/patroni', '/usr/bin/etcd'].every((program) => existsSync(program));
/** The longest limit of one statement, its queue, and a second try: whoever waits longer hangs. */
const NO_HANG_MS = 10_000;

interface Replica {
  name: string;
  router: Router;
  bus: Bus;
}

interface Outcome {
  /** Undefined when it was refused. */
  userId: string | undefined;
  error?: unknown;
  ms: number;
}

/** The topology on ports that nobody has. */
async function freeLayout(dir: string): Promise<HaLayout> {
  const usual = haLayout({ COUNTERSIGN_DEV_DIR: dir });
  return {
    ...usual,
    etcd: await Promise.all(
      usual.etcd.map(async (member) => ({ ...member, client: await freePort(), peer: await freePort() })),
    ),
    postgres: await Promise.all(
      usual.postgres.map(async (node) => ({ ...node, port: await freePort(), rest: await freePort() })),
    ),
  };
}

describe.skipIf(!isInstalled)('cluster switchover (skipped where Patroni or etcd is not installed)', () => {
  const dir = mkdtempSync(join(tmpdir(), 'switchover-'));
  let layout: HaLayout;
  const processes: RunningProcess[] = [];
  let certificates: Certificates;
  let passwords: HaPasswords;
  let postgres: RunningProcess[];
  let serviceUrls: string[];
  let nats: NatsServer;
  let replicas: Replica[];

  beforeAll(async () => {
    layout = await freeLayout(dir);
    mkdirSync(layout.logs, { recursive: true });
    const keyRing = `k1:${Buffer.alloc(32, 7).toString('base64')}`;
    const installation = await openInstallation(layout, { keyRing, now: Date.now() });
    certificates = installation.certificates;
    passwords = openPasswords(layout.dir);
    const onCrash = () => undefined;
    const etcd = prepareEtcd(layout, certificates, onCrash);
    postgres = preparePostgres(layout, certificates, passwords, PACES.fast, onCrash);
    processes.push(...postgres, ...etcd);
    nats = await startNats({ storeDir: join(dir, 'nats') });
    await Promise.all(etcd.map((member) => member.start()));
    await Promise.all(postgres.map((node) => node.start()));
    await waitForPair(layout, certificates.authority);
    await ensureHaDatabase(layout, certificates.authority, passwords, installation.databaseFile);
    await migrate(readFileSync(installation.ownerUrlsFile, 'utf8').trim().split(','));
    const settings = installation.environmentOf('app-server-1', 'app-server');
    serviceUrls = readFileSync(settings['COUNTERSIGN_POSTGRES_URLS_FILE'] ?? '', 'utf8')
      .trim()
      .split(',');
    replicas = await Promise.all(['app-server-1', 'app-server-2'].map(startReplica));
    for (const { router } of replicas) {
      await waitUntil(() => router.nodes().every(({ reachable }) => reachable), { what: 'both nodes to be found' });
      await assertServiceRole(router);
    }
  }, 180_000);
  afterAll(async () => {
    for (const { router, bus } of replicas ?? []) {
      await router.close();
      await bus.drain();
    }
    await nats?.kill();
    await Promise.all(processes.map((one) => one.kill()));
    rmSync(dir, { recursive: true, force: true });
  }, 60_000);

  /** What of an app-server has to do with Postgres: its router, and its word on what it sees. */
  async function startReplica(name: string): Promise<Replica> {
    const router = createRouter({ urls: serviceUrls, applicationName: name, now: Date.now });
    const bus = await connectBus({ servers: [nats.url], name });
    const own = {
      replica: name,
      version: '0.0.0',
      startedAt: Date.now(),
      now: Date.now,
      bus,
      router,
      clock: { readings: [] },
      parts: [],
      settled: { number: 1 },
      acceptsUnsynced: false,
      isFit: () => true,
    };
    await serve(bus, [endpoint(clusterStatus, (input) => status(own, input), { queue: `app-server.${name}` })], {
      queue: 'app-server',
      replica: name,
      maxInFlight: 10,
      logger: silentLogger(),
    });
    return { name, router, bus };
  }

  function countersign(...words: string[]): Promise<{ code: number; out: string; err: string }> {
    const { certificate, key } = certificates.of('admin');
    const env = {
      ...bareEnvironment(),
      COUNTERSIGN_NATS_URLS: nats.url,
      COUNTERSIGN_ADMIN_KEY: 'csk_test1_correct-horse-battery-staple',
      COUNTERSIGN_PATRONI_URLS: layout.postgres.map(({ rest }) => `https://127.0.0.1:${rest}`).join(','),
      COUNTERSIGN_PATRONI_CA_FILE: certificates.authority,
      COUNTERSIGN_PATRONI_CERT_FILE: certificate,
      COUNTERSIGN_PATRONI_KEY_FILE: key,
      COUNTERSIGN_PATRONI_PASSWORD: passwords.rest,
      ...without,
    };
    return new Promise((resolve) => {
      execFile(process.execPath, ['--conditions=source', MAIN, ...words], { cwd: dir, env }, (error, out, err) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err });
      });
    });
  }
  let without: Record<string, string> = {};

  /** What Postgres itself says. */
  const primaryPort = (router: Router) =>
    router
      .nodes()
      .find(({ role, reachable }) => role === 'primary' && reachable)
      ?.name.split(':')[1];

  async function timed(work: () => Promise<string>): Promise<Outcome> {
    const from = performance.now();
    return work().then(
      (userId) => ({ userId, ms: performance.now() - from }),
      (error: unknown) => ({ userId: undefined, error, ms: performance.now() - from }),
    );
  }

  const addUser = (router: Router) =>
    timed(() =>
      router.write(async (db) => {
        const at = new Date();
        const userId = randomUUID();
        const row = { user_id: userId, username: userId, status: 'enabled' as const, created_at: at, updated_at: at };
        await db.insertInto('app_user').values(row).execute();
        return userId;
      }),
    );

  const countUsers = (router: Router) =>
    timed(async () =>
      String((await router.read((db) => db.selectFrom('app_user').select('user_id').execute())).length),
    );

  test('under writes: each is made or told to come back, none is lost or hangs, reads go on, pools drain, nothing restarts', async () => {
    const done = new AbortController();
    const writes: Outcome[] = [];
    const reads: Outcome[] = [];
    const made = () => writes.filter(({ userId }) => userId !== undefined).length;
    const busy = replicas.flatMap(({ router }) => [
      ...[1, 2, 3].map(async () => {
        while (!done.signal.aborted) {
          writes.push(await addUser(router));
          await sleep(5);
        }
      }),
      (async () => {
        while (!done.signal.aborted) {
          reads.push(await countUsers(router));
          await sleep(20);
        }
      })(),
    ]);
    const before = primaryPort(replicas[0]!.router);
    await waitUntil(() => made() > 20, { what: 'writes to flow' });
    const { code, out, err } = await countersign('cluster', 'switchover', '--yes', '--json');
    const already = made();
    await waitUntil(() => made() > already + 20, { what: 'writes to flow again', timeoutMs: 30_000 }).finally(() =>
      done.abort(),
    );
    await Promise.all(busy);

    expect(code, err).toBe(0);
    const outcome = JSON.parse(out) as {
      from: string;
      to: string;
      synchronous: boolean;
      writes: { replica: string; awayMs: number }[];
    };
    expect(outcome.to).not.toBe(outcome.from);
    expect(outcome.synchronous).toBe(true);
    expect(outcome.writes.map(({ replica }) => replica)).toEqual(['app-server-1', 'app-server-2']);
    for (const { awayMs } of outcome.writes) expect(awayMs).toBeGreaterThan(0);

    const refused = writes.filter(({ userId }) => userId === undefined);
    expect(refused.length, 'somebody wrote while there was no primary').toBeGreaterThan(0);
    for (const { error } of refused) {
      expect(error).toBeInstanceOf(MfaError);
      const { code: refusal, retryAfterSeconds } = error as MfaError;
      expect(['PRIMARY_UNAVAILABLE', 'UNAVAILABLE']).toContain(refusal);
      expect(retryAfterSeconds).toBeGreaterThan(0);
    }
    for (const { ms } of [...writes, ...reads]) expect(ms, 'no hang').toBeLessThan(NO_HANG_MS);
    expect(
      reads.flatMap(({ error }) => error ?? []),
      'logins read on',
    ).toEqual([]);

    for (const { router } of replicas) {
      const there = await router.read((db) => db.selectFrom('app_user').select('user_id').execute(), {
        from: 'primary',
      });
      const known = new Set(there.map(({ user_id: userId }) => userId));
      const lost = writes.flatMap(({ userId }) => (userId === undefined || known.has(userId) ? [] : [userId]));
      expect(lost, 'acknowledged and lost').toEqual([]);
      // The same routers, with the same settings: nothing was restarted, and nobody holds on to the old primary.
      expect(primaryPort(router)).not.toBe(before);
      await waitUntil(
        () =>
          router
            .nodes()
            .map(({ role }) => role)
            .toSorted()
            .join() === 'primary,standby',
        {
          what: 'the old primary to be read as a standby',
        },
      );
    }
  }, 180_000);

  test('without the certificate, or with a wrong password, Patroni refuses and nothing changes', async () => {
    const before = primaryPort(replicas[0]!.router);
    for (const changed of [
      { COUNTERSIGN_PATRONI_PASSWORD: 'wrong' },
      { COUNTERSIGN_PATRONI_CERT_FILE: '', COUNTERSIGN_PATRONI_KEY_FILE: '' },
    ]) {
      without = changed;
      const { code, err } = await countersign('cluster', 'switchover', '--yes', '--json');
      expect([code, err], err).toEqual([4, expect.stringContaining('PATRONI_REFUSED')]);
    }
    without = { COUNTERSIGN_PATRONI_URLS: '' };
    expect((await countersign('cluster', 'switchover', '--yes')).code).toBe(3);
    without = {};
    // Nobody is there to be asked.
    expect((await countersign('cluster', 'switchover')).code).toBe(7);
    expect(primaryPort(replicas[0]!.router)).toBe(before);
  }, 60_000);

  test('refused while the standby is away, and nothing changes', async () => {
    const before = primaryPort(replicas[0]!.router);
    const index = layout.postgres.findIndex(({ port }) => String(port) !== before);
    const { name } = layout.postgres[index]!;
    const pidFile = join(layout.dir, name, 'data', 'postmaster.pid');
    const postmaster = Number(readFileSync(pidFile, 'utf8').split('\n')[0]);
    const patroni = postgres[index]!.pid;
    const all = [...new Set([patroni, ...descendantsOf(patroni), postmaster, ...descendantsOf(postmaster)])];
    for (const pid of all) process.kill(pid, 'SIGSTOP');
    try {
      for (let tries = 0; tries < 3; tries += 1) {
        const { code, err } = await countersign('cluster', 'switchover', '--yes', '--json');
        expect([code, err], err).toEqual([6, expect.stringContaining('SWITCHOVER_REFUSED')]);
      }
      expect(primaryPort(replicas[0]!.router)).toBe(before);
    } finally {
      for (const pid of all) process.kill(pid, 'SIGCONT');
    }
  }, 120_000);
});
