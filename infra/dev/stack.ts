import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { hasSlapd } from '@countersign/testkit';
import { ensureCertificates } from './certificates.ts';
import { radiusAddresses, type DevFile } from './dev-file.ts';
import { directorySettings, startDevDirectory, startDevNats, startDevPostgres } from './engines.ts';
import { HA_FOLDER, type Layout } from './layout.ts';
import { THIS_MACHINE } from './machine.ts';
import {
  assertOtherAway,
  assertPortsFree,
  devFileOf,
  ensureAdministrator,
  runStack,
  settled,
  type Frame,
  type RunningStack,
  type StackOptions,
} from './running-stack.ts';
import { GATEWAYS, MOBILE_SERVICES, newcomers, openSecrets, PORTALS, RADIUS_SERVERS } from './secrets.ts';
import { seed } from './seed.ts';
import {
  appServerEnvironment,
  startAppServer,
  startEdge,
  startInbox,
  type EdgeName,
  type EdgeService,
  type Surroundings,
} from './services.ts';

/** A Postgres node stays away so long after a crash, that one can watch logins go on without it. */
const POSTGRES_PAUSE_MS = 5000;

/** The development stack: two of each service, a Postgres pair, one NATS server. */
export async function startDevStack(options: StackOptions): Promise<RunningStack> {
  assertOtherAway(join(options.layout.dir, HA_FOLDER), 'production topology');
  return runStack(options, (frame) => assemble(options, frame));
}

async function assemble({ layout, fresh }: StackOptions, { supervisor, onCrash, step }: Frame): Promise<DevFile> {
  await assertPortsFree(wantedPorts(layout), wantedDatagramPorts(layout));
  if (fresh) clear(layout);
  const secretsFile = openSecrets(layout.dir);
  const secrets = secretsFile.content;
  const certificates = await ensureCertificates(layout.dir, Date.now());

  const { ports } = layout;
  const surroundings: Surroundings = {
    layout,
    secrets,
    nats: { urls: [`nats://127.0.0.1:${ports.nats}`], copies: 1, ledgerStreams: 1 },
    publicUrl: `https://localhost:${ports.sdkGateways[0]}`,
    portalUrl: `https://localhost:${ports.userPortals[0]}`,
    deviceUrl: `https://localhost:${ports.mobileServices[0]}`,
  };
  const nats = step('NATS', async () => {
    const started = await startDevNats(layout, secrets, onCrash);
    supervisor.add(started, started.start);
  });
  const inbox = step('inbox', async () => {
    const started = await startInbox(layout, secrets, onCrash);
    supervisor.add(started, started.start);
  });
  const startEdges = (title: string, service: EdgeService, names: readonly EdgeName[], own: readonly number[]) =>
    step(title, () =>
      Promise.all(
        names.map(async (name, index) => {
          const place = { name, port: own[index] ?? 0, machine: THIS_MACHINE };
          const started = await startEdge(service, { ...surroundings, certificates }, place, onCrash);
          supervisor.add(started, started.start);
        }),
      ),
    );
  const gateways = nats.then(() => startEdges('SDK gateways', 'sdk-gateway', GATEWAYS, ports.sdkGateways));
  const directory = hasSlapd()
    ? step('directory', async () => {
        const started = await startDevDirectory(layout, secrets, certificates, onCrash);
        supervisor.add(started, started.start);
        return directorySettings(started, readFileSync(certificates.ca, 'utf8'));
      })
    : Promise.resolve(undefined);
  const database = step('Postgres primary and standby', async () => {
    const started = await startDevPostgres(layout, secrets, onCrash);
    const { pair } = started;
    for (const node of pair.nodes) supervisor.add(node, () => pair.revive(node), { pauseMs: POSTGRES_PAUSE_MS });
    return started;
  });
  const appServers = database.then(async (postgres) => {
    const options = { ...surroundings, postgres };
    const adminKey = await ensureAdministrator(
      appServerEnvironment(options, { name: 'bootstrap', port: 0, machine: THIS_MACHINE }),
      secretsFile,
      step,
    );
    await nats;
    await step('app-servers', () =>
      Promise.all(
        ports.appServers.map(async (port, index) => {
          const started = await startAppServer(
            options,
            { name: `app-server-${index + 1}`, port, machine: THIS_MACHINE },
            onCrash,
          );
          supervisor.add(started, started.start);
        }),
      ),
    );
    return { postgres, adminKey };
  });
  await settled([appServers, gateways, inbox, nats, directory]);
  const { postgres, adminKey } = await appServers;
  const directoryFound = await directory;
  await step('demo organisation', () =>
    seed({
      nats: { servers: [...surroundings.nats.urls], user: 'admin', password: secrets.natsPasswords.admin },
      secrets: secretsFile,
      adminKey,
      directory: directoryFound,
      now: () => Date.now(),
    }),
  );

  const portals = startEdges('user portals', 'user-portal', PORTALS, ports.userPortals);
  const mobileServices = startEdges('mobile services', 'mobile-app-web-service', MOBILE_SERVICES, ports.mobileServices);
  const radiusServers = startEdges(
    'RADIUS servers',
    'radius-server',
    RADIUS_SERVERS,
    ports.radiusServers.map(({ status }) => status),
  );
  await settled([portals, mobileServices, radiusServers]);

  const { pair, ownerUrls } = postgres;
  const urlOf = (node: (typeof pair.nodes)[number]) => ownerUrls[pair.nodes.indexOf(node)] ?? '';
  return devFileOf({
    layout,
    secrets,
    adminKey,
    userPortals: ports.userPortals.map((port) => `https://localhost:${port}`),
    mobileServices: ports.mobileServices.map((port) => `https://localhost:${port}`),
    radiusServers: ports.radiusServers.map((place) => radiusAddresses(place)),
    newcomers: directoryFound === undefined ? [] : newcomers(secrets),
    ca: certificates.ca,
    postgres: { primary: urlOf(pair.primary), standby: urlOf(pair.standby) },
    nats: `nats://root:${secrets.natsPasswords.root}@127.0.0.1:${ports.nats}`,
  });
}

function wantedPorts({ ports }: Layout): Map<number, string> {
  return new Map<number, string>([
    ...ports.appServers.map((port, index): [number, string] => [port, `app-server-${index + 1}`]),
    ...ports.sdkGateways.map((port, index): [number, string] => [port, `sdk-gateway-${index + 1}`]),
    ...ports.userPortals.map((port, index): [number, string] => [port, `user-portal-${index + 1}`]),
    ...ports.mobileServices.map((port, index): [number, string] => [port, `mobile-app-web-service-${index + 1}`]),
    ...ports.radiusServers.flatMap(({ status, radsec }, index) =>
      [status, radsec].map((port): [number, string] => [port, `radius-server-${index + 1}`]),
    ),
    [ports.inbox, 'the inbox'],
    [ports.directory, 'the directory'],
    [ports.postgresPrimary, 'the Postgres primary'],
    [ports.postgresStandby, 'the Postgres standby'],
    [ports.nats, 'NATS'],
  ]);
}

/** Those of UDP. */
function wantedDatagramPorts({ ports }: Layout): Map<number, string> {
  return new Map(
    ports.radiusServers.flatMap(({ authentication, accounting }, index) =>
      [authentication, accounting].map((port): [number, string] => [port, `radius-server-${index + 1}`]),
    ),
  );
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
