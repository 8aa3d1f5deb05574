import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Logger } from '@countersign/telemetry';
import { DISPATCH, sendersOf } from '../dispatch/streams.ts';
import type { Partition } from '../ledger/partition.ts';
import { otherStreams } from '../streams/wanted.ts';
import { keepLeaders } from './keep.ts';
import type { Placed } from './read.ts';
import { hearRest } from './rest.ts';

export interface Leaders {
  placed: Placed;
  stop(): void;
}

/** Says what is to be led where, and keeps it so in a cluster: one server leads all there is. */
export function startLeaders({
  nats,
  manager,
  partitions,
  copies,
  logger,
}: {
  nats: NatsConnection;
  manager: JetStreamManager;
  partitions: readonly Partition[];
  copies: number;
  logger: Logger;
}): Leaders {
  const placed: Placed = {
    ledger: partitions.map(({ stream }) => stream),
    others: otherStreams(),
    consumers: [{ stream: DISPATCH, name: sendersOf('sms') }],
  };
  if (copies === 1) return { placed, stop: () => undefined };
  const keeping = keepLeaders({
    nats,
    manager,
    placed,
    uptime: () => performance.now(),
    onMove: (detail) => logger.info('streams.leader', { detail }),
    onProblem: (error) => logger.warn('streams.unsettled', { error }),
  });
  hearRest(nats, keeping);
  return { placed, stop: () => keeping.stop() };
}
