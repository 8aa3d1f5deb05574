import { MfaError } from '@countersign/contracts';
import type { Logger, Metrics } from '@countersign/telemetry';
import { failureOf, sqlStateOf } from '../database/failure.ts';
import type { Router } from '../database/router.ts';
import type { Checkpoint } from './checkpoint.ts';
import { PROJECTED, UNREADABLE } from './metrics.ts';
import { comingMonths, ensureAuditMonths } from './months.ts';
import { unreadable, type Projected, type Projection, type StreamMessage } from './projected.ts';
import { writeBatch } from './write-batch.ts';

export interface WriterDependencies {
  project: Projection;
  router: Router;
  now: () => number;
  logger: Logger;
  metrics: Metrics;
}

/** Writes what follows a checkpoint. @returns false when somebody else has moved it. @throws when Postgres cannot be written to. */
export type Writer = (checkpoint: Checkpoint, messages: readonly StreamMessage[]) => Promise<boolean>;

interface Entry {
  message: StreamMessage;
  projected: Projected;
}

export function createWriter({ project, router, now, logger, metrics }: WriterDependencies): Writer {
  const madeMonths = new Set<string>();

  return async (checkpoint, messages) => {
    const entries = messages.map((message): Entry => ({ message, projected: projectedOf(checkpoint, message) }));
    const won = await write(checkpoint, entries);
    if (won) metrics.counter(PROJECTED).inc({ stream: checkpoint.stream }, messages.length);
    return won;
  };

  function projectedOf({ stream }: Checkpoint, message: StreamMessage): Projected {
    try {
      return project(message);
    } catch (error) {
      return giveUp(stream, message, error);
    }
  }

  function giveUp(stream: string, message: StreamMessage, error: unknown): Projected {
    metrics.counter(UNREADABLE).inc({ stream });
    logger.error('projector.unreadable', { stream, sequence: message.sequence, error });
    return unreadable(message);
  }

  /** A message that Postgres will not have must not keep the others out: it is found by halving, and a row says that it is there. */
  async function write(checkpoint: Checkpoint, entries: readonly Entry[]): Promise<boolean> {
    const projected = withGaps(
      checkpoint.sequence,
      entries.map((entry) => entry.projected),
    );
    try {
      await ensureMonths(projected);
      return await router.write((db) => writeBatch(db, checkpoint, projected), { visible: false });
    } catch (error) {
      if (!isStatements(error)) throw error;
      madeMonths.clear();
      const [only] = entries;
      if (only === undefined) throw error;
      if (entries.length === 1) {
        if (only.projected.row.type === unreadable(only.message).row.type) throw error;
        return write(checkpoint, [{ ...only, projected: giveUp(checkpoint.stream, only.message, error) }]);
      }
      const half = Math.ceil(entries.length / 2);
      const [head, tail] = [entries.slice(0, half), entries.slice(half)];
      if (!(await write(checkpoint, head))) return false;
      return write({ ...checkpoint, sequence: head.at(-1)?.message.sequence ?? checkpoint.sequence }, tail);
    }
  }

  async function ensureMonths(projected: readonly Projected[]): Promise<void> {
    const times = [...comingMonths(now()), ...projected.map(({ row }) => row.at)];
    const missing = new Map(times.map((at) => [new Date(at).toISOString().slice(0, 7), at]));
    for (const month of madeMonths) missing.delete(month);
    if (missing.size === 0) return;
    await router.write((db) => ensureAuditMonths(db, [...missing.values()]), { visible: false });
    for (const month of missing.keys()) madeMonths.add(month);
  }
}

/** Sequences without a message are messages that were given up before they were projected. The audit says so in their place. */
function withGaps(after: number, projected: readonly Projected[]): Projected[] {
  let previous = after;
  return projected.flatMap((each) => {
    const { sequence, at } = each.row;
    const [from, to] = [previous + 1, sequence - 1];
    previous = sequence;
    if (to < from) return [each];
    return [{ row: { at, sequence: from, attempt_id: 'gap', type: 'audit.gap', detail: { from, to } } }, each];
  });
}

function isStatements(error: unknown): boolean {
  return !(error instanceof MfaError) && sqlStateOf(error) !== undefined && failureOf(error) === 'statement';
}
