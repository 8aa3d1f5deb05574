import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ACCEPT_UNSYNCED } from '@countersign/authority';
import { startProcess, type RunningProcess } from '@countersign/testkit';
import type { CertificateFiles } from './certificates.ts';
import type { DevPostgres } from './engines.ts';
import { createJsonClient } from './https-json.ts';
import { CHECKOUT, type Layout, type RadiusPorts } from './layout.ts';
import { launched, startedOn, THIS_MACHINE, type Machine, type Place } from './machine.ts';
import type { GatewayName, MobileServiceName, PortalName, RadiusServerName, Secrets } from './secrets.ts';

type OnCrash = (name: string, reason: string) => void;
export type Environment = Record<string, string>;

export interface ServiceSettings {
  name: string;
  main: string;
  machine?: Machine;
  environment: Environment;
  isReady: () => Promise<boolean>;
}

/** Runs one of our programs as it will be run by others: a process with nothing in its environment but its settings. */
export function startService(layout: Layout, settings: ServiceSettings, onCrash: OnCrash): Promise<RunningProcess> {
  const { machine = THIS_MACHINE } = settings;
  return startProcess({
    name: settings.name,
    ...launched(machine, process.execPath, '--conditions=source', join(CHECKOUT, settings.main)),
    // What was parsed and stripped of types once is kept for the next start and the next replica.
    env: bareEnvironment({
      NODE_COMPILE_CACHE: join(layout.dir, 'compile-cache'),
      ...settings.environment,
    }),
    cwd: CHECKOUT,
    ...startedOn(machine),
    logFile: join(layout.logs, `${settings.name}.log`),
    readyWhen: settings.isReady,
    readyTimeoutMs: 60_000,
    onCrash: (reason) => onCrash(settings.name, reason),
  });
}

function bareEnvironment(settings: Environment): Environment {
  return { PATH: process.env['PATH'] ?? '/usr/bin:/bin', TZ: 'UTC', ...settings };
}

/** @param host where it listens: the inbox stands for carriers, which are no part of the topology. */
export function startInbox(
  layout: Layout,
  secrets: Secrets,
  onCrash: OnCrash,
  host = '127.0.0.1',
): Promise<RunningProcess> {
  const url = `http://${host}:${layout.ports.inbox}`;
  const environment = {
    COUNTERSIGN_INBOX_HOST: host,
    COUNTERSIGN_INBOX_PORT: String(layout.ports.inbox),
    COUNTERSIGN_INBOX_TOKEN: secrets.inboxToken,
    COUNTERSIGN_INBOX_FILE: join(layout.dir, 'inbox.jsonl'),
  };
  const isReady = () => answers(`${url}/health/live`);
  return startService(layout, { name: 'inbox', main: 'infra/dev/inbox/main.ts', environment, isReady }, onCrash);
}

/** How NATS is reached, and how it keeps streams. */
export interface NatsAddress {
  urls: readonly string[];
  /** Copies of each stream. */
  copies: number;
  /** Over how many streams users are spread. */
  ledgerStreams: number;
  /** The installed nats-server cannot sync each write: on this machine that is accepted, whatever app-server thinks of it. */
  unsynced?: boolean;
}

/** What every service of a stack shares. */
export interface Surroundings {
  layout: Layout;
  secrets: Secrets;
  nats: NatsAddress;
  /** Where callers reach sdk-gateway. */
  publicUrl: string;
  /** Where people reach user-portal. */
  portalUrl?: string;
  /** Where phones reach mobile-app-web-service. */
  deviceUrl?: string;
}

export interface AppServerOptions extends Surroundings {
  postgres: Pick<DevPostgres, 'serviceUrls' | 'ownerUrls'>;
}

export function startAppServer(options: AppServerOptions, place: Place, onCrash: OnCrash) {
  const { name, port, machine } = place;
  const environment = appServerEnvironment(options, place);
  const isReady = () => answers(`http://${machine.host}:${port}/health/ready`);
  const main = 'services/app-server/src/main.ts';
  return startService(options.layout, { name, main, machine, environment, isReady }, onCrash);
}

/** Makes the first administrator's key, which is shown this once. */
export async function makeAdministrator(environment: Environment, name: string): Promise<string> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--conditions=source', join(CHECKOUT, 'services/app-server/src/bootstrap.ts'), name],
    { cwd: CHECKOUT, env: bareEnvironment({ ...environment, COUNTERSIGN_REPLICA: 'bootstrap' }), timeout: 60_000 },
  );
  return (JSON.parse(stdout) as { apiKey: string }).apiKey;
}

export function appServerEnvironment(options: AppServerOptions, { name, port, machine }: Place): Environment {
  const { layout, secrets, nats, postgres } = options;
  return {
    COUNTERSIGN_REPLICA: name,
    COUNTERSIGN_HOST: machine.host,
    COUNTERSIGN_PORT: String(port),
    ...natsEnvironment(options, 'app-server'),
    COUNTERSIGN_NATS_REPLICAS: String(nats.copies),
    COUNTERSIGN_LEDGER_STREAMS: String(nats.ledgerStreams),
    ...(nats.unsynced === true && { COUNTERSIGN_NATS_UNSYNCED: ACCEPT_UNSYNCED }),
    COUNTERSIGN_POSTGRES_URLS: postgres.serviceUrls.join(','),
    COUNTERSIGN_POSTGRES_OWNER_URLS: postgres.ownerUrls.join(','),
    COUNTERSIGN_KEY_RING: secrets.keyRing,
    COUNTERSIGN_PUBLIC_URL: options.publicUrl,
    ...(options.portalUrl !== undefined && { COUNTERSIGN_PORTAL_URL: options.portalUrl }),
    ...(options.deviceUrl !== undefined && { COUNTERSIGN_DEVICE_URL: options.deviceUrl }),
    ...carrierEnvironment(layout, secrets),
  };
}

/** The one carrier of a stack: the inbox. Its token is no setting of ours, and is not named like one. @param host where it listens. */
export function carrierEnvironment(layout: Layout, secrets: Secrets, host = '127.0.0.1'): Environment {
  const carriersFile = join(layout.dir, 'carriers.json');
  const url = `http://${host}:${layout.ports.inbox}/api/messages`;
  const inbox = { type: 'inbox', url, token: { env: 'INBOX_TOKEN' } };
  writeFileSync(carriersFile, `${JSON.stringify({ carriers: { inbox } }, undefined, 2)}\n`);
  return { COUNTERSIGN_CARRIERS_FILE: carriersFile, INBOX_TOKEN: secrets.inboxToken };
}

export type EdgeService = 'sdk-gateway' | 'user-portal' | 'mobile-app-web-service' | 'radius-server';
export type EdgeName = GatewayName | PortalName | MobileServiceName | RadiusServerName;

type EdgeSurroundings = Surroundings & { certificates: CertificateFiles };

/** What an edge is told beside what every one is: where callers reach it, and which application it is. */
const OWN_SETTINGS: Readonly<Record<EdgeService, (surroundings: EdgeSurroundings, port: number) => Environment>> = {
  'sdk-gateway': ({ publicUrl }) => ({ COUNTERSIGN_PUBLIC_URL: publicUrl }),
  // Each has an address of its own here, where nothing stands in front of them. A browser sends its cookie to both: whoever signed in at
  // one is signed in at the other.
  'user-portal': ({ secrets }, port) => ({
    COUNTERSIGN_PORTAL_URL: `https://localhost:${port}`,
    COUNTERSIGN_API_KEY: secrets.portal?.apiKey ?? '',
  }),
  // Both have the one address that phones know: what phones sign names it, whichever of the two they reach.
  'mobile-app-web-service': ({ layout, secrets, deviceUrl }, port) => ({
    COUNTERSIGN_DEVICE_URL: deviceUrl ?? `https://localhost:${port}`,
    COUNTERSIGN_API_KEY: secrets.mobile?.apiKey ?? '',
    ...authenticatorPages(layout.dir),
  }),
  'radius-server': ({ layout, secrets, certificates }, port) => ({
    ...radiusEnvironment(layout.ports.radiusServers.find(({ status }) => status === port)),
    COUNTERSIGN_RADIUS_HOSTS: loopbacks().join(','),
    COUNTERSIGN_RADSEC_CA_FILE: certificates.ca,
    COUNTERSIGN_API_KEY: secrets.radius?.apiKey ?? '',
  }),
};

/** IPv6 is tried as well, where the machine has it. */
export function loopbacks(): string[] {
  const hasIpv6 = existsSync('/proc/net/if_inet6') && / lo$/m.test(readFileSync('/proc/net/if_inet6', 'utf8'));
  return [THIS_MACHINE.host, ...(hasIpv6 ? ['::1'] : [])];
}

/** Where a radius-server takes packets: two share an address here, and none may have the usual ports. */
export function radiusEnvironment(ports: Omit<RadiusPorts, 'status'> | undefined): Environment {
  if (ports === undefined) throw new Error('the radius-server has no ports');
  return {
    COUNTERSIGN_RADIUS_PORT: String(ports.authentication),
    COUNTERSIGN_RADIUS_ACCOUNTING_PORT: String(ports.accounting),
    COUNTERSIGN_RADSEC_PORT: String(ports.radsec),
  };
}

export function startEdge(
  service: EdgeService,
  options: EdgeSurroundings,
  { name, port, machine }: Place & { name: EdgeName },
  onCrash: OnCrash,
): Promise<RunningProcess> {
  const { layout, certificates } = options;
  const environment = {
    COUNTERSIGN_REPLICA: name,
    COUNTERSIGN_HOST: machine.host,
    COUNTERSIGN_PORT: String(port),
    COUNTERSIGN_TLS_CERT_FILE: certificates.certificate,
    COUNTERSIGN_TLS_KEY_FILE: certificates.key,
    ...OWN_SETTINGS[service](options, port),
    ...natsEnvironment(options, name),
  };
  const client = createJsonClient({ ca: readFileSync(certificates.ca, 'utf8'), timeoutMs: 2000 });
  const isReady = async () => (await client.send('GET', `https://${machine.host}:${port}/health/ready`)).status === 200;
  const main = `services/${service}/src/main.ts`;
  return startService(layout, { name, main, machine, environment, isReady }, onCrash);
}

/** Those that were built, which it finds itself; in a checkout where none are, an empty page. */
export function authenticatorPages(dir: string): Environment {
  if (existsSync(join(CHECKOUT, 'services/mobile-app-web-service/web/dist/index.html'))) return {};
  const pages = join(dir, 'no-authenticator');
  mkdirSync(join(pages, 'assets'), { recursive: true });
  writeFileSync(join(pages, 'index.html'), '<!doctype html><title>Countersign</title>');
  return { COUNTERSIGN_PAGES: pages };
}

function natsEnvironment({ nats, secrets }: Surroundings, user: 'app-server' | EdgeName): Environment {
  return {
    COUNTERSIGN_NATS_URLS: nats.urls.join(','),
    COUNTERSIGN_NATS_USER: user,
    COUNTERSIGN_NATS_PASSWORD: secrets.natsPasswords[user],
  };
}

async function answers(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
  await response.arrayBuffer();
  return response.status === 200;
}
