import { setTimeout as sleep } from 'node:timers/promises';
import { descendantsOf, isAlive, processRow, waitUntil } from '@countersign/testkit';
import { proved } from './bite.ts';
import type { Cluster, Member } from './cluster.ts';
import { MACHINE_FAULTS } from './machine-faults.ts';
import { restart } from './restart.ts';

/** What must hold while and after a fault. */
export interface Expectation {
  /** Logins that may fail, of those tried. */
  failedShare: number;
  /** Until administrators can write again, ms; undefined where it is not promised. */
  writesHealMs?: number;
}

/** Something that breaks, and how it is mended. */
export interface Fault {
  name: string;
  /** Part of the short run. */
  short?: true;
  /** How long to look after it was injected, beside what `inject` itself takes. */
  observeMs?: number;
  expect: Expectation;
  /** Before anybody logs in; what is restarted for it is waited for. */
  prepare?(cluster: Cluster): Promise<void>;
  /** The opposite of `prepare`, when it was tried. */
  restore?(cluster: Cluster): Promise<void>;
  /** Resolves once it is over, or left to itself. @throws DidNotBite */
  inject(cluster: Cluster): Promise<void>;
  /** Left out where there are no machines to break. */
  needsMachines?: true;
  /** While it lasts nothing may be decided. */
  refusesAll?: true;
}

const NONE: Expectation = { failedShare: 0 };
const FROZEN_MS = 15_000;

const kill =
  (member: Member) =>
  (cluster: Cluster): Promise<void> =>
    killed(cluster, cluster.processes(member));

async function killed(cluster: Cluster, pids: readonly number[]): Promise<void> {
  proved(pids.some(isAlive), 'what is to be killed runs');
  cluster.signal(pids, 'SIGKILL');
  await waitUntil(() => !pids.some(isAlive), { what: 'what was killed to be gone' });
}

const freeze =
  (member: Member) =>
  async (cluster: Cluster): Promise<void> => {
    const pids = cluster.processes(member);
    cluster.signal(pids, 'SIGSTOP');
    const isFrozen = () => pids.length > 0 && pids.every((pid) => isStopped(pid) || !isAlive(pid));
    await waitUntil(isFrozen, { timeoutMs: 1000 }).catch(() => undefined);
    proved(isFrozen(), `${member} is frozen`);
    await sleep(FROZEN_MS);
    cluster.signal(pids, 'SIGCONT');
  };

function isStopped(pid: number): boolean {
  return processRow(pid)?.state === 'T';
}

/** The worker that takes connections is another one afterwards, and its master the same. */
const reload =
  (member: Member) =>
  async (cluster: Cluster): Promise<void> => {
    const master = cluster.pid(member);
    const before = descendantsOf(master);
    cluster.signal([master], 'SIGUSR2');
    await waitUntil(() => descendantsOf(master).some((pid) => !before.includes(pid))).catch(() => undefined);
    proved(isAlive(master) && descendantsOf(master).some((pid) => !before.includes(pid)), `${member} has a new worker`);
  };

const each = (members: readonly Member[], verb: string, inject: (member: Member) => Fault['inject']): Fault[] =>
  members.map((member) => ({ name: `${member} ${verb}`, expect: NONE, inject: inject(member) }));

/** Its leader leads the streams of texts and budgets as well. */
const NEEDED_BY_ALL = 'IDEMPOTENCY';

/** A server that holds up the users of one part of the ledger, and nobody else. */
async function leaderOfOnePart(cluster: Cluster): Promise<Member> {
  const needed = await cluster.leaderOf(NEEDED_BY_ALL);
  const leaders = await Promise.all(['AUTH_1', 'AUTH_2'].map((stream) => cluster.leaderOf(stream)));
  return leaders.find((leader) => leader !== needed) ?? needed;
}

const SERVICES = ['app-server-1', 'app-server-2', 'sdk-gateway-1', 'sdk-gateway-2', 'balancer-1', 'balancer-2'];

/** Every fault of the full run, in order. */
export const FAULTS: readonly Fault[] = [
  { name: 'nothing', observeMs: 10_000, expect: NONE, inject: () => Promise.resolve() },
  ...each(SERVICES, 'killed', kill),
  ...each(SERVICES, 'frozen for 15 s', freeze),
  ...each(SERVICES, 'restarted', restart),
  {
    name: 'Postgres primary killed without its Patroni',
    expect: { failedShare: 0, writesHealMs: 6000 },
    inject: async (cluster) => killed(cluster, cluster.postgresProcesses(await cluster.postgresPrimary())),
  },
  {
    name: 'Postgres primary and its Patroni killed',
    short: true,
    observeMs: 15_000,
    expect: { failedShare: 0, writesHealMs: 6000 },
    inject: async (cluster) => kill(await cluster.postgresPrimary())(cluster),
  },
  {
    name: 'Postgres primary and its Patroni frozen for 15 s',
    observeMs: 25_000,
    expect: NONE,
    inject: async (cluster) => freeze(await cluster.postgresPrimary())(cluster),
  },
  {
    name: 'Postgres standby and its Patroni killed',
    expect: NONE,
    inject: async (cluster) => kill(await cluster.postgresStandby())(cluster),
  },
  {
    name: 'Postgres standby frozen for 15 s',
    expect: NONE,
    inject: async (cluster) => freeze(await cluster.postgresStandby())(cluster),
  },
  ...each(['etcd-1', 'etcd-2', 'etcd-3'], 'killed', kill),
  {
    name: 'etcd majority killed',
    expect: NONE,
    inject: async (cluster) => {
      for (const member of ['etcd-1', 'etcd-2']) await kill(member)(cluster);
    },
  },
  {
    name: 'NATS leader of one ledger stream killed',
    short: true,
    expect: NONE,
    inject: async (cluster) => kill(await leaderOfOnePart(cluster))(cluster),
  },
  {
    name: 'NATS leader of what every login needs killed',
    expect: NONE,
    inject: async (cluster) => kill(await cluster.leaderOf(NEEDED_BY_ALL))(cluster),
  },
  ...each(['nats-1', 'nats-2', 'nats-3'], 'killed', kill),
  ...each(['nats-1', 'nats-2', 'nats-3'], 'restarted', restart),
  ...each(['nats-1', 'nats-2', 'nats-3'], 'frozen for 15 s', freeze),
  {
    name: 'two of three NATS servers killed',
    short: true,
    observeMs: 25_000,
    refusesAll: true,
    // Refused rather than risked: whoever asks meanwhile is told to ask again.
    expect: { failedShare: 1 },
    inject: async (cluster) => {
      for (const member of ['nats-1', 'nats-2']) await kill(member)(cluster);
    },
  },
  {
    name: 'balancers reloaded',
    expect: NONE,
    inject: async (cluster) => {
      for (const member of ['balancer-1', 'balancer-2']) {
        await reload(member)(cluster);
        await sleep(2000);
      }
    },
  },
  ...MACHINE_FAULTS,
];
