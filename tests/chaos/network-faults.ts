import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, waitUntil } from '@countersign/testkit';
import { proved } from './bite.ts';
import type { Cluster } from './cluster.ts';
import type { Fault } from './faults.ts';
import type { Machines } from './machines/machines.ts';
import { MACHINES, othersOf, type MachineNumber, type Silence, type Weather } from './machines/network.ts';

const LASTS_MS = 15_000;
const OFF_MS = 10_000;

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

export const silence =
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

export const unplug =
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
export const powerOff =
  (machine: MachineNumber): Fault['inject'] =>
  async (cluster) => {
    const { network, power } = cluster.machines();
    network.plug(machine, false);
    power.off(machine);
    try {
      const pids = cluster.membersOn(machine).flatMap((member) => cluster.processes(member));
      cluster.signal(pids, 'SIGKILL');
      await waitUntil(() => !pids.some(isAlive), { what: 'every process of the machine to be gone' });
      proved(pids.length > 0, `something ran on machine-${machine}`);
      await provedAlone(cluster, machine);
      await sleep(OFF_MS);
    } finally {
      network.mend();
      power.on(machine);
    }
  };

export const weather =
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
