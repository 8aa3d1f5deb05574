import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import type { Logger, Metrics } from '@countersign/telemetry';
import type { Router } from '../database/router.ts';
import type { Partition } from '../ledger/partition.ts';
import { follow, type ProjectionStatus } from './follow.ts';
import { projectLedger } from './of-ledger.ts';
import { projectTrail } from './of-trail.ts';
import type { Projection } from './projected.ts';
import { jetStreamSource } from './source.ts';
import { TRAIL_STREAM } from './trail.ts';

export interface ProjectorDependencies {
  jetstream: JetStreamClient;
  manager: JetStreamManager;
  router: Router;
  now: () => number;
  logger: Logger;
  metrics: Metrics;
  partitions: readonly Partition[];
  /** A stream of the ledger forgot messages that had been projected: its recovery floor must rise. */
  onLedgerLoss?: (stream: string) => void;
}

export interface Projector {
  status(): ProjectionStatus[];
  /** Resolves within about a second. What is under way is finished or will be done again by another. */
  stop(): Promise<void>;
}

/**
 * Copies the ledger and the trail into Postgres: `audit_event`, `user_ledger`, `authenticator.last_used_at`. Start it after
 * watchContinuity, which compares the checkpoint with the stream before this could take the one back to the other.
 */
export function startProjector(deps: ProjectorDependencies): Projector {
  const { jetstream, manager, partitions, onLedgerLoss, ...rest } = deps;
  const followed = (stream: string, project: Projection, onLoss?: (stream: string) => void) =>
    follow({
      ...rest,
      project,
      source: jetStreamSource(jetstream, manager, stream),
      ...(onLoss !== undefined && { onLoss }),
    });
  const followers = [
    ...partitions.map(({ stream, prefix }) => followed(stream, projectLedger(prefix), onLedgerLoss)),
    followed(TRAIL_STREAM, projectTrail),
  ];
  return {
    status: () => followers.map((follower) => follower.status()),
    stop: async () => {
      await Promise.all(followers.map((follower) => follower.stop()));
    },
  };
}
