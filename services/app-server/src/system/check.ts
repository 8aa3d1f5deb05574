import type { Check, InputOf, OutputOf, systemCheck } from '@countersign/contracts';
import type { Logger } from '@countersign/telemetry';
import { greetServers } from '@countersign/bus';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Projector } from '../audit/projector.ts';
import type { Router } from '../database/router.ts';
import { checkCanary } from '../keys/canary.ts';
import type { KeyRing } from '../keys/ring.ts';
import type { SigningKeys } from '../keys/signing-keys.ts';
import type { LedgerContinuity } from '../ledger/continuity.ts';
import type { Partition } from '../ledger/partition.ts';
import type { MetadataFile } from '../passkey/metadata-file.ts';
import { relyingPartyOfApp, type RelyingParty } from '../passkey/relying-party.ts';
import { effectivePolicy } from '../policy/effective.ts';
import type { Policies } from '../policy/policies.ts';
import type { RadiusClients } from '../radius/clients.ts';
import { posture } from '../radius/posture.ts';
import type { SettledRelease } from '../release/settled.ts';
import { latestPolicies } from '../policy/store.ts';
import { checkCarriers, type CarrierView } from './carrier-checks.ts';
import { checkNatsClock } from './clock-checks.ts';
import { checkDirectories, type DirectoriesView } from './directory-checks.ts';
import { checkRing, checkSigningKey } from './key-checks.ts';
import { checkContinuity, checkProjection } from './ledger-checks.ts';
import { readNatsClock } from './nats-clock.ts';
import { checkMetadata, checkPasskeys, countPasskeys } from './passkey-checks.ts';
import { checkPhones, countPhones } from './phone-checks.ts';
import { checkPolicies } from './policy-checks.ts';
import { checkPostgres } from './postgres-checks.ts';
import { checkRadiusClients } from './radius-client-checks.ts';
import { checkRelease } from './release-checks.ts';
import { readStreams } from '../streams/wanted.ts';
import { checkStreams } from './stream-checks.ts';
import { checkSynced } from './synced-checks.ts';
import { checkUpstreams, type UpstreamsView } from './upstream-checks.ts';

export interface CheckDependencies {
  replica: string;
  /** ms since the epoch. */
  now: () => number;
  logger: Logger;
  bus: { nats: NatsConnection };
  router: Router;
  ring: KeyRing;
  signingKeys: Pick<SigningKeys, 'signsSince'>;
  parts: readonly { partition: Partition; continuity: Pick<LedgerContinuity, 'isProven' | 'floor'> }[];
  policies: Pick<Policies, 'layers' | 'wantMakes'>;
  settled: Pick<SettledRelease, 'number'>;
  pool: { states(): readonly CarrierView[] };
  relyingParty: RelyingParty | undefined;
  deviceUrl: string | undefined;
  metadata: Pick<MetadataFile, 'current' | 'problem'> | undefined;
  directories: DirectoriesView;
  radiusClients: Pick<RadiusClients, 'unopened'>;
  radiusUpstreams: UpstreamsView;
  projector: Pick<Projector, 'status'>;
  natsUrls: readonly string[];
  /** Of each stream, as COUNTERSIGN_NATS_REPLICAS says. */
  copies: number;
  /** Somebody accepted that NATS does not sync each write. */
  acceptsUnsynced: boolean;
}

/** One look at one thing. What it throws becomes a failed check of its name. */
interface Look {
  name: string;
  at: (deps: CheckDependencies) => readonly Check[] | Promise<readonly Check[]>;
}

/** What one replica looks at, in the order in which it is shown. */
const LOOKS: readonly Look[] = [
  { name: 'release', at: ({ settled }) => [checkRelease(settled.number)] },
  { name: 'postgres', at: ({ router, copies }) => checkPostgres(router.nodes(), copies) },
  { name: 'nats.synced', at: async (deps) => [checkSynced(await greetServers(deps.natsUrls), deps)] },
  {
    name: 'nats.streams',
    at: async ({ bus, parts }) => {
      const partitions = parts.map(({ partition }) => partition);
      return checkStreams(await readStreams(await managerOf(bus.nats), partitions), partitions);
    },
  },
  {
    name: 'clock.nats',
    at: async ({ bus, replica, now }) => [
      checkNatsClock(await readNatsClock(jetstream(bus.nats, JETSTREAM), await managerOf(bus.nats), replica, now)),
    ],
  },
  { name: 'ledger.continuity', at: ({ parts, now }) => parts.map((part) => checkContinuity(part, now())) },
  { name: 'audit.projection', at: ({ projector }) => projector.status().map(checkProjection) },
  { name: 'keys.ring', at: ({ router, ring, now }) => checkRing(ring, () => checkCanary(router, ring, now)) },
  { name: 'keys.signing', at: ({ signingKeys, now }) => [checkSigningKey(signingKeys.signsSince(), now())] },
  {
    name: 'passkeys',
    at: async ({ router, relyingParty, metadata, policies, now }) => [
      checkPasskeys(relyingParty, await router.read(countPasskeys, { lane: 'report' })),
      ...checkMetadata(metadata, policies.wantMakes(), now()),
    ],
  },
  {
    name: 'phones.passkeys',
    at: async ({ router, policies, deviceUrl }) => {
      const scopes = (await latestPolicies(router)).map(({ scope }) => (scope === 'global' ? undefined : scope));
      const isDemanded = scopes.some(
        (scope) => effectivePolicy(policies.layers(scope)).app.userVerification === 'passkey',
      );
      const counts = await router.read(countPhones, { lane: 'report' });
      return checkPhones(isDemanded, relyingPartyOfApp(deviceUrl), counts);
    },
  },
  { name: 'directory', at: ({ directories }) => checkDirectories(directories) },
  {
    name: 'radius.clients',
    at: async (deps) => checkRadiusClients(await posture(deps, {}), deps.radiusClients.unopened()),
  },
  { name: 'radius.upstreams', at: ({ radiusUpstreams }) => checkUpstreams(radiusUpstreams) },
  { name: 'carriers', at: ({ pool }) => checkCarriers(pool.states()) },
  {
    name: 'policy',
    at: async ({ router, policies, pool }) => {
      const scopes = (await latestPolicies(router)).map(({ scope }) => scope);
      return checkPolicies(
        policies,
        scopes,
        pool.states().map(({ name }) => name),
      );
    },
  },
];

const JETSTREAM = { timeout: 1000 };
/** Everything is asked at once, and the caller wants to hear also from what hangs. */
const LOOK_WITHIN_MS = 4000;

/** One replica's own view of everything it depends on. Changes nothing, and answers also when all of it is away. */
export async function check(
  deps: CheckDependencies,
  _input: InputOf<typeof systemCheck>,
): Promise<OutputOf<typeof systemCheck>> {
  const checks = await Promise.all(LOOKS.map((look) => takeLook(look, deps)));
  return { replica: deps.replica, at: new Date(deps.now()).toISOString(), checks: checks.flat() };
}

async function takeLook({ name, at }: Look, deps: CheckDependencies): Promise<readonly Check[]> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${LOOK_WITHIN_MS} ms`)), LOOK_WITHIN_MS);
  });
  try {
    return await Promise.race([(async () => at(deps))(), tooLong]);
  } catch (error) {
    // An error's sentence may hold an address or a row; the log masks those, an answer does not.
    deps.logger.warn('system.check', { check: name, error });
    return [
      {
        name,
        level: 'fail',
        detail: 'could not be looked at',
        advice: `The reason is in the log of ${deps.replica}, event system.check.`,
      },
    ];
  } finally {
    clearTimeout(timer);
  }
}

function managerOf(nats: NatsConnection) {
  return jetstreamManager(nats, { ...JETSTREAM, checkAPI: false });
}
