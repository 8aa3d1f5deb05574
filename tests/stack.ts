import { execFile } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { call, connectBus, credentialFromApiKey, type Bus } from '@countersign/bus';
import {
  applicationCreate,
  authenticatorConfirm,
  authenticatorEnrol,
  policyGet,
  policySet,
  userCreate,
  type InputOf,
  type Operation,
  type OutputOf,
  type PolicyDocument,
  type Scope,
} from '@countersign/contracts';
import { base32Decode, totpCode, totpStep, type TotpParameters } from '@countersign/otp';
import {
  createAuthority,
  ensureRole,
  freePort,
  issueCertificate,
  startNats,
  startPostgresPair,
  startProcess,
  waitUntil,
  type KeyAndCertificate,
  type NatsServer,
  type PostgresPair,
  type RunningProcess,
} from '@countersign/testkit';
import pg from 'pg';
import { hearing } from '../infra/dev/engines.ts';
import { authenticatorPages, loopbacks, radiusEnvironment } from '../infra/dev/services.ts';
import { bareEnvironment } from './bare-environment.ts';
import { createClient, type Client, type ClientIdentity } from './client.ts';
import { createInboxReader, type InboxReader } from './inbox-reader.ts';

export const CHECKOUT = join(import.meta.dirname, '..');
const run = promisify(execFile);
const SOURCE = '--conditions=source';

export interface StackOptions {
  /** 2 unless given. */
  appServers?: number;
  /** 2 unless given. */
  sdkGateways?: number;
  /** Merged over a policy whose send budgets no test reaches by accident. */
  policy?: PolicyDocument;
  /** None unless given. */
  userPortals?: number;
  userPortalEnvironment?: Record<string, string>;
  /** Where people reach the portals: the balancer of a test. */
  portalUrl?: string;
  /** None unless given. */
  mobileServices?: number;
  mobileServiceEnvironment?: Record<string, string>;
  /** None unless given. They take packets on 127.0.0.1, and on ::1 where this machine has it. */
  radiusServers?: number;
  radiusServerEnvironment?: Record<string, string>;
  /** Where phones reach them, and what they sign names; without a balancer any name does. */
  deviceUrl?: string;
  appServerEnvironment?: Record<string, string>;
  sdkGatewayEnvironment?: Record<string, string>;
  /** Runs what `pnpm build` made, as production does, instead of the sources. */
  built?: boolean;
  /** The checkout whose services are started first; this one unless given. */
  checkout?: string;
}

export interface Replica extends RunningProcess {
  /** `http://…` of an app-server, `https://…` of an edge. */
  readonly url: string;
  readonly logFile: string;
  readonly environment: Record<string, string>;
  /** Stops it and starts it anew from another checkout, under the same name and address. */
  readonly replaceBy: (checkout: string) => Promise<Replica>;
}

/** A radius-server; `url` is where its health and metrics are. */
export interface RadiusReplica extends Replica {
  readonly ports: { readonly authentication: number; readonly accounting: number; readonly radsec: number };
}

interface ReplicaOptions {
  name: string;
  url: string;
  environment: Record<string, string>;
  readyTimeoutMs: number;
  readyWhen: () => Promise<boolean>;
}

export interface TestUser {
  userId: string;
  username: string;
  phone: string | undefined;
  totp: TotpParameters | undefined;
  /** Base32, as it was shown once. */
  totpSecret: string | undefined;
}

export interface TestApplication {
  applicationId: string;
  name: string;
  keyId: string;
  apiKey: string;
}

export interface Stack {
  readonly dir: string;
  readonly logs: string;
  readonly authority: KeyAndCertificate;
  readonly nats: NatsServer;
  /** NATS without any restriction, for looking at streams. */
  readonly natsRootUrl: string;
  /** As the command line of an administrator, with the permissions of infra/nats/admin.conf. */
  readonly natsAdmin: { url: string; user: string; password: string };
  /** As each gateway, with its permissions: whoever has taken it over. */
  readonly natsGateways: readonly { url: string; user: string; password: string }[];
  readonly postgres: PostgresPair;
  readonly inboxProcess: RunningProcess;
  readonly inbox: InboxReader;
  readonly inboxUrl: string;
  readonly appServers: readonly Replica[];
  readonly gateways: readonly Replica[];
  readonly portals: readonly Replica[];
  /** The application that the portals are. */
  readonly portalApplication: TestApplication | undefined;
  /** What serves phones. */
  readonly mobiles: readonly Replica[];
  /** What takes RADIUS. */
  readonly radiusServers: readonly RadiusReplica[];
  /** What phones sign names it, whichever of `mobiles` they reach. */
  readonly deviceUrl: string;
  /** Of `localhost`. */
  readonly certificate: KeyAndCertificate;
  readonly keyRing: string;
  readonly adminApiKey: string;
  /** An application with the scope `challenge` and nothing else. */
  readonly application: TestApplication;
  /** HTTPS as the application of the stack, or as whoever is named. */
  readonly client: Client;
  clientAs(identity: ClientIdentity): Client;
  /** An operation as the first administrator. */
  admin<O extends Operation>(operation: O, input: InputOf<O>, options?: { deadlineMs?: number }): Promise<OutputOf<O>>;
  addApplication(scopes: Scope[], certificates?: string[]): Promise<TestApplication>;
  addUser(options?: { phone?: boolean; totp?: boolean; aliases?: string[]; username?: string }): Promise<TestUser>;
  setPolicy(document: PolicyDocument): Promise<void>;
  /** Rows from the primary. */
  sql<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
  /** Fails when it is not ready in time, 30 s unless given. */
  startAppServer(name: string, environment?: Record<string, string>, readyTimeoutMs?: number): Promise<Replica>;
  stop(): Promise<void>;
}

/** No test meets these by accident; those that are about budgets set their own. */
const GENEROUS: PolicyDocument = {
  messages: {
    carriers: ['inbox'],
    perNumberHour: 100_000,
    perNumberDay: 1_000_000,
    perPrefixHour: 10_000_000,
    perDay: 100_000_000,
    resendWaitSeconds: 0,
    maxResends: 10,
  },
};

/** The real thing on free ports: NATS with the permissions of production, a Postgres pair, and the services as processes. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const { appServers: appServerCount = 2, sdkGateways: gatewayCount = 2, userPortals: portalCount = 0 } = options;
  const { mobileServices: mobileCount = 0, deviceUrl = 'https://phones.example.test' } = options;
  const { radiusServers: radiusCount = 0 } = options;
  const first = options.checkout ?? CHECKOUT;
  const mainOf = (service: string, checkout: string): string[] =>
    options.built === true
      ? [join(checkout, 'services', service, 'dist/main.js')]
      : [SOURCE, join(checkout, 'services', service, 'src/main.ts')];
  const dir = mkdtempSync(join(tmpdir(), 'countersign-e2e-'));
  const logs = join(dir, 'logs');
  mkdirSync(logs);
  const closers: (() => Promise<unknown> | unknown)[] = [() => rmSync(dir, { recursive: true, force: true })];
  const stop = async () => {
    for (const close of closers.splice(0).toReversed()) await close();
  };
  try {
    return await assemble();
  } catch (error) {
    await stop();
    throw error;
  }

  async function assemble(): Promise<Stack> {
    const authority = await createAuthority({ commonName: 'Countersign test', now: Date.now() });
    const certificate = await issueCertificate(authority, {
      commonName: 'localhost',
      usage: 'server',
      now: Date.now(),
    });
    const files = { certificate: join(dir, 'gateway.pem'), key: join(dir, 'gateway.key') };
    writeFileSync(files.certificate, certificate.certificatePem);
    writeFileSync(files.key, certificate.keyPem, { mode: 0o600 });
    const keyRing = `k1:${randomBytes(32).toString('base64')}`;

    const [{ nats, rootUrl, passwords }, postgres, { inboxProcess, inboxUrl, carriersFile, inboxToken }] =
      await Promise.all([
        natsOf(dir, logs, {
          gateways: gatewayCount,
          portals: portalCount,
          mobiles: mobileCount,
          radiusServers: radiusCount,
        }),
        postgresOf(dir, logs),
        inboxOf(dir, logs),
      ]);
    await ensureRole(postgres.primary, 'countersign_service', passwords.serviceRole);
    closers.push(
      () => nats.kill(),
      () => postgres.kill(),
      () => inboxProcess.kill(),
    );

    const publicUrl = 'https://mfa.example.test';
    const appServerEnvironment = (name: string, port: number) => ({
      COUNTERSIGN_REPLICA: name,
      COUNTERSIGN_HOST: '127.0.0.1',
      COUNTERSIGN_PORT: String(port),
      COUNTERSIGN_NATS_URLS: `nats://127.0.0.1:${nats.port}`,
      COUNTERSIGN_NATS_USER: 'app-server',
      COUNTERSIGN_NATS_PASSWORD: passwords.appServer,
      // With no more rights than in production.
      COUNTERSIGN_POSTGRES_URLS: postgres.nodes.map(({ url }) => asServiceRole(url, passwords.serviceRole)).join(','),
      COUNTERSIGN_POSTGRES_OWNER_URLS: postgres.nodes.map(({ url }) => url).join(','),
      COUNTERSIGN_KEY_RING: keyRing,
      COUNTERSIGN_CARRIERS_FILE: carriersFile,
      COUNTERSIGN_PUBLIC_URL: publicUrl,
      ...(options.portalUrl !== undefined && { COUNTERSIGN_PORTAL_URL: options.portalUrl }),
      COUNTERSIGN_DEVICE_URL: deviceUrl,
      INBOX_TOKEN: inboxToken,
      ...options.appServerEnvironment,
    });
    const startReplica = async (service: string, what: ReplicaOptions, checkout = first): Promise<Replica> => {
      const { name, url, environment, ...rest } = what;
      const logFile = join(logs, `${name}.log`);
      const running = await startProcess({
        ...rest,
        name,
        command: process.execPath,
        args: mainOf(service, checkout),
        env: { ...bareEnvironment(), ...environment },
        cwd: checkout,
        logFile,
      });
      closers.push(() => running.kill());
      const replaceBy = async (next: string) => {
        await running.stop();
        return startReplica(service, what, next);
      };
      return Object.defineProperties({} as Replica, {
        ...Object.getOwnPropertyDescriptors(running),
        url: { value: url, enumerable: true },
        logFile: { value: logFile, enumerable: true },
        environment: { value: environment, enumerable: true },
        replaceBy: { value: replaceBy, enumerable: true },
      });
    };
    const startAppServer: Stack['startAppServer'] = async (name, more = {}, readyTimeoutMs = 30_000) => {
      const port = await freePort();
      const environment = { ...appServerEnvironment(name, port), ...more };
      const url = `http://127.0.0.1:${port}`;
      const readyWhen = () => isReady(`${url}/health/ready`);
      return startReplica('app-server', { name, url, environment, readyTimeoutMs, readyWhen });
    };
    const client = createClient({ ca: authority.certificatePem });
    closers.push(() => client.close());
    const startGateway = async (name: string, password: string): Promise<Replica> => {
      const port = await freePort();
      const url = `https://localhost:${port}`;
      const environment = {
        COUNTERSIGN_REPLICA: name,
        COUNTERSIGN_PORT: String(port),
        COUNTERSIGN_PUBLIC_URL: publicUrl,
        COUNTERSIGN_TLS_CERT_FILE: files.certificate,
        COUNTERSIGN_TLS_KEY_FILE: files.key,
        COUNTERSIGN_NATS_URLS: `nats://127.0.0.1:${nats.port}`,
        COUNTERSIGN_NATS_USER: name,
        COUNTERSIGN_NATS_PASSWORD: password,
        ...options.sdkGatewayEnvironment,
      };
      const readyWhen = async () => {
        const { status } = await client.request(url, 'GET', '/health/ready');
        return status === 200;
      };
      return startReplica('sdk-gateway', { name, url, environment, readyTimeoutMs: 30_000, readyWhen });
    };

    const adminApiKey = await firstAdministrator(first, appServerEnvironment('bootstrap', 0));
    const [appServers, gateways] = await Promise.all([
      Promise.all(Array.from({ length: appServerCount }, (_, n) => startAppServer(`app-server-${n + 1}`))),
      Promise.all(passwords.gateways.map((password, n) => startGateway(gatewayName(n), password))),
    ]);
    const bus = await connectBus({
      servers: [`nats://127.0.0.1:${nats.port}`],
      user: 'admin',
      password: passwords.admin,
      name: 'tests',
    });
    closers.push(() => bus.drain());

    const sql = async <Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> => {
      const connection = new pg.Client({ connectionString: postgres.primary.url });
      await connection.connect();
      try {
        return (await connection.query<Row>(text, values)).rows;
      } finally {
        await connection.end();
      }
    };
    const admin = administrator(bus, adminApiKey);
    const setPolicy = async (document: PolicyDocument): Promise<void> => {
      const { version } = await admin(policyGet, { scope: 'global' });
      await admin(policySet, { scope: 'global', expectedVersion: version, document });
      // The other replicas read it again every 3 seconds.
      await new Promise((resolve) => setTimeout(resolve, appServerCount > 1 ? 3300 : 0));
    };
    const addApplication = async (scopes: Scope[], certificates: string[] = []): Promise<TestApplication> => {
      const name = `Application ${randomUUID().slice(0, 8)}`;
      return { name, ...(await admin(applicationCreate, { name, scopes, certificates })) };
    };
    await setPolicy({
      ...GENEROUS,
      ...options.policy,
      messages: { ...GENEROUS.messages, ...options.policy?.messages },
    });
    const application = await addApplication(['challenge']);
    client.identify({ apiKey: application.apiKey });

    const portalApplication = portalCount === 0 ? undefined : await addApplication(['portal', 'password', 'challenge']);
    const startPortal = async (name: string, password: string): Promise<Replica> => {
      const port = await freePort();
      const url = `https://localhost:${port}`;
      const environment = {
        COUNTERSIGN_REPLICA: name,
        COUNTERSIGN_PORT: String(port),
        COUNTERSIGN_PORTAL_URL: options.portalUrl ?? url,
        COUNTERSIGN_API_KEY: portalApplication?.apiKey ?? '',
        COUNTERSIGN_TLS_CERT_FILE: files.certificate,
        COUNTERSIGN_TLS_KEY_FILE: files.key,
        COUNTERSIGN_NATS_URLS: `nats://127.0.0.1:${nats.port}`,
        COUNTERSIGN_NATS_USER: name,
        COUNTERSIGN_NATS_PASSWORD: password,
        COUNTERSIGN_TRUSTED_PROXIES: '127.0.0.1',
        ...options.userPortalEnvironment,
      };
      const readyWhen = async () => {
        const { status } = await client.request(url, 'GET', '/health/ready');
        return status === 200;
      };
      return startReplica('user-portal', { name, url, environment, readyTimeoutMs: 30_000, readyWhen });
    };
    const portals = await Promise.all(passwords.portals.map((password, n) => startPortal(portalName(n), password)));

    const mobileApplication = mobileCount === 0 ? undefined : await addApplication(['device']);
    const startMobile = async (name: string, password: string): Promise<Replica> => {
      const port = await freePort();
      const url = `https://localhost:${port}`;
      const environment = {
        COUNTERSIGN_REPLICA: name,
        COUNTERSIGN_PORT: String(port),
        COUNTERSIGN_DEVICE_URL: deviceUrl,
        COUNTERSIGN_API_KEY: mobileApplication?.apiKey ?? '',
        COUNTERSIGN_TLS_CERT_FILE: files.certificate,
        COUNTERSIGN_TLS_KEY_FILE: files.key,
        COUNTERSIGN_NATS_URLS: `nats://127.0.0.1:${nats.port}`,
        COUNTERSIGN_NATS_USER: name,
        COUNTERSIGN_NATS_PASSWORD: password,
        COUNTERSIGN_TRUSTED_PROXIES: '127.0.0.1',
        ...authenticatorPages(dir),
        ...options.mobileServiceEnvironment,
      };
      const readyWhen = async () => {
        const { status } = await client.request(url, 'GET', '/health/ready');
        return status === 200;
      };
      return startReplica('mobile-app-web-service', { name, url, environment, readyTimeoutMs: 30_000, readyWhen });
    };
    const mobiles = await Promise.all(passwords.mobiles.map((password, n) => startMobile(mobileName(n), password)));

    const radiusApplication = radiusCount === 0 ? undefined : await addApplication(['radius']);
    const radsecAuthority = join(dir, 'authority.pem');
    writeFileSync(radsecAuthority, authority.certificatePem);
    const startRadius = async (name: string, password: string): Promise<RadiusReplica> => {
      const port = await freePort();
      const ports = { authentication: await freePort(), accounting: await freePort(), radsec: await freePort() };
      const url = `https://localhost:${port}`;
      const environment = {
        COUNTERSIGN_REPLICA: name,
        COUNTERSIGN_PORT: String(port),
        ...radiusEnvironment(ports),
        COUNTERSIGN_RADIUS_HOSTS: loopbacks().join(','),
        COUNTERSIGN_RADSEC_CA_FILE: radsecAuthority,
        COUNTERSIGN_API_KEY: radiusApplication?.apiKey ?? '',
        COUNTERSIGN_TLS_CERT_FILE: files.certificate,
        COUNTERSIGN_TLS_KEY_FILE: files.key,
        COUNTERSIGN_NATS_URLS: `nats://127.0.0.1:${nats.port}`,
        COUNTERSIGN_NATS_USER: name,
        COUNTERSIGN_NATS_PASSWORD: password,
        ...options.radiusServerEnvironment,
      };
      const readyWhen = async () => {
        const { status } = await client.request(url, 'GET', '/health/ready');
        return status === 200;
      };
      const what = { name, url, environment, readyTimeoutMs: 30_000, readyWhen };
      const replica = await startReplica('radius-server', what);
      return Object.defineProperty(replica as RadiusReplica, 'ports', { value: ports, enumerable: true });
    };
    const radiusServers = await Promise.all(
      passwords.radiusServers.map((password, n) => startRadius(radiusName(n), password)),
    );

    return {
      dir,
      logs,
      authority,
      nats,
      natsRootUrl: rootUrl,
      natsAdmin: { url: `nats://127.0.0.1:${nats.port}`, user: 'admin', password: passwords.admin },
      natsGateways: passwords.gateways.map((password, n) => ({
        url: `nats://127.0.0.1:${nats.port}`,
        user: gatewayName(n),
        password,
      })),
      postgres,
      inboxProcess,
      inbox: createInboxReader(inboxUrl),
      inboxUrl,
      appServers,
      gateways,
      portals,
      portalApplication,
      mobiles,
      radiusServers,
      deviceUrl,
      certificate,
      keyRing,
      adminApiKey,
      application,
      client,
      clientAs: (identity) => {
        const other = createClient({ ca: authority.certificatePem, ...identity });
        closers.push(() => other.close());
        return other;
      },
      admin,
      addApplication,
      addUser: (wanted) => addUser(admin, wanted),
      setPolicy,
      sql,
      startAppServer,
      stop,
    };
  }
}

function gatewayName(index: number): string {
  return `sdk-gateway-${index + 1}`;
}

function portalName(index: number): string {
  return `user-portal-${index + 1}`;
}

function mobileName(index: number): string {
  return `mobile-app-web-service-${index + 1}`;
}

function radiusName(index: number): string {
  return `radius-server-${index + 1}`;
}

type EdgeKind = 'gateways' | 'portals' | 'mobiles' | 'radiusServers';

async function natsOf(dir: string, logs: string, counts: Record<EdgeKind, number>) {
  const secrets = (kind: EdgeKind) => Array.from({ length: counts[kind] }, secret);
  const edges = {
    gateways: secrets('gateways'),
    portals: secrets('portals'),
    mobiles: secrets('mobiles'),
    radiusServers: secrets('radiusServers'),
  };
  const passwords = { ...edges, appServer: secret(), admin: secret(), root: secret(), serviceRole: secret() };
  const permissions = (service: string, more = '') =>
    `{\n${readFileSync(join(CHECKOUT, 'infra/nats', `${service}.conf`), 'utf8')}\n${more}\n}`;
  const usersOf = (service: string, nameOf: (index: number) => string, own: readonly string[]) =>
    own.map((password, n) => ({
      user: nameOf(n),
      password,
      permissions: permissions(service, hearing(service, nameOf(n))),
    }));
  const nats = await startNats({
    storeDir: join(dir, 'nats'),
    logFile: join(logs, 'nats.log'),
    users: [
      { user: 'app-server', password: passwords.appServer, permissions: permissions('app-server') },
      ...usersOf('sdk-gateway', gatewayName, edges.gateways),
      ...usersOf('user-portal', portalName, edges.portals),
      ...usersOf('mobile-app-web-service', mobileName, edges.mobiles),
      ...usersOf('radius-server', radiusName, edges.radiusServers),
      { user: 'admin', password: passwords.admin, permissions: permissions('admin') },
      { user: 'root', password: passwords.root },
    ],
  });
  return { nats, passwords, rootUrl: `nats://root:${passwords.root}@127.0.0.1:${nats.port}` };
}

function postgresOf(dir: string, logs: string): Promise<PostgresPair> {
  return startPostgresPair({ dir: join(dir, 'postgres'), password: secret(), fsync: false, logDirectory: logs });
}

async function inboxOf(dir: string, logs: string) {
  const port = await freePort();
  const inboxToken = secret();
  const inboxUrl = `http://127.0.0.1:${port}`;
  const inboxProcess = await startProcess({
    name: 'inbox',
    command: process.execPath,
    args: [SOURCE, join(CHECKOUT, 'infra/dev/inbox/main.ts')],
    env: { ...bareEnvironment(), COUNTERSIGN_INBOX_PORT: String(port), COUNTERSIGN_INBOX_TOKEN: inboxToken },
    logFile: join(logs, 'inbox.log'),
    readyWhen: () => isReady(`${inboxUrl}/health/live`),
  });
  const carriersFile = join(dir, 'carriers.json');
  const inbox = { type: 'inbox', url: `${inboxUrl}/api/messages`, token: { env: 'INBOX_TOKEN' } };
  writeFileSync(carriersFile, JSON.stringify({ carriers: { inbox } }));
  return { inboxProcess, inboxUrl, carriersFile, inboxToken };
}

function asServiceRole(url: string, password: string): string {
  const service = new URL(url);
  [service.username, service.password] = ['countersign_service', password];
  return service.href;
}

async function isReady(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
  await response.arrayBuffer();
  return response.status === 200;
}

/** The first application is made past the operations, by the program that an installation runs once. */
async function firstAdministrator(checkout: string, environment: Record<string, string>): Promise<string> {
  const program = join(checkout, 'services/app-server/src/bootstrap.ts');
  const { stdout } = await run(process.execPath, [SOURCE, program, 'First administrator'], {
    cwd: checkout,
    env: { ...bareEnvironment(), ...environment },
  });
  return (JSON.parse(stdout) as { apiKey: string }).apiKey;
}

function administrator(bus: Bus, apiKey: string): Stack['admin'] {
  const credential = credentialFromApiKey(apiKey);
  if (credential === undefined) throw new Error('not an API key');
  return async (operation, input, { deadlineMs } = {}) => {
    const options = { attemptId: randomUUID(), credential, ...(deadlineMs !== undefined && { deadlineMs }) };
    const { output } = await call(bus, operation, input, options);
    return output;
  };
}

let usersMade = 0;

async function addUser(
  admin: Stack['admin'],
  { phone = true, totp = false, aliases = [], username }: NonNullable<Parameters<Stack['addUser']>[0]> = {},
): Promise<TestUser> {
  // Taken before anything is awaited, since tests make users in parallel.
  const serial = (usersMade += 1);
  const name = username ?? `user-${randomBytes(3).toString('hex')}-${serial}`;
  const { userId } = await admin(userCreate, { username: name, aliases });
  const number = phone
    ? `+3712${String(process.pid % 1000).padStart(3, '0')}${String(serial).padStart(4, '0')}`
    : undefined;
  if (number !== undefined) await admin(authenticatorEnrol, { userId, type: 'phone', phone: number, verified: true });
  const enrolled = totp ? await enrolTotp(admin, userId) : undefined;
  return { userId, username: name, phone: number, totp: enrolled?.totp, totpSecret: enrolled?.totpSecret };
}

/** Spends the code of the step that is now; `nextTotpCode` gives one that is good after it. */
async function enrolTotp(admin: Stack['admin'], userId: string) {
  const { authenticatorId, secret: text = '' } = await admin(authenticatorEnrol, { userId, type: 'totp' });
  const bytes = base32Decode(text);
  if (bytes === undefined) throw new Error('the secret is no base32');
  const totp: TotpParameters = { secret: bytes, algorithm: 'SHA1', digits: 6, periodSeconds: 30 };
  const code = totpCode(totp, totpStep(Date.now(), totp.periodSeconds));
  await admin(authenticatorConfirm, { userId, authenticatorId, code });
  return { totp, totpSecret: text };
}

/** The code of the step after this one, which the window accepts: good although the code of now was spent on enrolment. */
export function nextTotpCode({ totp }: TestUser, ahead = 1): string {
  if (totp === undefined) throw new Error('the user has no TOTP authenticator');
  return totpCode(totp, totpStep(Date.now(), totp.periodSeconds) + ahead);
}

function secret(): string {
  return randomBytes(18).toString('base64url');
}

export { waitUntil };
