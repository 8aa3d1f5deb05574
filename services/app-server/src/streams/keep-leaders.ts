import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { isSettled, nextToHandOver, type Led } from './leaders.ts';

/** What has a place where it should be led. */
export interface Placed {
  /** Streams of the ledger. */
  ledger: readonly string[];
  /** What every login needs besides. */
  others: readonly string[];
  /** Consumers that keep their place in copies of their own. */
  consumers: readonly { stream: string; name: string }[];
}

export interface KeepLeadersDependencies extends Placed {
  nats: NatsConnection;
  manager: JetStreamManager;
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
const HAND_OVER_TIMEOUT_MS = 3000;

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
export function keepLeaders(deps: KeepLeadersDependencies, pace: KeepLeadersPace = PACE): LeaderKeeping {
  const { uptime, onProblem } = deps;
  let settledSince: number | undefined;
  let restsUntil = -Infinity;
  let isLooking = false;

  async function look(): Promise<void> {
    const all = await readLeaders(deps);
    if (!isSettled(all)) return void (settledSince = undefined);
    settledSince ??= uptime();
    if (uptime() - settledSince < pace.settledForMs) return;
    const next = nextToHandOver(all);
    if (next === undefined) return;
    await deps.nats.request(next.handOver, '', { timeout: HAND_OVER_TIMEOUT_MS });
    deps.onMove(`${next.leader} hands over: ${next.handOver}`);
  }

  const timer = setInterval(() => {
    if (isLooking || uptime() < restsUntil || deps.nats.isClosed()) return;
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

/** @throws when one of them has nobody who answers for it. */
export async function readLeaders({
  manager,
  ledger,
  others,
  consumers,
}: Placed & Pick<KeepLeadersDependencies, 'manager'>): Promise<Led[]> {
  const stream = async (name: string, isLedger: boolean) =>
    ledOf(await manager.streams.info(name), { stream: name }, isLedger);
  return Promise.all([
    ...ledger.map((name) => stream(name, true)),
    ...others.map((name) => stream(name, false)),
    ...consumers.map(async ({ stream: of, name }) =>
      ledOf(await manager.consumers.info(of, name), { stream: of, consumer: name }, false),
    ),
  ]);
}

/** What NATS says of a stream, or of a consumer of it. */
export function ledOf(
  { cluster }: Partial<Pick<StreamInfo, 'cluster'>>,
  { stream, consumer }: { stream: string; consumer?: string },
  isLedger: boolean,
): Led {
  const handOver =
    consumer === undefined
      ? `$JS.API.STREAM.LEADER.STEPDOWN.${stream}`
      : `$JS.API.CONSUMER.LEADER.STEPDOWN.${stream}.${consumer}`;
  const leader = cluster?.leader;
  return {
    handOver,
    isLedger,
    leader: leader === '' ? undefined : leader,
    followers: (cluster?.replicas ?? []).map(({ name, current, offline }) => ({
      server: name,
      isCurrent: current && !offline,
    })),
  };
}
