import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from '@countersign/testkit';
import { proved } from './bite.ts';
import type { Cluster } from './cluster.ts';
import type { Fault } from './faults.ts';
import { SKEWED } from './machines/machines.ts';
import { restart } from './restart.ts';

const LASTS_MS = 15_000;
/** A clock is read again after a second, and its second is cut off in the answer. */
const TOLERANCE_SECONDS = 3;

/** Programs see a clock that can be set only when they were started for it, and cost more then. */
export const restartedWithClock =
  (isSettable: boolean) =>
  async (cluster: Cluster): Promise<void> => {
    cluster.machines().clock.makeSettable(isSettable);
    for (const kind of ['app-server', 'sdk-gateway', 'postgres']) await restart(`${kind}-${SKEWED}`)(cluster);
  };

export const setClock =
  (seconds: number): Fault['inject'] =>
  async (cluster) => {
    const { clock } = cluster.machines();
    const isOff = async (by: number) => {
      const ahead = await cluster.secondsAheadOn(SKEWED);
      return ahead.every((each) => Math.abs(each - by) < TOLERANCE_SECONDS);
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
