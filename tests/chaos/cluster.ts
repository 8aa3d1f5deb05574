import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { descendantsOf, isAlive, waitUntil } from '@countersign/testkit';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import pg from 'pg';
import type { DevFile } from '../../infra/dev/dev-file.ts';
import { createJsonClient } from '../../infra/dev/https-json.ts';
import { membersOf, type HaLayout } from '../../infra/ha/ha-layout.ts';
import type { Machines } from './machines/machines.ts';
import type { MachineNumber } from './machines/network.ts';
import { observe } from './observer.ts';

/** A server or service by its name in the topology: `nats-1`, `app-server-2`. */
export type Member = string;

/** The running topology, as whoever breaks things sees it. */
export interface Cluster {
  readonly members: readonly Member[];
  pid(member: Member): number;
  /** Every process of a member: Patroni with its Postgres, a balancer with its worker. */
  processes(member: Member): number[];
  /** Only Postgres itself, with Patroni left alone. */
  postgresProcesses(member: Member): number[];
  signal(pids: readonly number[], name: NodeJS.Signals): void;
  postgresPrimary(): Promise<Member>;
  postgresStandby(): Promise<Member>;
  /** The NATS server that leads a stream. */
  leaderOf(stream: string): Promise<Member>;
  /** @throws Error where the topology runs on one machine. */
  machines(): Machines;
  membersOn(machine: MachineNumber): Member[];
  /** A port of that machine on which somebody listens. */
  portOn(machine: MachineNumber): number;
  /** How far the clocks of our own programs there, and of Postgres, are ahead of this process, each. */
  secondsAheadOn(machine: MachineNumber): Promise<number[]>;
  /** Resolves when all that should run runs and has caught up. */
  healthy(): Promise<void>;
}

const HEALTHY_WITHIN_MS = 120_000;

export function clusterOf(dev: DevFile, layout: HaLayout, machines: Machines | undefined): Cluster {
  const ca = readFileSync(dev.ca, 'utf8');
  const web = createJsonClient({ ca, timeoutMs: 1500 });
  const status = (url: string) =>
    web.send('GET', url).then(
      (answer) => answer.status,
      () => 0,
    );
  const members = Object.keys(dev.processes);
  const pid = (member: Member) => dev.processes[member] ?? 0;
  const patroni = (path: string) =>
    Promise.all(
      layout.postgres.map(async ({ name, machine, rest }) => ({
        name,
        yes: (await status(`https://${machine.host}:${rest}${path}`)) === 200,
      })),
    );
  const one = async (path: string, what: string): Promise<Member> => {
    let name: Member | undefined;
    await waitUntil(async () => (name = (await patroni(path)).find(({ yes }) => yes)?.name) !== undefined, {
      what,
      timeoutMs: HEALTHY_WITHIN_MS,
    });
    return name ?? '';
  };
  const postgresProcesses = (member: Member): number[] => {
    const main = Number(readFileSync(join(layout.dir, member, 'data', 'postmaster.pid'), 'utf8').split('\n')[0]);
    return isAlive(main) ? [main, ...descendantsOf(main)] : [];
  };

  async function withStreams<T>(work: (manager: JetStreamManager) => Promise<T>): Promise<T> {
    const nats = await observe(dev);
    try {
      return await work(await jetstreamManager(nats, { timeout: 3000, checkAPI: false }));
    } finally {
      await nats.close();
    }
  }

  async function troubleOfStreams(): Promise<string | undefined> {
    return withStreams(async (manager) => {
      const leaders = { ledger: new Set<string>(), others: new Set<string>() };
      for await (const { cluster, config } of manager.streams.list()) {
        const followers = cluster?.replicas ?? [];
        if (cluster?.leader === undefined || followers.length < 2)
          return `${config.name} has no leader, or too few copies`;
        if (followers.some(({ current, offline }) => !current || offline)) return `a copy of ${config.name} is behind`;
        leaders[config.name.startsWith('AUTH_') ? 'ledger' : 'others'].add(cluster.leader);
      }
      // Where a server that dies holds up the fewest: the ledger's apart, the others together.
      if (leaders.ledger.size !== 3) return `the ledger is led by ${[...leaders.ledger].join(', ')}`;
      return leaders.others.size === 1 ? undefined : `the other streams are led by ${[...leaders.others].join(', ')}`;
    });
  }

  /** @returns what does not run or has not caught up. */
  async function trouble(): Promise<string | undefined> {
    const dead = members.filter((member) => pid(member) === 0);
    if (dead.length > 0) return `${dead.join(', ')} not running`;
    const { sdkGateways, adminApis, balancers = [], adminBalancers = [] } = dev;
    const urls = [...sdkGateways, ...adminApis, ...balancers, ...adminBalancers];
    const statuses = await Promise.all(urls.map((url) => status(`${url}/health/ready`)));
    const unready = urls.filter((_, n) => statuses[n] !== 200);
    if (unready.length > 0) return `${unready.join(', ')} not ready`;
    const [primary, sync] = await Promise.all([patroni('/primary'), patroni('/sync')]);
    if (!primary.some(({ yes }) => yes) || !sync.some(({ yes }) => yes))
      return 'no Postgres primary, or no standby in step';
    return troubleOfStreams();
  }

  return {
    members,
    pid,
    processes: (member) => {
      const known = pid(member);
      const found = known > 0 && isAlive(known) ? [known, ...descendantsOf(known)] : [];
      return member.startsWith('postgres-') ? [...new Set([...found, ...postgresProcesses(member)])] : found;
    },
    postgresProcesses,
    signal: (pids, name) => {
      for (const each of pids) {
        try {
          process.kill(each, name);
        } catch {
          // It ended by itself.
        }
      }
    },
    postgresPrimary: () => one('/primary', 'a Postgres primary'),
    postgresStandby: () => one('/replica', 'a Postgres standby'),
    leaderOf: (stream) => withStreams(async (manager) => (await manager.streams.info(stream)).cluster?.leader ?? ''),
    machines: () => {
      if (machines === undefined) throw new Error('the topology runs on one machine');
      return machines;
    },
    membersOn: (machine) => {
      const host = machines?.network.hostOf(machine);
      return membersOf(layout).flatMap((member) => (member.machine.host === host ? [member.name] : []));
    },
    portOn: (machine) => layout.nats[machine - 1]?.client ?? 0,
    secondsAheadOn: async (machine) => {
      const { headers } = await web.send('GET', `${dev.adminApis[machine - 1]}/health/live`);
      const ofService = (Date.parse(String(headers['date'] ?? '')) - Date.now()) / 1000;
      const url = [dev.postgres.primary, dev.postgres.standby][machine - 1];
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      try {
        const { rows } = await client.query<{ now: Date }>('select clock_timestamp() as now');
        return [ofService, ((rows[0]?.now.getTime() ?? 0) - Date.now()) / 1000];
      } finally {
        await client.end();
      }
    },
    healthy: async () => {
      let found: string | undefined;
      const isHealthy = async () => {
        found = await trouble().catch(String);
        return found === undefined;
      };
      await waitUntil(isHealthy, {
        what: () => `everything to run and to have caught up (${found ?? 'nothing was seen'})`,
        timeoutMs: HEALTHY_WITHIN_MS,
      });
      await sleep(500);
    },
  };
}
