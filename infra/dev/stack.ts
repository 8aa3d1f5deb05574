import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ensureCertificates } from './certificates.ts';
import { writeDevFile, type DevFile } from './dev-file.ts';
import { startDevNats, startDevPostgres } from './engines.ts';
import type { Layout } from './layout.ts';
import { takenPorts } from './ports.ts';
import { takeRunLock } from './run-lock.ts';
import { GATEWAYS, openSecrets } from './secrets.ts';
import { seed } from './seed.ts';
import { makeAdministrator, natsUrl, startAppServer, startGateway, startInbox } from './services.ts';
import { createSupervisor } from './supervisor.ts';

export interface DevStack {
  readonly dev: DevFile;
  stop(): Promise<void>;
}

export interface DevStackOptions {
  layout: Layout;
  /** Throws away the data of earlier runs first. */
  fresh: boolean;
  say: (line: string) => void;
  /** Aborts a start that is under way; what ran by then is stopped. */
  signal: AbortSignal;
}

/** Something the person at the terminal has to settle; no stack trace helps. */
export class CannotStart extends Error {
  override readonly name = 'CannotStart';
}

/** A Postgres node stays away so long after a crash, that one can watch logins go on without it. */
const POSTGRES_PAUSE_MS = 5000;

/**
 * Starts everything in the order in which it depends on each other, seeds it, and keeps it running.
 * @throws RunsAlready, CannotStart when a port is taken, Error with the last output of what did not start.
 */
export async function startDevStack({ layout, fresh, say, signal }: DevStackOptions): Promise<DevStack> {
  mkdirSync(layout.logs, { recursive: true });
  const lock = await takeRunLock(layout.dir, say);
  let dev: DevFile | undefined;
  const supervisor = createSupervisor(say, () => publish());
  const onCrash = (name: string, reason: string) => supervisor.crashed(name, reason);
  const stop = async () => {
    await supervisor.stop();
    if (dev !== undefined) writeDevFile(layout.devFile, { ...dev, processes: {} });
    lock.release();
  };
  function publish(): void {
    const processes = supervisor.processes();
    lock.remember(processes);
    if (dev === undefined) return;
    dev.processes = Object.fromEntries(Object.entries(processes).filter(([, pid]) => pid > 0));
    writeDevFile(layout.devFile, dev);
  }

  try {
    return await assemble();
  } catch (error) {
    await stop();
    throw error;
  }

  async function assemble(): Promise<DevStack> {
    await assertPortsFree(layout);
    if (fresh) clear(layout);
    const secretsFile = openSecrets(layout.dir);
    const secrets = secretsFile.content;
    const certificates = await ensureCertificates(layout.dir, Date.now());

    const { ports } = layout;
    const nats = step('NATS', async () => {
      const started = await startDevNats(layout, secrets, onCrash);
      supervisor.add(started, started.start);
    });
    const inbox = step('inbox', async () => {
      const started = await startInbox(layout, secrets, onCrash);
      supervisor.add(started, started.start);
    });
    const gateways = nats.then(() =>
      step('SDK gateways', () =>
        Promise.all(
          GATEWAYS.map(async (name, index) => {
            const options = { layout, secrets, certificates };
            const started = await startGateway(options, ports.sdkGateways[index] ?? 0, name, onCrash);
            supervisor.add(started, started.start);
          }),
        ),
      ),
    );
    const database = step('Postgres primary and standby', async () => {
      const started = await startDevPostgres(layout, secrets, onCrash);
      const { pair } = started;
      for (const node of pair.nodes) supervisor.add(node, () => pair.revive(node), { pauseMs: POSTGRES_PAUSE_MS });
      return started;
    });
    const appServers = database.then(async (postgres) => {
      const options = { layout, secrets, postgres };
      const adminKey =
        secrets.adminKey ??
        (await step('schema and first administrator', () =>
          makeAdministrator(options, `developer ${secrets.installation}`),
        ));
      secrets.adminKey = adminKey;
      secretsFile.save();
      await nats;
      await step('app-servers', () =>
        Promise.all(
          ports.appServers.map(async (port, index) => {
            const started = await startAppServer(options, port, `app-server-${index + 1}`, onCrash);
            supervisor.add(started, started.start);
          }),
        ),
      );
      return { postgres, adminKey };
    });
    // Everybody is waited for, also when one has failed: what starts late must not be left behind.
    const outcomes = await Promise.allSettled([appServers, gateways, inbox, nats]);
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    const { postgres, adminKey } = await appServers;
    await step('demo organisation', () =>
      seed({ natsUrl: natsUrl(layout), secrets: secretsFile, adminKey, now: () => Date.now() }),
    );

    const { pair, ownerUrls } = postgres;
    const urlOf = (node: (typeof pair.nodes)[number]) => ownerUrls[pair.nodes.indexOf(node)] ?? '';
    const { application, users } = secrets;
    if (application === undefined) throw new Error('the demo application was not made');
    const written: DevFile = {
      sdkGateways: ports.sdkGateways.map((port) => `https://localhost:${port}`),
      userPortals: [],
      mobileServices: [],
      adminApis: ports.appServers.map((port) => `http://localhost:${port}`),
      inbox: `http://localhost:${ports.inbox}`,
      ca: certificates.ca,
      apiKey: application.apiKey,
      application: application.name,
      applicationId: application.applicationId,
      adminKey,
      users,
      postgres: { primary: urlOf(pair.primary), standby: urlOf(pair.standby) },
      nats: `nats://root:${secrets.natsPasswords.root}@127.0.0.1:${ports.nats}`,
      natsUsers: secrets.natsPasswords,
      processes: {},
    };
    dev = written;
    publish();
    return { dev: written, stop };
  }

  /** One line for people: what, and how long. */
  async function step<T>(what: string, work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const startedAt = performance.now();
    const done = await work();
    say(`• ${what.padEnd(30)} ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
    signal.throwIfAborted();
    return done;
  }
}

async function assertPortsFree({ ports }: Layout): Promise<void> {
  const wanted = new Map<number, string>([
    ...ports.appServers.map((port, index): [number, string] => [port, `app-server-${index + 1}`]),
    ...ports.sdkGateways.map((port, index): [number, string] => [port, `sdk-gateway-${index + 1}`]),
    [ports.inbox, 'the inbox'],
    [ports.postgresPrimary, 'the Postgres primary'],
    [ports.postgresStandby, 'the Postgres standby'],
    [ports.nats, 'NATS'],
  ]);
  const taken = await takenPorts(wanted);
  if (taken.length === 0) return;
  const lines = taken.map(
    ({ port, purpose, holder = 'another program' }) => `Port ${port}, needed by ${purpose}, is taken by ${holder}.`,
  );
  const advice = 'Stop it, or move this stack: COUNTERSIGN_DEV_FIRST_PORT=18100 npm start';
  throw new CannotStart([...lines, advice].join('\n'));
}

/** Tools and the log of their installation stay: they hold no data. */
function clear({ dir }: Layout): void {
  const kept = new Set(['tools', 'home', 'logs', 'run.json']);
  for (const entry of readdirSync(dir)) {
    if (!kept.has(entry)) rmSync(join(dir, entry), { recursive: true, force: true });
  }
  for (const log of readdirSync(join(dir, 'logs'))) {
    if (log !== 'install.log') rmSync(join(dir, 'logs', log), { force: true });
  }
}
