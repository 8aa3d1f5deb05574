import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerProcesses } from '@countersign/bus';
import type { Logger, MetricDefinition, Metrics, Tracing } from '@countersign/telemetry';
import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { highestProjected } from '../audit/checkpoint.ts';
import type { Router } from '../database/router.ts';
import { getProjectedState } from '../user/store.ts';
import type { LedgerContinuity, LossReason } from './continuity.ts';
import { jetStreamLog } from './jetstream-log.ts';
import { Ledger } from './ledger.ts';
import { FLOOR_RAISED, LEDGER_FLOOR, LEDGER_PROVEN } from './metrics.ts';
import { observedLedger } from './observed-ledger.ts';
import { observedLog } from './observed-log.ts';
import type { Partition } from './partition.ts';
import { partitionedLedger, type UserLedger } from './partitioned-ledger.ts';
import { startWatch, type Watching } from './start-watch.ts';
import { readState, type Settled } from './state-form.ts';

export interface LedgerPart extends Pick<Watching, 'continuity' | 'others'> {
  partition: Partition;
}

export interface StartedLedger {
  ledger: UserLedger;
  parts: readonly LedgerPart[];
  /** Says farewell to the other replicas. To be called when nothing is appended any more. */
  readonly leave: () => Promise<void>;
}

export interface StartLedgerDependencies {
  nats: NatsConnection;
  client: JetStreamClient;
  manager: JetStreamManager;
  processes: ServerProcesses | undefined;
  partitions: readonly Partition[];
  router: Router;
  replica: string;
  settled: Settled;
  logger: Logger;
  metrics: Metrics;
  tracing: Tracing;
  now: () => number;
  random: () => number;
}

const ADVICE_ON_LOSS: Record<LossReason, string> = {
  seen: 'The ledger lacks messages that were acknowledged. Find out why in the NATS logs.',
  assumed:
    'Nobody is left who could say whether the ledger lost messages. Expected at the first start, and after all replicas were killed.',
};

/** Every part of the ledger with its own watch. Resolves when the continuity of each is proven, or a loss was assumed. */
export async function startLedger(deps: StartLedgerDependencies): Promise<StartedLedger> {
  const started = await Promise.all(deps.partitions.map((partition) => startPart(partition, deps)));
  observeParts(started, deps.metrics);
  return {
    ledger: observedLedger(partitionedLedger(started.map(({ ledger }) => ledger)), deps),
    parts: started,
    leave: async () => {
      await Promise.all(started.map(({ leave }) => leave()));
    },
  };
}

function observeParts(parts: readonly LedgerPart[], metrics: Metrics): void {
  perStream(LEDGER_PROVEN, (continuity) => (continuity.isProven() ? 1 : 0));
  perStream(LEDGER_FLOOR, (continuity) => continuity.floor().at / 1000);

  function perStream(definition: MetricDefinition<'stream'>, valueOf: (continuity: LedgerContinuity) => number): void {
    const gauge = metrics.gauge(definition, () => {
      for (const { partition, continuity } of parts) gauge.set({ stream: partition.stream }, valueOf(continuity));
      return undefined;
    });
  }
}

async function startPart(partition: Partition, deps: StartLedgerDependencies) {
  const { nats, processes, client, manager, router, replica, settled, logger, metrics, tracing, now, random } = deps;
  const { stream } = partition;
  const floorRaised = metrics.counter(FLOOR_RAISED);
  for (const reason of Object.keys(ADVICE_ON_LOSS)) floorRaised.inc({ stream, reason }, 0);
  const { continuity, others, leave } = await startWatch({
    nats,
    processes,
    partition,
    router,
    now,
    onLoss: (reason) => {
      floorRaised.inc({ stream, reason });
      logger.error('ledger.floor', { stream, reason, detail: ADVICE_ON_LOSS[reason] });
    },
    highestProjected: () => highestProjected(router, stream),
    onProblem: (error) => logger.warn('ledger.unproven', { stream, error }),
  });
  const ledger = new Ledger({
    log: observedLog(jetStreamLog(client, manager, partition, settled), { stream, metrics, tracing }),
    continuity,
    projected: async (userId) => {
      const stored = await getProjectedState(router, userId);
      return stored === undefined ? undefined : readState(stored, settled);
    },
    replica,
    now,
    random,
    sleep: (ms) => sleep(ms),
  });
  return { partition, continuity, others, ledger, leave };
}
