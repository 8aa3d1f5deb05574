import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Logger, Metrics, Tracing } from '@countersign/telemetry';
import type { Trail } from '../audit/trail.ts';
import type { KeyRing } from '../keys/ring.ts';
import { watchAbandoned } from './abandoned.ts';
import { createBudgets, type SendBudgets } from './budget.ts';
import type { Carrier } from './carriers/carrier.ts';
import { createCarrierPool, type CarrierPool } from './carriers/pool.ts';
import { createClaims } from './claims.ts';
import { DELIVERY_PACE, type DeliveryPace } from './deliver.ts';
import type { Job } from './job.ts';
import { createLimitStore, type LimitStore } from './limit-store.ts';
import { createDispatcher, type Dispatcher } from './queue.ts';
import { ensureDispatchStreams } from './streams.ts';
import { watchQueue } from './watch-queue.ts';
import { startWorker, WORKER_SETTINGS, type WorkerSettings } from './worker.ts';

export interface DispatchDependencies {
  nats: NatsConnection;
  ring: Pick<KeyRing, 'seal' | 'open' | 'mac'>;
  /** From `readCarriers`. With none, messages end as failed with the reason `no_carrier`. */
  carriers: readonly Carrier[];
  trail: Trail;
  metrics: Metrics;
  tracing: Tracing;
  logger: Logger;
  now: () => number;
  randomBytes: (size: number) => Buffer;
  /** Copies of each stream: 3 in production, 1 on one machine. */
  replicas: number;
  /** Asked before a message that was delivered before is taken up again. Without it every one is wanted until it expires. */
  stillWanted?: (job: Pick<Job, 'userId' | 'challengeId' | 'messageId'>) => Promise<boolean>;
  settings?: Partial<WorkerSettings>;
  pace?: DeliveryPace;
}

export interface Dispatch {
  dispatcher: Dispatcher;
  budgets: SendBudgets;
  /** What budgets of other things are kept in as well. */
  limits: LimitStore;
  pool: CarrierPool;
  /** Call it before the NATS connection is closed. */
  drain(timeoutMs?: number): Promise<void>;
}

const REQUEST_TIMEOUT_MS = 1500;

/** Everything of dispatch that one app-server runs. @throws Error when NATS or a stream is not to be had. */
export async function startDispatch(deps: DispatchDependencies): Promise<Dispatch> {
  const { nats, ring, carriers, metrics, tracing, now, randomBytes, replicas, stillWanted = async () => true } = deps;
  const client = jetstream(nats, { timeout: REQUEST_TIMEOUT_MS });
  // Making a replicated stream takes longer than a message on it.
  await ensureDispatchStreams(await jetstreamManager(nats, { checkAPI: false }), replicas);
  const manager = await jetstreamManager(nats, { timeout: REQUEST_TIMEOUT_MS, checkAPI: false });

  const store = createLimitStore({ jetstream: client, manager, randomBytes });
  const budgets = createBudgets({ store, ring, randomBytes, metrics });
  const pool = createCarrierPool({ carriers, now, metrics, tracing });
  const shared = { ...deps, manager, channel: 'sms' as const };
  const worker = await startWorker({
    ...shared,
    jetstream: client,
    budgets,
    pool,
    claims: createClaims(store, ring),
    stillWanted,
    pace: deps.pace ?? DELIVERY_PACE,
    settings: { ...WORKER_SETTINGS, ...deps.settings },
  });
  const advisories = watchAbandoned(shared);
  const queue = watchQueue({ manager, metrics, now });

  return {
    dispatcher: createDispatcher({ nats, ring, metrics, tracing }),
    budgets,
    limits: store,
    pool,
    drain: async (timeoutMs) => {
      advisories.unsubscribe();
      queue.stop();
      await worker.drain(timeoutMs);
    },
  };
}
