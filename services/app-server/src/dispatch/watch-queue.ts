import type { JetStreamManager } from '@nats-io/jetstream';
import type { Metrics } from '@countersign/telemetry';
import { ledInfo } from '../streams/led-info.ts';
import { DISPATCH_OLDEST, DISPATCH_WAITING } from './metrics.ts';
import { DISPATCH } from './streams.ts';

const LOOK_EVERY_MS = 5000;

export interface QueueWatchDependencies {
  manager: JetStreamManager;
  metrics: Metrics;
  now: () => number;
}

/** Shows operators how much waits in the queue and since when. While the stream does not answer, what was last seen stands. */
export function watchQueue({ manager, metrics, now }: QueueWatchDependencies): { stop: () => void } {
  let oldestAt: number | undefined;
  const waiting = metrics.gauge(DISPATCH_WAITING);
  metrics.gauge(DISPATCH_OLDEST, () => (oldestAt === undefined ? 0 : Math.max(0, now() - oldestAt) / 1000));

  async function look(): Promise<void> {
    const { state } = await ledInfo(manager, DISPATCH);
    waiting.set(state.messages);
    oldestAt = state.messages === 0 ? undefined : Date.parse(state.first_ts);
  }

  const again = () => void look().catch(() => undefined);
  again();
  const timer = setInterval(again, LOOK_EVERY_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
