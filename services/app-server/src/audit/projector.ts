import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import type { Logger, Metrics } from '@countersign/telemetry';
import type { Router } from '../database/router.ts';
import { streamOf } from '../ledger/stream.ts';
import { follow, type ProjectionStatus } from './follow.ts';
import { projectLedger } from './of-ledger.ts';
import { projectTrail } from './of-trail.ts';
import type { Projection } from './projected.ts';
import { jetStreamSource } from './source.ts';
import { TRAIL_STREAM } from './trail.ts';

export { highestProjected } from './checkpoint.ts';

export interface ProjectorDependencies {
  jetstream: JetStreamClient;
  manager: JetStreamManager;
  router: Router;
  now: () => number;
  logger: Logger;
  metrics: Metrics;
  /** The ledger's stream forgot messages that had been projected: the recovery floor must rise. */
  onLedgerLoss?: () => void;
}

export interface Projector {
  status(): ProjectionStatus[];
  /** Resolves within about a second. What is under way is finished or will be done again by another. */
  stop(): Promise<void>;
}

const PROJECTIONS: Record<string, Projection> = {
  [streamOf('')]: projectLedger,
  [TRAIL_STREAM]: projectTrail,
};

/**
 * Copies the ledger and the trail into Postgres: `audit_event`, `user_ledger`, `authenticator.last_used_at`. Start it after
 * watchContinuity, which compares the checkpoint with the stream before this could take the one back to the other.
 */
export function startProjector(deps: ProjectorDependencies): Projector {
  const { jetstream, manager, onLedgerLoss, ...rest } = deps;
  const followers = Object.entries(PROJECTIONS).map(([stream, project]) =>
    follow({
      ...rest,
      project,
      source: jetStreamSource(jetstream, manager, stream),
      onLoss: () => {
        if (stream === streamOf('')) onLedgerLoss?.();
      },
    }),
  );
  return {
    status: () => followers.map((follower) => follower.status()),
    stop: async () => {
      await Promise.all(followers.map((follower) => follower.stop()));
    },
  };
}
