import { restartedWithClock, setClock } from './clock-faults.ts';
import { fillDisk } from './disk-faults.ts';
import type { Fault } from './faults.ts';
import { SKEWED } from './machines/machines.ts';
import { MACHINES, othersOf, type MachineNumber } from './machines/network.ts';
import { powerOff, silence, unplug, weather } from './network-faults.ts';

/** There and back. */
const LATENCY_MS = 200;
const LOSS_PERCENT = 5;
const SKEW_SECONDS = 15;

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
