import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster, Member } from './cluster.ts';

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
  inject(cluster: Cluster): Promise<void>;
  /** While it lasts nothing may be decided. */
  refusesAll?: true;
  /** Left out with the fast settings of Patroni, and why. */
  notFast?: string;
}

const NONE: Expectation = { failedShare: 0 };
const FROZEN_MS = 15_000;

const kill =
  (member: Member) =>
  async (cluster: Cluster): Promise<void> =>
    cluster.signal(cluster.processes(member), 'SIGKILL');

const freeze =
  (member: Member) =>
  async (cluster: Cluster): Promise<void> => {
    const pids = cluster.processes(member);
    cluster.signal(pids, 'SIGSTOP');
    await sleep(FROZEN_MS);
    cluster.signal(pids, 'SIGCONT');
  };

const restart =
  (member: Member) =>
  async (cluster: Cluster): Promise<void> =>
    cluster.signal([cluster.pid(member)], 'SIGTERM');

const each = (members: readonly Member[], verb: string, inject: (member: Member) => Fault['inject']): Fault[] =>
  members.map((member) => ({ name: `${member} ${verb}`, expect: NONE, inject: inject(member) }));

const SERVICES = ['app-server-1', 'app-server-2', 'sdk-gateway-1', 'sdk-gateway-2', 'balancer-1', 'balancer-2'];

/** Every fault of the full run, in order. */
export const FAULTS: readonly Fault[] = [
  { name: 'nothing', short: true, observeMs: 10_000, expect: NONE, inject: () => Promise.resolve() },
  ...each(SERVICES, 'killed', kill),
  ...each(SERVICES, 'frozen for 15 s', freeze),
  ...each(SERVICES, 'restarted', restart),
  {
    name: 'Postgres primary killed without its Patroni',
    expect: { failedShare: 0, writesHealMs: 6000 },
    inject: async (cluster) => cluster.signal(cluster.postgresProcesses(await cluster.postgresPrimary()), 'SIGKILL'),
  },
  {
    name: 'Postgres primary and its Patroni killed',
    short: true,
    observeMs: 25_000,
    expect: { failedShare: 0, writesHealMs: 6000 },
    inject: async (cluster) => cluster.signal(cluster.processes(await cluster.postgresPrimary()), 'SIGKILL'),
  },
  {
    name: 'Postgres primary and its Patroni frozen for 15 s',
    notFast: 'Patroni 3.0 that was frozen for longer than its ttl takes the lock back from the node promoted meanwhile',
    observeMs: 25_000,
    expect: NONE,
    inject: async (cluster) => freeze(await cluster.postgresPrimary())(cluster),
  },
  {
    name: 'Postgres standby and its Patroni killed',
    expect: NONE,
    inject: async (cluster) => cluster.signal(cluster.processes(await cluster.postgresStandby()), 'SIGKILL'),
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
    inject: async (cluster) => kill(await cluster.leaderOf('AUTH_1'))(cluster),
  },
  ...each(['nats-1', 'nats-2', 'nats-3'], 'killed', kill),
  ...each(['nats-1', 'nats-2', 'nats-3'], 'restarted', restart),
  ...each(['nats-1', 'nats-2', 'nats-3'], 'frozen for 15 s', freeze),
  {
    name: 'two of three NATS servers killed',
    short: true,
    observeMs: 40_000,
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
        cluster.signal([cluster.pid(member)], 'SIGUSR2');
        await sleep(2000);
      }
    },
  },
];
