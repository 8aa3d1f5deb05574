import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger, Metrics } from '@countersign/telemetry';
import type { Router } from '../database/router.ts';
import { checkpointOf, rewindCheckpoint, type Checkpoint } from './checkpoint.ts';
import { sharedUpTo } from './continuity.ts';
import { PROJECTION_LAG, PROJECTION_WAITING } from './metrics.ts';
import type { Projection } from './projected.ts';
import type { Reader, Source, StreamState } from './source.ts';
import { createWriter } from './write.ts';

export interface FollowDependencies {
  source: Source;
  project: Projection;
  router: Router;
  now: () => number;
  logger: Logger;
  metrics: Metrics;
  /** The stream forgot messages that had been projected. */
  onLoss?: (stream: string) => void;
}

export interface Follower {
  readonly stream: string;
  /** As of the last look. */
  status(): ProjectionStatus;
  stop(): Promise<void>;
}

export interface ProjectionStatus {
  stream: string;
  /** Events that are not yet in Postgres; undefined before the first look. */
  waiting: number | undefined;
  /** Age of the oldest of them. */
  lagMs: number;
}

/** Most messages in one statement. */
const BATCH = 500;
/** How long a batch may fill. Under load it is full long before; otherwise one statement a second is enough. */
const FILL_MS = 1000;
/** How often everybody looks where the stream and the checkpoint stand. */
const LOOK_MS = 1000;
/**
 * How long a lower end of the stream must be told before it is believed: a leader that was cut off tells for a moment where its copy ended.
 */
const BELIEVED_AFTER_LOOKS = 5;
/** Looks without progress until another takes over from the one who wrote last. */
const PATIENCE_LOOKS = 3;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5000;
/** One line in the log for so many failures in a row. */
const LOG_EVERY = 12;

/**
 * Copies one stream into Postgres for as long as the process lives. Any number of replicas do it at once: each tries, whoever moves
 * the checkpoint goes on, and the others stand by until it moves no more. While Postgres or NATS is away all of them wait.
 */
export function follow(deps: FollowDependencies): Follower {
  const { source, router, now, logger, metrics } = deps;
  const { stream } = source;
  const write = createWriter(deps);
  const stopping = new AbortController();
  let reader: Reader | undefined;
  /** Until somebody else proves to be at it. */
  let leading = true;
  let seen: Checkpoint | undefined;
  let standstill = 0;
  let shortLooks = 0;
  let status: ProjectionStatus = { stream, waiting: undefined, lagMs: 0 };
  const ended = run();

  async function run(): Promise<void> {
    for (let failures = 0; !stopping.signal.aborted;) {
      try {
        await turn();
        if (failures > 0) logger.info('projector.recovered', { stream, attempt: failures });
        failures = 0;
      } catch (error) {
        await letGo();
        if (failures % LOG_EVERY === 0) logger.warn('projector.waiting', { stream, attempt: failures, error });
        failures += 1;
        await observeFrom(seen).catch(() => undefined);
        await pause(Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** failures));
      }
    }
    await letGo();
  }

  async function turn(): Promise<void> {
    let state = await source.state();
    const { created } = state;
    const checkpoint = await router.write((db) => checkpointOf(db, stream, created), { visible: false });
    // Somebody may have projected what came after the first look.
    if (checkpoint.sequence > state.last) state = await source.state();
    if (state.created !== created) return;
    shortLooks = checkpoint.created === created && checkpoint.sequence > state.last ? shortLooks + 1 : 0;
    if (shortLooks > 0 && shortLooks < BELIEVED_AFTER_LOOKS) return pause(LOOK_MS);
    await observe(state, checkpoint);

    const moved = seen?.created !== checkpoint.created || seen.sequence !== checkpoint.sequence;
    const behind = checkpoint.sequence !== state.last;
    standstill = !moved && behind ? standstill + 1 : 0;
    seen = checkpoint;
    if (standstill >= PATIENCE_LOOKS) leading = true;
    if (leading) await lead(state, checkpoint);
    else await pause(LOOK_MS);
  }

  async function lead(state: StreamState, from: Checkpoint): Promise<void> {
    let checkpoint = from;
    if (reader?.position !== checkpoint.sequence || state.last < checkpoint.sequence) {
      await letGo();
      const shared = await sharedUpTo(deps, state, checkpoint);
      if (shared !== checkpoint.sequence) return rewind(state, checkpoint, shared);
      reader = await source.readAfter(checkpoint.sequence);
    }
    const lookAgainAt = performance.now() + LOOK_MS;
    while (performance.now() < lookAgainAt && !stopping.signal.aborted) {
      // What is known to be there is not waited for.
      const known = state.last - checkpoint.sequence;
      const messages = await reader.next(known > 0 ? Math.min(known, BATCH) : BATCH, FILL_MS);
      const last = messages.at(-1);
      if (last === undefined) return;
      if (!(await write(checkpoint, messages))) {
        leading = false;
        return letGo();
      }
      checkpoint = { ...checkpoint, sequence: last.sequence };
      seen = checkpoint;
    }
  }

  async function rewind(state: StreamState, checkpoint: Checkpoint, to: number): Promise<void> {
    const row = {
      at: now(),
      sequence: checkpoint.sequence,
      attempt_id: 'rewound',
      type: 'audit.rewound',
      detail: { from: checkpoint.sequence, to, last: state.last },
    };
    logger.error('projector.rewound', {
      stream,
      sequence: to,
      detail: 'The stream has forgotten messages after this one. They are in the audit.',
    });
    deps.onLoss?.(stream);
    await router.write((db) => rewindCheckpoint(db, checkpoint, to, row), { visible: false });
  }

  async function letGo(): Promise<void> {
    const old = reader;
    reader = undefined;
    await old?.close();
  }

  /** While the primary is away the stream goes on, and the lag must be seen to grow. */
  async function observeFrom(checkpoint: Checkpoint | undefined): Promise<void> {
    if (checkpoint !== undefined) await observe(await source.state(), checkpoint);
  }

  async function observe({ created, last }: StreamState, checkpoint: Checkpoint): Promise<void> {
    const done = created === checkpoint.created ? checkpoint.sequence : 0;
    const waiting = Math.max(0, last - done);
    const oldest = waiting === 0 ? undefined : await source.message(done + 1);
    status = { stream, waiting, lagMs: oldest === undefined ? 0 : Math.max(0, now() - oldest.storedAt) };
    metrics.gauge(PROJECTION_WAITING).set({ stream }, waiting);
    metrics.gauge(PROJECTION_LAG).set({ stream }, status.lagMs / 1000);
  }

  /** Ends early when the follower is stopped. */
  async function pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: stopping.signal }).catch(() => undefined);
  }

  return {
    stream,
    status: () => status,
    stop: async () => {
      stopping.abort();
      await reader?.close();
      await ended;
    },
  };
}
