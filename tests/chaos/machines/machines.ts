import { mkdirSync, rmSync } from 'node:fs';
import { takeRunLock } from '../../../infra/dev/run-lock.ts';
import type { Site } from '../../../infra/ha/ha-layout.ts';
import { hasClocks, makeClock, type Clock } from './clocks.ts';
import { makeDisks, unmount, type Disks } from './disks.ts';
import { MACHINES, makeNetwork, whyNoNetwork, type MachineNumber, type Network } from './network.ts';
import { makePower, type Power } from './power.ts';

/** The machine whose clock can be set. */
export const SKEWED: MachineNumber = 2;

/** Three machines with what can be done to them from outside. */
export interface Machines {
  readonly site: Site;
  readonly network: Network;
  readonly disks: Disks;
  readonly clock: Clock;
  readonly power: Power;
  /** Takes all of it away. */
  remove(): Promise<void>;
}

/** Why there can be none here; undefined when there can. */
export function whyNoMachines(): string | undefined {
  return whyNoNetwork() ?? (hasClocks() ? undefined : 'libfaketime is missing');
}

/**
 * @param dir where the topology will keep everything; it is emptied, and servers find their disks there.
 * @param servers that keep data.
 * @param carriers port on which the outside takes text messages.
 */
export async function makeMachines(dir: string, servers: readonly string[], carriers: number): Promise<Machines> {
  mkdirSync(dir, { recursive: true });
  // Ends what a run that was killed has left, so that nothing is taken from under its feet.
  (await takeRunLock(dir, () => undefined)).release();
  const network = await makeNetwork(dir, carriers);
  unmount(dir);
  rmSync(dir, { recursive: true, force: true });
  const disks = makeDisks(dir, servers);
  const clock = makeClock(dir);
  const power = makePower();
  const machines = MACHINES.map((machine) => ({
    host: network.hostOf(machine),
    networkNamespace: network.namespaceOf(machine),
    whenOn: () => power.whenOn(machine),
    ...(machine === SKEWED && { launcher: clock.launcher }),
  }));
  return {
    site: { machines, network: network.range, outside: network.outside },
    network,
    disks,
    clock,
    power,
    remove: async () => {
      await network.remove();
      disks.remove();
      clock.remove();
    },
  };
}
