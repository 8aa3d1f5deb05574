import { readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { startTogether, type RunningProcess } from '@countersign/testkit';
import { radiusAddresses, type DevFile } from '../dev/dev-file.ts';
import type { Place } from '../dev/machine.ts';
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
} from '../dev/running-stack.ts';
import { openSecrets } from '../dev/secrets.ts';
import { seed } from '../dev/seed.ts';
import { authenticatorPages, carrierEnvironment, radiusEnvironment, startInbox } from '../dev/services.ts';
import { admit, hasJoined } from './admission.ts';
import { prepareBalancers } from './balancer.ts';
import { startHaDirectory } from './directory.ts';
import { prepareEtcd } from './etcd.ts';
import { datagramPortsOf, deviceUrlOf, membersOf, portalUrlOf, portsOf, type HaLayout } from './ha-layout.ts';
import { FIRST_APP_SERVER, openInstallation } from './installation.ts';
import { prepareNats } from './nats.ts';
import { openPasswords } from './passwords.ts';
import { ensureHaDatabase, PACES, preparePostgres, waitForPair, type PatroniPace } from './postgres.ts';
import { prepareRadiusBalancers } from './radius-balancer.ts';
import { startJoined, type Joined } from './services.ts';

export interface HaOptions extends StackOptions {
  layout: HaLayout;
  pace?: PatroniPace;
}

/** Of a server that was killed: long enough to see that everything goes on without it. */
const PAUSE_MS = 5000;

/** The production topology on one machine: three NATS servers, Postgres under Patroni with etcd, HAProxy, two of each service. */
export async function startHaStack(options: HaOptions): Promise<RunningStack> {
  assertOtherAway(dirname(options.layout.dir), 'development stack');
  if (options.fresh) rmSync(options.layout.dir, { recursive: true, force: true });
  return runStack(options, (frame) => assemble(options, frame));
}

async function assemble(
  { layout, say, pace = PACES.fast }: HaOptions,
  { supervisor, onCrash, step }: Frame,
): Promise<DevFile> {
  const { dir, ports, balancers, portalBalancers, mobileBalancers, adminBalancers, site } = layout;
  // In a network of its own nobody else listens.
  if (site.machines.every(({ networkNamespace }) => networkNamespace === undefined)) {
    await assertPortsFree(portsOf(layout), datagramPortsOf(layout));
  }
  const secretsFile = openSecrets(dir);
  const secrets = secretsFile.content;
  const passwords = openPasswords(dir);
  const installation = await openInstallation(layout, { keyRing: secrets.keyRing, now: Date.now() });
  const { certificates, credentials, ownerUrlsFile } = installation;
  const { authority } = certificates;
  const portalUrl = portalUrlOf(layout);
  const deviceUrl = deviceUrlOf(layout);
  const natsUrls = layout.nats.map(({ machine, client }) => `nats://${machine.host}:${client}`);
  const proxies = [...new Set(balancers.map(({ machine }) => machine.host))].join(',');
  // What people add to the settings of founding and joining: carriers, the owner's addresses for two that can migrate, balancers.
  const appServers = layout.appServers.map((place) => ({
    ...place,
    service: 'app-server' as const,
    more: {
      ...carrierEnvironment(layout, secrets),
      COUNTERSIGN_POSTGRES_OWNER_URLS_FILE: ownerUrlsFile,
      COUNTERSIGN_PORTAL_URL: portalUrl,
      COUNTERSIGN_DEVICE_URL: deviceUrl,
    },
  }));
  const edge = { COUNTERSIGN_TRUSTED_PROXIES: proxies, COUNTERSIGN_NOT_READY_SECONDS: '3' };
  const gateways = layout.sdkGateways.map((place) => ({
    ...place,
    service: 'sdk-gateway' as const,
    more: edge,
  }));
  const portals = layout.userPortals.map((place) => ({
    ...place,
    service: 'user-portal' as const,
    more: { ...edge, COUNTERSIGN_PORTAL_URL: portalUrl },
  }));
  const mobileServices = layout.mobileServices.map((place) => ({
    ...place,
    service: 'mobile-app-web-service' as const,
    more: { ...edge, COUNTERSIGN_DEVICE_URL: deviceUrl, ...authenticatorPages(dir) },
  }));
  const radiusServers = layout.radiusServers.map((place) => ({
    ...place,
    service: 'radius-server' as const,
    more: {
      ...radiusEnvironment(place),
      COUNTERSIGN_RADIUS_HOSTS: place.machine.host,
      COUNTERSIGN_RADSEC_CA_FILE: authority,
    },
  }));

  const machines = new Map(membersOf(layout).map(({ name, machine }) => [name, machine]));
  const keepRunning = (part: RunningProcess, options?: { pauseMs: number }) => {
    const again = async () => {
      await machines.get(part.name)?.whenOn?.();
      await part.start();
    };
    supervisor.add(part, again, options);
  };
  const keepAllRunning = (parts: readonly RunningProcess[]) => {
    for (const part of parts) keepRunning(part, { pauseMs: PAUSE_MS });
  };
  const startAll = async (parts: readonly RunningProcess[]) => {
    await settled(parts.map((part) => part.start()));
    keepAllRunning(parts);
  };
  const startReplica = async (replica: Joined) => {
    const started = await startJoined(layout, installation, replica, onCrash);
    keepRunning(started);
  };
  const nats = step('three NATS servers', async () => {
    const servers = prepareNats(layout, certificates, onCrash);
    await startTogether(servers, say);
    keepAllRunning(servers);
  });
  const inbox = step('inbox', async () => {
    const started = await startInbox(layout, secrets, onCrash, site.outside);
    supervisor.add(started, started.start);
  });
  const directory = step('directory', async () => {
    const started = await startHaDirectory(layout, secrets, onCrash);
    if (started !== undefined) supervisor.add(started.server, started.server.start);
    return started;
  });
  const database = step('three etcd members', () => startAll(prepareEtcd(layout, certificates, onCrash))).then(() =>
    step('Postgres under Patroni', async () => {
      await startAll(preparePostgres(layout, certificates, passwords, pace, onCrash));
      await waitForPair(layout, authority);
      await ensureHaDatabase(layout, authority, passwords, installation.databaseFile);
    }),
  );
  const founders = appServers.slice(0, 1);
  const founded = database.then(async () => {
    const environment = { ...installation.environmentOf(FIRST_APP_SERVER, 'app-server'), ...founders[0]?.more };
    const adminKey = await ensureAdministrator(environment, secretsFile, step);
    installation.forgetAuthority();
    await nats;
    await step('first app-server', () => Promise.all(founders.map(startReplica)));
    return adminKey;
  });
  // Everybody else is a stranger at the first start; afterwards their files are there.
  const everybody = [...appServers, ...gateways, ...portals, ...mobileServices, ...radiusServers];
  const strangers = everybody.filter(({ name }) => !hasJoined(installation, name));
  const joined =
    strangers.length === 0
      ? nats
      : founded.then((adminKey) =>
          step('joining by token', () =>
            admit(installation, { servers: natsUrls, credentialsFile: credentials.admin, adminKey }, strangers),
          ),
        );
  const gatewaysStarted = joined.then(() => step('SDK gateways', () => Promise.all(gateways.map(startReplica))));
  const othersStarted = Promise.all([founded, joined]).then(() =>
    step('other app-servers', () => Promise.all(appServers.slice(1).map(startReplica))),
  );
  const balanced = joined.then(() =>
    step('two balancers, and two for RADIUS', () =>
      startAll([
        ...prepareRadiusBalancers(layout, layout.radiusServers, onCrash),
        ...prepareBalancers(
          layout,
          certificates,
          [
            { service: 'sdk-gateway', places: balancers, replicas: gateways },
            { service: 'user-portal', places: portalBalancers, replicas: portals },
            {
              service: 'mobile-app-web-service',
              places: mobileBalancers,
              replicas: mobileServices,
              serverConnections: 32_768,
            },
            { service: 'app-server', places: adminBalancers, replicas: appServers },
          ],
          onCrash,
        ),
      ]),
    ),
  );
  await settled([founded, gatewaysStarted, othersStarted, balanced, inbox, directory, nats]);
  const found = await directory;
  const adminKey = await founded;
  await step('demo organisation', () =>
    seed({
      nats: {
        servers: natsUrls,
        credentialsFile: credentials.admin,
        authorities: readFileSync(authority, 'utf8'),
      },
      secrets: secretsFile,
      adminKey,
      directory: found?.settings,
      now: () => Date.now(),
    }),
  );
  // The applications that they are were made just now, and their keys are the administrator's to hand over.
  const withKey = (replicas: readonly Joined[], apiKey = '') =>
    Promise.all(
      replicas.map((replica) => startReplica({ ...replica, more: { ...replica.more, COUNTERSIGN_API_KEY: apiKey } })),
    );
  await settled([
    step('user portals', () => withKey(portals, secrets.portal?.apiKey)),
    step('mobile services', () => withKey(mobileServices, secrets.mobile?.apiKey)),
    step('RADIUS servers', () => withKey(radiusServers, secrets.radius?.apiKey)),
  ]);
  const [primary = '', standby = ''] = readFileSync(ownerUrlsFile, 'utf8').trim().split(',');
  const addresses = (places: readonly Place[]) => places.map(({ machine, port }) => `https://${machine.host}:${port}`);
  return devFileOf({
    layout,
    secrets,
    adminKey,
    ca: authority,
    postgres: { primary, standby },
    nats: natsUrls.join(','),
    natsCa: authority,
    natsUsers: {},
    natsCredentials: credentials,
    balancers: addresses(balancers),
    adminBalancers: addresses(adminBalancers),
    sdkGateways: addresses(layout.sdkGateways),
    // Their pages answer nobody who comes by another address than people have.
    userPortals: [portalUrl],
    mobileServices: [deviceUrl],
    // Whoever asks them asks the balancers, or knows both.
    radiusServers: [...layout.radiusBalancers, ...layout.radiusServers].map((place) =>
      radiusAddresses(place, place.machine.host),
    ),
    newcomers: found?.newcomers ?? [],
    adminApis: addresses(layout.appServers),
    inbox: `http://${site.outside}:${ports.inbox}`,
  });
}
