import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  createUserKey,
  credentialsText,
  foundInstallation,
  userJwt,
  type Founded,
  type RoleName,
} from '@countersign/authority';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { findNatsServer, greets, isHealthy, startNats, type NatsServer } from './nats.ts';
import { freePort } from './port.ts';
import { prepareProcess, type RunningProcess } from './process.ts';
import { startTogether } from './start-together.ts';
import { waitUntil } from './wait-until.ts';

/** From a start on, until three servers know enough of each other to place three copies, is about 4 s. */
const WHOLE_WITHIN_MS = 15_000;
const STARTS = 3;

/**
 * Three servers on 127.0.0.1 that let everybody in, named nats-1, nats-2, nats-3. They can place a stream of three copies.
 * @throws what NATS said last, when they cannot after three starts.
 */
export async function startNatsCluster({ dir }: { dir: string }): Promise<NatsServer[]> {
  const routes = await Promise.all([1, 2, 3].map(() => freePort()));
  const list = routes.map((port) => `"nats-route://127.0.0.1:${port}"`).join(', ');
  for (let start = 1; ; start++) {
    const servers = await Promise.all(
      routes.map((route, index) =>
        startNats({
          name: `nats-${index + 1}`,
          storeDir: join(dir, `${start}-${index}`),
          configuration: `cluster { name: test, listen: "127.0.0.1:${route}", routes: [ ${list} ] }`,
        }),
      ),
    );
    try {
      await placesThreeCopies(servers);
      return servers;
    } catch (error) {
      await Promise.all(servers.map((server) => server.kill()));
      if (start === STARTS) throw error;
    }
  }
}

/**
 * That servers greet, and have elected a leader, is not enough: each must have told the leader of its storage. Of one that starts
 * with the others on a busy machine it may not hear for longer than anybody waits ("no suitable peers for placement").
 */
async function placesThreeCopies(servers: readonly NatsServer[]): Promise<void> {
  const nats = await connect({ servers: servers.map(({ url }) => url) });
  try {
    const { streams } = await jetstreamManager(nats, { timeout: 3000, checkAPI: false });
    const probe = { name: 'PROBE', subjects: ['probe'], num_replicas: 3 };
    await waitUntil(async () => (await streams.add(probe)).config.num_replicas === 3, {
      timeoutMs: WHOLE_WITHIN_MS,
      everyMs: 100,
      what: 'three NATS servers that place three copies',
    });
    await streams.delete(probe.name);
  } finally {
    await nats.close();
  }
}

export interface OperatorCluster extends Founded {
  /** By name: nats-1, nats-2, nats-3. */
  readonly servers: readonly (RunningProcess & { port: number; routePort: number })[];
  readonly urls: string[];
  readonly routePassword: string;
  /** Of the internal CA, PEM. */
  readonly authorities: string;
  /** Where the files of the installation are, a folder for each machine. */
  readonly folder: string;
  /** Writes a credentials file for a user with a role, and says what its public key is. */
  credentials(name: string, role: RoleName, expiresAt?: number): Promise<{ path: string; publicKey: string }>;
  kill(): Promise<void>;
}

export interface OperatorClusterOptions {
  dir: string;
  /** 3 unless given. */
  size?: number;
  appServerPort?: number;
  keyRing?: string;
  now: number;
}

/** An installation as `countersign cluster init` makes it, on 127.0.0.1: NATS in operator mode, with TLS everywhere. */
export async function startOperatorCluster(options: OperatorClusterOptions): Promise<OperatorCluster> {
  const program = findNatsServer();
  if (program === undefined) throw new Error('nats-server was not found. Install it: apt-get install nats-server');
  const folder = join(options.dir, 'installation');
  const members = await Promise.all(
    Array.from({ length: options.size ?? 3 }, async (_, index) => ({
      name: `nats-${index + 1}`,
      // A name: the client of NATS checks no address against a certificate.
      host: 'localhost',
      clientPort: await freePort(),
      routePort: await freePort(),
    })),
  );
  const monitorPorts = new Map(await Promise.all(members.map(async ({ name }) => [name, await freePort()] as const)));
  const routePassword = 'routes-of-a-test';
  const appServerPort = options.appServerPort ?? (await freePort());
  const founded = await foundInstallation({
    name: 'Countersign test',
    members,
    appServer: { name: 'app-server-1', hosts: ['localhost', '127.0.0.1'], port: appServerPort },
    publicUrl: 'https://mfa.example.com',
    folderOf: (name) => join(folder, name),
    dataFolderOf: (name) => join(options.dir, 'data', name),
    monitorOf: (name) => ({ host: '127.0.0.1', port: monitorPorts.get(name) ?? 0 }),
    listenOf: () => '127.0.0.1',
    syncsWrites: false,
    acceptUnsynced: true,
    maxFileBytes: 4 * 1024 ** 3,
    keyRing: options.keyRing ?? `k1:${Buffer.alloc(32, 7).toString('base64')}`,
    routePassword,
    now: options.now,
  });
  for (const [name, files] of Object.entries(founded.folders)) {
    mkdirSync(join(folder, name), { recursive: true, mode: 0o700 });
    for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, name, file), text, { mode: 0o600 });
  }
  // Later one may start while the others are away, and then finds no leader.
  let isFormed = false;
  const processes = members.map(({ name, clientPort }) =>
    prepareProcess({
      name,
      command: program.path,
      args: ['-c', join(folder, name, 'nats-server.conf')],
      cwd: options.dir,
      logFile: join(options.dir, `${name}.log`),
      readyWhen: () => (isFormed ? greets(clientPort) : isHealthy('127.0.0.1', monitorPorts.get(name) ?? 0)),
      readyEveryMs: 100,
    }),
  );
  await startTogether(processes);
  isFormed = true;
  const servers = processes.map((process, index) =>
    Object.assign(Object.create(process) as typeof process, {
      port: members[index]?.clientPort ?? 0,
      routePort: members[index]?.routePort ?? 0,
    }),
  );
  const { installation } = founded;
  return {
    ...founded,
    servers,
    urls: members.map(({ host, clientPort }) => `nats://${host}:${clientPort}`),
    routePassword,
    authorities: installation.certificate,
    folder,
    credentials: async (name, role, expiresAt = options.now + 86_400_000) => {
      const user = createUserKey();
      const jwt = await userJwt(installation, installation.secrets, { name, role, user: user.publicKey, expiresAt });
      const path = join(options.dir, `${name}-${user.publicKey.slice(-6)}.creds`);
      writeFileSync(path, credentialsText(jwt, user.seed), { mode: 0o600 });
      return { path, publicKey: user.publicKey };
    },
    kill: async () => {
      await Promise.all(processes.map((process) => process.kill()));
    },
  };
}
