import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Scope } from '@countersign/contracts';
import { silentLogger, type Logger } from '@countersign/telemetry';
import {
  startNats,
  startPostgresPair,
  waitUntil,
  type NatsServer,
  type PostgresNode,
  type PostgresPair,
} from '@countersign/testkit';
import { jetstream, jetstreamManager, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import pg from 'pg';
import { Applications } from '../application/applications.ts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { migrate } from '../database/migrate.ts';
import { createRouter, type Router } from '../database/router.ts';
import { checkCanary } from '../keys/canary.ts';
import { loadKeyRing, type KeyRing } from '../keys/ring.ts';
import { adoptKeyRoot } from '../keys/root.ts';
import { Evidence } from '../evidence/evidence.ts';
import { natsChangedKeys } from '../device/changed-keys.ts';
import { Devices } from '../device/devices.ts';
import { RequestRates } from '../device/request-rates.ts';
import { ensureNoncesStream, jetStreamNonces, type Nonces } from '../device/nonces.ts';
import { natsWakePhones, type WakePhones } from '../device/wake-phones.ts';
import { PhoneKeys } from '../keys/phone-keys.ts';
import { SigningKeys } from '../keys/signing-keys.ts';
import { ResultSigner } from '../keys/signing.ts';
import { LedgerContinuity } from '../ledger/continuity.ts';
import { jetStreamLog } from '../ledger/jetstream-log.ts';
import { Ledger } from '../ledger/ledger.ts';
import type { Settled } from '../ledger/state-form.ts';
import { SETTLED } from '../ledger/testing/settled.ts';
import { ensureLedgerStream, UNDIVIDED } from '../ledger/partition.ts';
import { LoginPasskeys } from '../passkey/login-passkeys.ts';
import { Argon2 } from '../secret-hash/argon2.ts';
import { SecretHasher } from '../secret-hash/hash.ts';
import { Policies } from '../policy/policies.ts';
import { LoginUsers } from '../user/login-users.ts';
import type { WakeUps } from '../wake-up/wake-up.ts';
import { getProjectedState } from '../user/store.ts';
import type { UserState } from '../challenge/state.ts';

/** What one replica holds; two of them share the engines and nothing else. */
export interface Replica {
  router: Router;
  ring: KeyRing;
  ledger: Ledger;
  continuity: LedgerContinuity;
  users: LoginUsers;
  passkeys: LoginPasskeys;
  metadata: undefined;
  pins: SecretHasher;
  answerHashes: SecretHasher;
  settled: Settled;
  applications: Applications;
  policies: Policies;
  signingKeys: SigningKeys;
  signer: ResultSigner;
  evidence: Evidence;
  devices: Devices;
  rates: RequestRates;
  nonces: Nonces;
  phoneKeys: PhoneKeys;
  wakePhones: WakePhones;
  wakeUps: Pick<WakeUps, 'wake'>;
  pushKey: undefined;
  pushHosts: readonly string[];
  deviceUrl: string;
  nats: NatsConnection;
  jetstream: JetStreamClient;
  manager: JetStreamManager;
  logger: Logger;
  now: () => number;
  /** Moves this replica's clock. */
  advance(ms: number): void;
}

export interface House {
  pair: PostgresPair;
  nats: NatsServer;
  replica(name: string): Promise<Replica>;
  /** Postgres nodes answer nothing meanwhile. Resolves when every replica has found them again. */
  whileHung(nodes: readonly PostgresNode[], work: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

export const ISSUER = 'https://mfa.example.com';
const RING = `k1:${Buffer.alloc(32, 7).toString('base64')}`;

/** Real Postgres, primary and standby, and real NATS for one test file. */
export async function startHouse(name: string): Promise<House> {
  const dir = mkdtempSync(join(tmpdir(), `${name}-`));
  const [pair, nats] = await Promise.all([
    startPostgresPair({ dir, password: 'secret', fsync: false }),
    startNats({ storeDir: join(dir, 'nats'), name }),
  ]);
  await asOwner(pair, `create role countersign_service login password 'service'`);
  await migrate(pair.nodes.map(({ url }) => url));
  // The replicas get no more rights than they have in production.
  const urls = pair.nodes.map(({ url }) => asService(url));
  await pair.caughtUp();
  const closing: (() => Promise<unknown>)[] = [];
  const routers: Router[] = [];
  const allFound = () =>
    waitUntil(() => routers.every((router) => router.nodes().every(({ reachable }) => reachable)), {
      what: 'both nodes to be found',
    });

  async function replica(replicaName: string): Promise<Replica> {
    let offsetMs = 0;
    const now = () => Date.now() + offsetMs;
    const router = createRouter({ urls, now });
    routers.push(router);
    await allFound();
    const ring = loadKeyRing(RING);
    await adoptKeyRoot(router, ring, now);
    await checkCanary(router, ring, now);

    const connection = await connect({ servers: nats.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
    const client = jetstream(connection, { timeout: 1000 });
    const manager = await jetstreamManager(connection, { timeout: 1000 });
    await ensureLedgerStream(manager, UNDIVIDED, 1);
    await ensureNoncesStream(manager, 1);
    const continuity = new LedgerContinuity({ now, uptime: () => performance.now(), onLoss: () => {} });
    continuity.check(0, 0, Infinity);
    const ledger = new Ledger({
      log: jetStreamLog(client, manager, UNDIVIDED, SETTLED),
      continuity,
      projected: async (userId) => (await getProjectedState(router, userId)) as UserState | undefined,
      replica: replicaName,
      now,
      random: () => Math.random(),
      sleep: (ms) => sleep(ms),
    });
    const ignore = () => undefined;
    const applications = new Applications(router, now, ignore);
    const policies = new Policies(router, ignore);
    const signingKeys = new SigningKeys({ router, ring, issuer: ISSUER, now, onProblem: ignore });
    const phoneKeys = new PhoneKeys({ router, ring, now, onProblem: ignore });
    await Promise.all([applications, policies, signingKeys, phoneKeys].map((reader) => reader.start()));
    closing.push(async () => {
      for (const reader of [applications, policies, signingKeys, phoneKeys]) reader.stop();
      await Promise.all([connection.close(), router.close()]);
    });
    const users = new LoginUsers(router, ring, now);
    const passkeys = new LoginPasskeys(router, now);
    const advance = (ms: number) => {
      offsetMs += ms;
    };
    const hashing = { ring, argon2: new Argon2(), randomBytes: (size: number) => randomBytes(size) };
    return {
      router,
      ring,
      ledger,
      continuity,
      users,
      passkeys,
      metadata: undefined,
      pins: new SecretHasher('pin-hash', hashing),
      answerHashes: new SecretHasher('security-answer', hashing),
      settled: SETTLED,
      applications,
      policies,
      signingKeys,
      signer: new ResultSigner(signingKeys, now),
      evidence: new Evidence(signingKeys, now, (size) => randomBytes(size)),
      devices: new Devices(router, now, natsChangedKeys(connection)),
      rates: new RequestRates(() => performance.now()),
      nonces: jetStreamNonces(client, manager),
      phoneKeys,
      wakePhones: natsWakePhones(connection, ring),
      wakeUps: { wake: () => Promise.resolve('off' as const) },
      pushKey: undefined,
      pushHosts: [],
      deviceUrl: 'https://phones.example.com',
      nats: connection,
      jetstream: client,
      manager,
      logger: silentLogger(),
      now,
      advance,
    };
  }

  return {
    pair,
    nats,
    replica,
    whileHung: async (nodes, work) => {
      for (const node of nodes) node.pause();
      try {
        await work();
      } finally {
        for (const node of nodes) node.resume();
      }
      await allFound();
    },
    stop: async () => {
      await Promise.all(closing.map((close) => close()));
      await Promise.all([pair.kill(), nats.kill()]);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function asOwner(pair: PostgresPair, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: pair.primary.url });
  await client.connect();
  await client.query(statement);
  await client.end();
}

function asService(owner: string): string {
  const url = new URL(owner);
  [url.username, url.password] = ['countersign_service', 'service'];
  return url.href;
}

/** A request as the endpoints hand it on, of an application with these scopes. */
export function requestOf(
  options: { attemptId?: string; scopes?: Scope[]; applicationId?: string } = {},
): AuthorisedRequest {
  const { attemptId = crypto.randomUUID(), scopes = ['admin'], applicationId = crypto.randomUUID() } = options;
  return {
    operation: undefined as never,
    credential: undefined,
    attemptId,
    deadline: Number.MAX_SAFE_INTEGER,
    traceparent: '',
    stopping: new AbortController().signal,
    traceId: undefined,
    application: { applicationId, name: 'helpdesk', scopes },
  };
}
