import { rmSync } from 'node:fs';
import type { DevFile } from '../dev/dev-file.ts';
import type { Place } from '../dev/machine.ts';
import {
  devFileOf,
  ensureAdministrator,
  runStack,
  settled,
  type Frame,
  type RunningStack,
  type StackOptions,
} from '../dev/running-stack.ts';
import { GATEWAYS, openSecrets } from '../dev/secrets.ts';
import { seed } from '../dev/seed.ts';
import { startAppServer, startGateway, startInbox, type Surroundings } from '../dev/services.ts';
import { prepareBalancers } from './balancer.ts';
import { ensureHaCertificates } from './certificates.ts';
import { prepareEtcd } from './etcd.ts';
import type { HaLayout } from './ha-layout.ts';
import { prepareNats } from './nats.ts';
import { openPasswords } from './passwords.ts';
import { ensureHaDatabase, PACES, preparePostgres, waitForPair, type PatroniPace } from './postgres.ts';

export interface HaOptions extends StackOptions {
  layout: HaLayout;
  pace?: PatroniPace;
}

/** Of a server that was killed: long enough to see that everything goes on without it. */
const PAUSE_MS = 5000;

/** The production topology on one machine: three NATS servers, Postgres under Patroni with etcd, HAProxy, two of each service. */
export function startHaStack(options: HaOptions): Promise<RunningStack> {
  if (options.fresh) rmSync(options.layout.dir, { recursive: true, force: true });
  return runStack(options, (frame) => assemble(options, frame));
}

async function assemble(
  { layout, pace = PACES.fast }: HaOptions,
  { supervisor, onCrash, step }: Frame,
): Promise<DevFile> {
  const { dir, ports, balancers, sdkGateways, site } = layout;
  const secretsFile = openSecrets(dir);
  const secrets = secretsFile.content;
  const passwords = openPasswords(dir);
  const holders = [...layout.nats, ...layout.etcd, ...layout.postgres].map(({ name }) => name);
  const certificates = await ensureHaCertificates(
    dir,
    [...holders, ...GATEWAYS, 'balancer'],
    site.machines.map(({ host }) => host),
    Date.now(),
  );
  const { authority } = certificates;
  const surroundings: Surroundings = {
    layout,
    secrets,
    nats: {
      urls: layout.nats.map(({ machine, client }) => `nats://${machine.host}:${client}`),
      authority,
      copies: 3,
      ledgerStreams: 3,
    },
    publicUrl: `https://${addressOf(balancers[0])}`,
  };

  const startAll = async (parts: ReturnType<typeof prepareNats>) => {
    await settled(parts.map((part) => part.start()));
    for (const part of parts) supervisor.add(part, part.start, { pauseMs: PAUSE_MS });
  };
  const nats = step('three NATS servers', () => startAll(prepareNats(layout, certificates, secrets, onCrash)));
  const inbox = step('inbox', async () => {
    const started = await startInbox(layout, secrets, onCrash, site.outside);
    supervisor.add(started, started.start);
  });
  const postgres = preparePostgres(layout, certificates, passwords, pace, onCrash);
  const database = step('three etcd members', () => startAll(prepareEtcd(layout, certificates, onCrash))).then(() =>
    step('Postgres under Patroni', async () => {
      await startAll([...postgres.nodes]);
      await waitForPair(layout, authority);
      await ensureHaDatabase(layout, authority, passwords);
    }),
  );
  const gateways = nats.then(() =>
    step('SDK gateways', () =>
      Promise.all(
        sdkGateways.map(async (place) => {
          const { certificate, key } = certificates.of(place.name);
          const options = {
            ...surroundings,
            certificates: { ca: authority, certificate, key },
            trustedProxies: [...new Set(balancers.map(({ machine }) => machine.host))],
          };
          const started = await startGateway(options, place, onCrash);
          supervisor.add(started, started.start);
        }),
      ),
    ),
  );
  const balanced = gateways.then(() =>
    step('two balancers', () => {
      const port = (balancer: number) => balancers[balancer]?.port ?? 0;
      const service = { service: 'sdk-gateway', port, replicas: sdkGateways };
      return startAll(prepareBalancers(layout, certificates, [service], onCrash));
    }),
  );
  const appServers = database.then(async () => {
    const options = { ...surroundings, postgres };
    const adminKey = await ensureAdministrator(options, secretsFile, step);
    await nats;
    await step('app-servers', () =>
      Promise.all(
        layout.appServers.map(async (place) => {
          const started = await startAppServer(options, place, onCrash);
          supervisor.add(started, started.start);
        }),
      ),
    );
    return adminKey;
  });
  await settled([appServers, gateways, balanced, inbox, nats]);
  const adminKey = await appServers;
  await step('demo organisation', () =>
    seed({ nats: surroundings.nats, secrets: secretsFile, adminKey, now: () => Date.now() }),
  );
  const [primary = '', standby = ''] = postgres.ownerUrls;
  const root = `root:${secrets.natsPasswords.root}`;
  return devFileOf({
    layout,
    secrets,
    adminKey,
    ca: authority,
    postgres: { primary, standby },
    nats: layout.nats.map(({ machine, client }) => `nats://${root}@${machine.host}:${client}`).join(','),
    natsCa: authority,
    balancers: balancers.map((place) => `https://${addressOf(place)}`),
    sdkGateways: sdkGateways.map((place) => `https://${addressOf(place)}`),
    adminApis: layout.appServers.map((place) => `http://${addressOf(place)}`),
    inbox: `http://${site.outside}:${ports.inbox}`,
  });
}

function addressOf(place: Place | undefined): string {
  if (place === undefined) throw new Error('the topology has nobody there');
  return `${place.machine.host}:${place.port}`;
}
