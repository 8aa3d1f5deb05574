import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, waitUntil } from '@countersign/testkit';
import { proved } from './bite.ts';
import type { Cluster, Member } from './cluster.ts';
import type { Fault } from './faults.ts';
import { restart } from './restart.ts';
import { SKEWED, type Machines } from './machines/machines.ts';
import { MACHINES, type MachineNumber, type Silence, type Weather } from './machines/network.ts';

const LASTS_MS = 15_000;
const OFF_MS = 10_000;
/** There and back. */
const LATENCY_MS = 200;
const LOSS_PERCENT = 5;
const SKEW_SECONDS = 15;
/** A clock is read again after a second, and its second is cut off in the answer. */
const CLOCK_TOLERANCE_SECONDS = 3;
/** What a file system keeps for itself when it takes nothing more. */
const FULL_BYTES = 256 * 1024;

const othersOf = (machine: MachineNumber) => MACHINES.filter((other) => other !== machine);

/** Whether a connection from one machine to another comes about. */
async function reaches(cluster: Cluster, from: MachineNumber | 'outside', to: MachineNumber): Promise<boolean> {
  const { network } = cluster.machines();
  return (await network.connectMs(from, network.hostOf(to), cluster.portOn(to))) !== undefined;
}

/** Lasts LASTS_MS; then all is as before, which is proved as well. */
async function during(cluster: Cluster, { network }: Machines, proof: () => Promise<void>): Promise<void> {
  try {
    await proof();
    await sleep(LASTS_MS);
  } finally {
    network.mend();
  }
  await waitUntil(
    async () => {
      const all = MACHINES.flatMap((from) => othersOf(from).map((to) => reaches(cluster, from, to)));
      return (await Promise.all(all)).every(Boolean);
    },
    { what: 'the network to be whole again' },
  );
}

const silence =
  (silences: readonly Silence[]): Fault['inject'] =>
  async (cluster) => {
    const machines = cluster.machines();
    const { network } = machines;
    network.silence(silences);
    await during(cluster, machines, async () => {
      const isMute = (from: MachineNumber, to: MachineNumber) =>
        silences.some((one) => one.at === to && one.from.includes(from));
      for (const from of MACHINES) {
        proved(await reaches(cluster, 'outside', from), `outside reaches machine-${from}`);
        for (const to of othersOf(from)) {
          // A connection needs both ways.
          const isWhole = !isMute(from, to) && !isMute(to, from);
          proved(
            (await reaches(cluster, from, to)) === isWhole,
            `machine-${from} ${isWhole ? '' : 'no longer '}reaches ${to}`,
          );
          const { arrived, dropped } = network.packets(from, to);
          if (isMute(from, to)) proved(dropped > 0 && arrived === 0, `nothing of machine-${from} arrives at ${to}`);
          else proved(arrived > 0, `packets of machine-${from} arrive at ${to}`);
        }
      }
    });
  };

const unplug =
  (machine: MachineNumber): Fault['inject'] =>
  async (cluster) => {
    const machines = cluster.machines();
    machines.network.plug(machine, false);
    await during(cluster, machines, () => provedAlone(cluster, machine));
  };

async function provedAlone(cluster: Cluster, machine: MachineNumber): Promise<void> {
  for (const from of ['outside', ...othersOf(machine)] as const) {
    proved(!(await reaches(cluster, from, machine)), `${from} no longer reaches machine-${machine}`);
  }
}

/** Nobody hears that its connections end, as when the power fails. */
const powerOff =
  (machine: MachineNumber): Fault['inject'] =>
  async (cluster) => {
    const { network } = cluster.machines();
    network.plug(machine, false);
    try {
      const pids = cluster.membersOn(machine).flatMap((member) => cluster.processes(member));
      cluster.signal(pids, 'SIGKILL');
      await waitUntil(() => !pids.some(isAlive), { what: 'every process of the machine to be gone' });
      proved(pids.length > 0, `something ran on machine-${machine}`);
      await provedAlone(cluster, machine);
      await sleep(OFF_MS);
    } finally {
      network.mend();
    }
  };

const weather =
  (wanted: Weather): Fault['inject'] =>
  async (cluster) => {
    const machines = cluster.machines();
    const { network } = machines;
    const { delayMs = 0, lossPercent = 0 } = wanted;
    await network.weather(wanted);
    await during(cluster, machines, async () => {
      for (const from of MACHINES) {
        for (const to of othersOf(from)) {
          if (delayMs === 0) continue;
          const took: number[] = [];
          // The first asks for the address as well; a lost packet is sent again after a second.
          for (let times = 0; times < 4; times++) {
            took.push((await network.connectMs(from, network.hostOf(to), cluster.portOn(to))) ?? Infinity);
          }
          const least = Math.min(...took);
          const isSlow = least >= 2 * delayMs && least < 4 * delayMs;
          proved(
            isSlow,
            `from machine-${from} to ${to} and back takes about ${2 * delayMs} ms (${Math.round(least)} ms)`,
          );
        }
      }
      if (lossPercent === 0) return;
      await sleep(LASTS_MS / 3);
      const counts = MACHINES.flatMap((to) => othersOf(to).map((from) => network.packets(from, to)));
      const dropped = counts.reduce((sum, count) => sum + count.dropped, 0);
      const share = (100 * dropped) / counts.reduce((sum, count) => sum + count.arrived, dropped);
      proved(
        share > lossPercent / 2 && share < lossPercent * 2,
        `about ${lossPercent} % of the packets are lost (${share.toFixed(1)} % of ${counts.length} ways)`,
      );
    });
  };

const fillDisk =
  (serverOf: (cluster: Cluster) => Promise<Member>): Fault['inject'] =>
  async (cluster) => {
    const { disks } = cluster.machines();
    const server = await serverOf(cluster);
    const fill = () => proved(disks.fill(server) < FULL_BYTES, `the disk of ${server} is full`);
    try {
      fill();
      // What the server gives back meanwhile is taken, too.
      for (let second = 0; second < LASTS_MS / 1000; second++) {
        await sleep(1000);
        fill();
      }
    } finally {
      disks.free(server);
    }
    // nats-server gives its streams up for good when the disk takes no more, and 2.9 may hang, deaf to SIGTERM: whoever made room
    // starts it anew.
    if (server.startsWith('nats-')) cluster.signal(cluster.processes(server), 'SIGKILL');
  };

/** Programs see a clock that can be set only when they were started for it, and cost more then. */
const restartedWithClock =
  (isSettable: boolean) =>
  async (cluster: Cluster): Promise<void> => {
    cluster.machines().clock.makeSettable(isSettable);
    for (const kind of ['app-server', 'sdk-gateway', 'postgres']) await restart(`${kind}-${SKEWED}`)(cluster);
  };

const setClock =
  (seconds: number): Fault['inject'] =>
  async (cluster) => {
    const { clock } = cluster.machines();
    const isOff = async (by: number) => {
      const ahead = await cluster.secondsAheadOn(SKEWED);
      return ahead.every((each) => Math.abs(each - by) < CLOCK_TOLERANCE_SECONDS);
    };
    clock.set(seconds);
    try {
      await waitUntil(() => isOff(seconds), { timeoutMs: 5000, everyMs: 200 }).catch(() => undefined);
      proved(await isOff(seconds), `the programs on machine-${SKEWED} see a clock that is ${seconds} s off`);
      await sleep(LASTS_MS);
    } finally {
      clock.set(0);
    }
    await waitUntil(() => isOff(0), { everyMs: 200, what: `the clock of machine-${SKEWED} to be right again` });
  };

const each = (verb: string, inject: (machine: MachineNumber) => Fault['inject']) =>
  MACHINES.map((machine) => ({ name: `machine-${machine} ${verb}`, inject: inject(machine) }));

/** Ordered from the loss of a machine to what only slows them. */
export const MACHINE_FAULTS: readonly Fault[] = [
  ...each('loses its power for 10 s', powerOff),
  ...each('cut off from everybody', unplug),
  ...each('cut off from the other machines', (machine) =>
    silence([
      { at: machine, from: othersOf(machine) },
      ...othersOf(machine).map((other) => ({ at: other, from: [machine] })),
    ]),
  ),
  { name: 'machine-1 hears no other machine', inject: silence([{ at: 1, from: [2, 3] }]) },
  {
    name: 'machine-1 is heard by no other machine',
    inject: silence([
      { at: 2, from: [1] },
      { at: 3, from: [1] },
    ]),
  },
  { name: `${LATENCY_MS} ms between machines`, inject: weather({ delayMs: LATENCY_MS / 2 }) },
  { name: `${LOSS_PERCENT} % loss between machines`, inject: weather({ lossPercent: LOSS_PERCENT }) },
  {
    name: `${LATENCY_MS} ms and ${LOSS_PERCENT} % loss between machines`,
    inject: weather({ delayMs: LATENCY_MS / 2, lossPercent: LOSS_PERCENT }),
  },
  { name: 'disk of nats-3 full', inject: fillDisk(() => Promise.resolve('nats-3')) },
  {
    name: 'disk of the NATS leader of one ledger stream full',
    inject: fillDisk((cluster) => cluster.leaderOf('AUTH_1')),
  },
  { name: 'disk of the Postgres primary full', inject: fillDisk((cluster) => cluster.postgresPrimary()) },
  { name: 'disk of the Postgres standby full', inject: fillDisk((cluster) => cluster.postgresStandby()) },
  ...(['ahead', 'behind'] as const).map((way) => ({
    name: `clock of machine-${SKEWED} ${SKEW_SECONDS} s ${way}`,
    prepare: restartedWithClock(true),
    inject: setClock(way === 'ahead' ? SKEW_SECONDS : -SKEW_SECONDS),
    restore: restartedWithClock(false),
  })),
].map((fault) => ({ ...fault, needsMachines: true as const, observeMs: 20_000, expect: { failedShare: 0 } }));
