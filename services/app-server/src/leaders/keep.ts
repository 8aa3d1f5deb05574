import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { handOver } from './hand-over.ts';
import { isSettled, nextToHandOver } from './placement.ts';
import { readPlaced, type Placed } from './read.ts';

export interface KeepLeadersDependencies {
  nats: Pick<NatsConnection, 'request' | 'isClosed'>;
  manager: JetStreamManager;
  placed: Placed;
  uptime: () => number;
  onMove: (what: string) => void;
  onProblem: (error: unknown) => void;
}

export interface KeepLeadersPace {
  lookEveryMs: number;
  /** A cluster in which something just happened is left alone for so long: another server may follow. */
  settledForMs: number;
}

const PACE: KeepLeadersPace = { lookEveryMs: 2000, settledForMs: 10_000 };

export interface LeaderKeeping {
  /** Leaves leaders where they are for so long: an administrator moved them away from a server. 0: goes on at once. */
  rest(forMs: number): void;
  stop(): void;
}

/**
 * Brings the leaders of streams to where a server that dies holds up the fewest, one planned handover (some 30 ms) at a time, and only
 * while all copies keep up. nats-server elects whoever comes first, so after each failure they lie as it happens. Any number of
 * replicas may do it: each looks before it asks, and one handover too many costs those 30 ms.
 */
export function keepLeaders(
  { nats, manager, placed, uptime, onMove, onProblem }: KeepLeadersDependencies,
  pace: KeepLeadersPace = PACE,
): LeaderKeeping {
  let settledSince: number | undefined;
  let restsUntil = -Infinity;
  let isLooking = false;

  async function look(): Promise<void> {
    const all = await readPlaced(manager, placed);
    if (!isSettled(all)) return void (settledSince = undefined);
    settledSince ??= uptime();
    if (uptime() - settledSince < pace.settledForMs) return;
    const next = nextToHandOver(all);
    if (next === undefined) return;
    await handOver(nats, next);
    onMove(`${next.leader} hands over: ${next.handOver}`);
  }

  const timer = setInterval(() => {
    if (isLooking || uptime() < restsUntil || nats.isClosed()) return;
    isLooking = true;
    look()
      .catch((error: unknown) => {
        settledSince = undefined;
        onProblem(error);
      })
      .finally(() => (isLooking = false));
  }, pace.lookEveryMs);
  return {
    rest: (forMs) => void (restsUntil = uptime() + forMs),
    stop: () => clearInterval(timer),
  };
}
