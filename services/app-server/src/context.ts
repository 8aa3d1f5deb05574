import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { accessOf, connectBus, followServers, greetServers, type Bus } from '@countersign/bus';
import { VERSION, type Logger, type Metrics, type Tracing } from '@countersign/telemetry';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { Applications } from './application/applications.ts';
import { startProjector, type Projector } from './audit/projector.ts';
import { createTrail, ensureTrailStream, type Trail } from './audit/trail.ts';
import type { UserState } from './challenge/state.ts';
import { natsWake, type Wake } from './challenge/wake.ts';
import { assertSchema, migrate } from './database/migrate.ts';
import { observedRouter } from './database/observed-router.ts';
import { createRouter, type Router } from './database/router.ts';
import { assertServiceRole, refusalOfMigration, refusalOfService } from './database/service-role.ts';
import type { SendBudgets } from './dispatch/budget.ts';
import { readCarriers } from './dispatch/carriers/config.ts';
import type { Carrier } from './dispatch/carriers/carrier.ts';
import type { CarrierPool } from './dispatch/carriers/pool.ts';
import type { Job } from './dispatch/job.ts';
import type { Dispatcher } from './dispatch/queue.ts';
import { Directories } from './directory/directories.ts';
import { DirectoryStatus } from './directory/status.ts';
import { natsChangedKeys } from './device/changed-keys.ts';
import { Devices } from './device/devices.ts';
import { RequestRates } from './device/request-rates.ts';
import { ensureNoncesStream, jetStreamNonces, type Nonces } from './device/nonces.ts';
import { natsWakePhones, type WakePhones } from './device/wake-phones.ts';
import type { LimitStore } from './dispatch/limit-store.ts';
import { startDispatch } from './dispatch/start.ts';
import type { Environment } from './environment.ts';
import { Evidence } from './evidence/evidence.ts';
import { isFit, ownChecks, type OwnCheck } from './health.ts';
import { IdentityProvider } from './identity/provider.ts';
import { createAnswers, type Answers } from './idempotency/answers.ts';
import { ensureIdempotencyStream } from './idempotency/stream.ts';
import { readRing } from './keys/open-ring.ts';
import { RingWatch } from './keys/ring-watch.ts';
import type { KeyRing } from './keys/ring.ts';
import { PhoneKeys } from './keys/phone-keys.ts';
import { SigningKeys } from './keys/signing-keys.ts';
import { ResultSigner } from './keys/signing.ts';
import type { Placed } from './leaders/read.ts';
import { startLeaders } from './leaders/start.ts';
import { adoptLayout } from './ledger/layout.ts';
import { ensureLedgerStream, partitionsOf } from './ledger/partition.ts';
import type { UserLedger } from './ledger/partitioned-ledger.ts';
import { startLedger, type LedgerPart } from './ledger/start-ledger.ts';
import { LoginPasskeys } from './passkey/login-passkeys.ts';
import { MetadataFile } from './passkey/metadata-file.ts';
import { relyingPartyOf, type RelyingParty } from './passkey/relying-party.ts';
import { Argon2 } from './secret-hash/argon2.ts';
import { SecretHasher } from './secret-hash/hash.ts';
import { smtpMailer, type Mailer } from './notice/mail.ts';
import { NoticeSender } from './notice/sender.ts';
import { Policies } from './policy/policies.ts';
import { AccountingRates } from './radius/accounting-rates.ts';
import { RadiusClients } from './radius/clients.ts';
import { ensureRadiusStream, jetStreamKept, type Kept } from './radius/kept.ts';
import { RadiusUpstreams } from './radius-upstream/upstreams.ts';
import { SettledRelease } from './release/settled.ts';
import { startJoining, type Joining } from './replica/joining.ts';
import { natsSessions, type Sessions } from './session/sessions.ts';
import { ensureSessionStreams } from './session/stream.ts';
import { StartRefused } from './start-refused.ts';
import { assertStreams } from './streams/assert-streams.ts';
import { keepStreams } from './streams/keep-streams.ts';
import { assertSynced } from './streams/synced.ts';
import { readStreams } from './streams/wanted.ts';
import { CLOCK_TICK_MS, ClockWatch } from './system/clock-watch.ts';
import { readClocks } from './system/read-clocks.ts';
import { LoginUsers } from './user/login-users.ts';
import { forgetPush } from './device/wake.ts';
import { wakeUpsOf } from './wake-up/settings.ts';
import { vapidKeysOf } from './wake-up/vapid.ts';
import type { WakeUps } from './wake-up/wake-up.ts';

/** Everything the use cases draw on. Each takes from it only what its own dependencies name. */
export interface Context {
  replica: string;
  logger: Logger;
  metrics: Metrics;
  now: () => number;
  randomBytes: (size: number) => Buffer;
  bus: Bus;
  router: Router;
  ring: KeyRing;
  ringWatch: RingWatch;
  ledger: UserLedger;
  parts: readonly LedgerPart[];
  wake: Wake;
  users: LoginUsers;
  directories: Directories;
  directoryStatus: DirectoryStatus;
  radiusClients: RadiusClients;
  radiusUpstreams: RadiusUpstreams;
  accountingRates: AccountingRates;
  /** Undefined: nobody signs in by one. */
  identityProvider: IdentityProvider | undefined;
  pins: SecretHasher;
  answerHashes: SecretHasher;
  passkeys: LoginPasskeys;
  /** Whom passkeys are made for; without a portal there are none. */
  relyingParty: RelyingParty | undefined;
  /** What the makers of security keys say of them, where it was brought. */
  metadata: MetadataFile | undefined;
  /** Where people reach the portal. */
  portalUrl: string | undefined;
  /** Where phones reach us; without it there are no apps. */
  deviceUrl: string | undefined;
  devices: Devices;
  rates: RequestRates;
  nonces: Nonces;
  /** What upstream RADIUS servers have said of logins under way. */
  kept: Kept;
  phoneKeys: PhoneKeys;
  wakePhones: WakePhones;
  /** Phones that sleep, by the push services of their makers. */
  wakeUps: WakeUps;
  pushKey: string | undefined;
  pushHosts: readonly string[];
  limits: LimitStore;
  applications: Applications;
  policies: Policies;
  signingKeys: SigningKeys;
  signer: ResultSigner;
  evidence: Evidence;
  sessions: Sessions;
  trail: Trail;
  budgets: SendBudgets;
  dispatcher: Dispatcher;
  pool: CarrierPool;
  answers: Answers;
  projector: Projector;
  joining: Joining;
  clock: ClockWatch;
  placed: Placed;
  settled: SettledRelease;
  version: string;
  startedAt: number;
  acceptsUnsynced: boolean;
  natsUrls: readonly string[];
  copies: number;
  /** Without which of these it is not ready, and without which it takes no work. */
  checks: readonly OwnCheck[];
  isFit: () => boolean;
  endings: Endings;
}

/** How each part finishes what it has under way and lets go, in the order in which they are to be called. */
export interface Endings {
  messages: () => Promise<void>;
  /** What looks around from time to time. */
  watches: () => Promise<void>;
  projection: () => Promise<void>;
  farewell: () => Promise<void>;
  bus: () => Promise<void>;
  database: () => Promise<void>;
}

/** One JetStream request. Shorter than the pause in which a leader is lost, so that a dead one costs a repeat and not a hang. */
const JETSTREAM_TIMEOUT_MS = 1000;
/** Creating a stream on three servers takes longer. */
const JETSTREAM_SETUP_TIMEOUT_MS = 3000;

/** Wires app-server by hand, in the order in which things depend on each other. */
export async function createContext(
  environment: Environment,
  {
    logger,
    metrics,
    tracing,
    now,
    random,
  }: { logger: Logger; metrics: Metrics; tracing: Tracing; now: () => number; random: () => number },
): Promise<Context> {
  const replica = environment.COUNTERSIGN_REPLICA;
  const problem = (event: string) => (error: unknown) => logger.warn(event, { error });

  const ring = readRing(environment.COUNTERSIGN_KEY_RING);
  const argon2 = new Argon2();
  await argon2.assertSound();
  const { COUNTERSIGN_PORTAL_URL: portalUrl } = environment;
  const relyingParty = portalUrl === undefined ? undefined : relyingPartyOf(portalUrl);
  const metadata = metadataOf(environment, now, logger);
  await metadata?.start();
  const { COUNTERSIGN_POSTGRES_URLS: urls, COUNTERSIGN_POSTGRES_OWNER_URLS: ownerUrls } = environment;
  await migrate(ownerUrls ?? urls).catch((error: unknown) => {
    if (error instanceof StartRefused) throw error;
    const refusal = refusalOfMigration(error, ownerUrls !== undefined);
    if (refusal !== undefined) throw refusal;
    // A replica that starts while the primary is away serves logins all the same, on the schema that is there.
    logger.warn('database.unmigrated', { error });
  });
  const nodes = createRouter({
    urls,
    applicationName: replica,
    now,
    metrics,
    onEvent: (event) =>
      logger.warn('database.node', {
        detail: `${event.type} ${event.node}`,
        ...(event.type === 'node.lost' && { error: event.error }),
      }),
  });
  const router = observedRouter(nodes, { metrics, tracing });
  await assertSchema(router).catch((error: unknown) => {
    throw refusalOfService(error) ?? error;
  });
  await assertServiceRole(router);
  const ringWatch = new RingWatch({ router, ring, now, onProblem: problem('keys.ring') });
  await ringWatch.start();
  const joining = await startJoining(environment, { router, ring, now, logger });
  const streams = environment.COUNTERSIGN_LEDGER_STREAMS;
  await adoptLayout(router, streams);
  const settled = new SettledRelease(router, problem('release.watch'));
  await settled.start();

  const access = { ...accessOf(environment), name: replica };
  const bus = await connectBus({ ...access, logger, metrics, tracing });
  const client = jetstream(bus.nats, { timeout: JETSTREAM_TIMEOUT_MS });
  const manager = await jetstreamManager(bus.nats, { timeout: JETSTREAM_TIMEOUT_MS, checkAPI: false });
  const setup = await jetstreamManager(bus.nats, { timeout: JETSTREAM_SETUP_TIMEOUT_MS, checkAPI: false });
  const copies = environment.COUNTERSIGN_NATS_REPLICAS;
  const natsUrls = environment.COUNTERSIGN_NATS_URLS;
  assertSynced(await greetServers(natsUrls), copies, environment.COUNTERSIGN_NATS_UNSYNCED);
  const partitions = partitionsOf(streams);
  const inMemory = () => Promise.all([ensureNoncesStream(setup, copies), ensureRadiusStream(setup, copies)]);
  // At once: in a cluster each of them waits for an election.
  await Promise.all([
    ...partitions.map((partition) => ensureLedgerStream(setup, partition, copies)),
    ensureTrailStream(setup, copies),
    ensureIdempotencyStream(setup, copies),
    ensureSessionStreams(setup, copies),
    inMemory(),
  ]);
  assertStreams(await readStreams(setup, partitions), partitions, copies);
  void keepStreams(bus.nats, inMemory, problem('streams.unmade'));

  const processes = copies === 1 ? undefined : await followServers(access);
  const { ledger, parts, leave } = await startLedger({
    nats: bus.nats,
    processes,
    client,
    manager,
    partitions,
    router,
    replica,
    settled,
    logger,
    metrics,
    tracing,
    now,
    random,
  });

  const applications = new Applications(router, now, problem('applications.stale'));
  const policies = new Policies(router, problem('policies.stale'));
  const issuer = environment.COUNTERSIGN_PUBLIC_URL;
  const signingKeys = new SigningKeys({ router, ring, issuer, now, onProblem: problem('keys.stale') });
  const directories = new Directories(router, ring, now, problem('directories.stale'));
  const phoneKeys = new PhoneKeys({ router, ring, now, onProblem: problem('keys.stale') });
  const radiusClients = new RadiusClients(router, ring, problem('radius.stale'));
  const radiusUpstreams = new RadiusUpstreams({
    router,
    ring,
    now,
    randomBytes,
    onProblem: problem('radius.stale'),
    onDropped: (server, why) => logger.warn('radius.upstream.dropped', { server, reason: why }),
  });
  const readers = [applications, policies, signingKeys, phoneKeys, directories, radiusClients, radiusUpstreams];
  await Promise.all(readers.map((reader) => reader.start()));
  const directoryStatus = new DirectoryStatus({
    directories,
    freshMs: () => policies.global().directory.statusSeconds * 1000,
    now,
    onProblem: problem('directory.unanswered'),
  });

  const trail = createTrail(client, replica, logger);
  const dispatch = await startDispatch({
    nats: bus.nats,
    ring,
    carriers: carriersOf(environment),
    trail,
    metrics,
    tracing,
    logger,
    now,
    randomBytes,
    replicas: copies,
    stillWanted: (job) => isStillOpen(ledger, job),
  });

  const notices = new NoticeSender({
    router,
    ring,
    budgets: dispatch.budgets,
    dispatcher: dispatch.dispatcher,
    mailer: mailerOf(environment),
    policy: () => policies.global(),
    trail,
    now,
    onProblem: problem('notice.unsent'),
  });
  notices.start();

  const vapid = vapidKeysOf(ring);
  const wakeUps = wakeUpsOf(environment, {
    vapid,
    now,
    logger,
    metrics,
    onGone: (deviceId, target) => forgetPush({ router, ring }, deviceId, target).catch(problem('wakeup.unforgotten')),
  });

  const projector = startProjector({
    jetstream: client,
    manager,
    partitions,
    router,
    now,
    logger,
    metrics,
    onLedgerLoss: (stream) => parts.find(({ partition }) => partition.stream === stream)?.continuity.lost(),
  });

  const clock = new ClockWatch({
    now,
    uptime: () => performance.now(),
    read: () => readClocks({ client, manager, router, replica, now }),
    logger,
    metrics,
  });
  await clock.look();
  const ticking = setInterval(() => void clock.tick().catch(problem('clock.unread')), CLOCK_TICK_MS);
  const leaders = startLeaders({ nats: bus.nats, manager, partitions, copies, logger });
  const checks = ownChecks({ bus, parts, router, ringWatch, clock, settled });

  return {
    replica,
    logger,
    metrics,
    now,
    randomBytes,
    bus,
    router,
    ring,
    ringWatch,
    ledger,
    parts,
    wake: natsWake(bus.nats),
    users: new LoginUsers(router, ring, now, directoryStatus),
    directories,
    directoryStatus,
    radiusClients,
    radiusUpstreams,
    accountingRates: new AccountingRates({ uptime: () => performance.now(), logger, metrics }),
    identityProvider: providerOf(environment, now),
    pins: new SecretHasher('pin-hash', { ring, argon2, randomBytes }),
    answerHashes: new SecretHasher('security-answer', { ring, argon2, randomBytes }),
    passkeys: new LoginPasskeys(router, now),
    relyingParty,
    metadata,
    applications,
    policies,
    signingKeys,
    signer: new ResultSigner(signingKeys, now),
    evidence: new Evidence(signingKeys, now, randomBytes),
    sessions: natsSessions(manager, client, now),
    portalUrl,
    deviceUrl: environment.COUNTERSIGN_DEVICE_URL,
    devices: new Devices(router, now, natsChangedKeys(bus.nats)),
    rates: new RequestRates(() => performance.now()),
    nonces: jetStreamNonces(client, manager),
    kept: jetStreamKept(client, manager, ring, randomBytes),
    phoneKeys,
    wakePhones: natsWakePhones(bus.nats, ring),
    wakeUps,
    pushHosts: environment.COUNTERSIGN_PUSH_HOSTS,
    pushKey: environment.COUNTERSIGN_PUSH_CONTACT === undefined ? undefined : vapid.publicKey,
    limits: dispatch.limits,
    trail,
    budgets: dispatch.budgets,
    dispatcher: dispatch.dispatcher,
    pool: dispatch.pool,
    answers: createAnswers({ jetstream: client, manager, ring, randomBytes }),
    projector,
    joining,
    clock,
    settled,
    placed: leaders.placed,
    version: VERSION,
    startedAt: now(),
    acceptsUnsynced: environment.COUNTERSIGN_NATS_UNSYNCED !== undefined,
    natsUrls,
    copies,
    checks,
    isFit: () => isFit(checks),
    endings: {
      messages: async () => {
        await Promise.all([notices.stop(), wakeUps.close()]);
        await dispatch.drain();
      },
      watches: () => {
        clearInterval(ticking);
        for (const watch of [leaders, ...readers, settled, ringWatch, metadata]) watch?.stop();
        return Promise.resolve();
      },
      projection: () => projector.stop(),
      farewell: leave,
      bus: async () => {
        await Promise.all([processes?.close(), bus.drain()]);
      },
      database: () => router.close(),
    },
  };
}

function carriersOf({ COUNTERSIGN_CARRIERS_FILE: file }: Environment): Carrier[] {
  return file === undefined ? [] : readCarriers({ text: readFileSync(file, 'utf8'), environment: process.env });
}

/** Whether the code of a message is still waited for: the challenge is open, and no later code has taken its place. */
async function isStillOpen(
  ledger: UserLedger,
  { userId, messageId, challengeId }: Pick<Job, 'userId' | 'messageId' | 'challengeId'>,
) {
  if (challengeId === undefined) return true;
  const isOpen = ({ open }: UserState) =>
    open.some(({ key, sends }) => challengeId.endsWith(key) && messageId === `${challengeId}:${sends}`);
  return isOpen(await ledger.peek(userId, isOpen));
}

function providerOf(environment: Environment, now: () => number): IdentityProvider | undefined {
  const { COUNTERSIGN_OIDC_ISSUER: issuer, COUNTERSIGN_OIDC_CLIENT_ID: clientId } = environment;
  if (issuer === undefined || clientId === undefined) return undefined;
  return new IdentityProvider({
    issuer,
    clientId,
    usernameClaim: environment.COUNTERSIGN_OIDC_USERNAME_CLAIM,
    authorities: environment.COUNTERSIGN_OIDC_CA,
    now,
  });
}

function metadataOf(environment: Environment, now: () => number, logger: Logger): MetadataFile | undefined {
  const { COUNTERSIGN_FIDO_METADATA_FILE: path, COUNTERSIGN_FIDO_METADATA_CA: root } = environment;
  return path === undefined ? undefined : new MetadataFile({ path, root, now, logger });
}

function mailerOf(environment: Environment): Mailer | undefined {
  const { COUNTERSIGN_SMTP_URL: url, COUNTERSIGN_MAIL_FROM: from, COUNTERSIGN_SMTP_CA: authorities } = environment;
  if (url === undefined) return undefined;
  if (!URL.canParse(url)) throw new StartRefused('COUNTERSIGN_SMTP_URL is no address of a mail server.');
  if (from === undefined) {
    throw new StartRefused('COUNTERSIGN_SMTP_URL is set and COUNTERSIGN_MAIL_FROM is not. Set both, or neither.');
  }
  return smtpMailer({ url, from, authorities });
}
