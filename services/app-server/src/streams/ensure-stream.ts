import { setTimeout as sleep } from 'node:timers/promises';
import { JetStreamApiError, type JetStreamManager, type StreamConfig, type StreamInfo } from '@nats-io/jetstream';
import { StartRefused } from '../start-refused.ts';
import { findStream } from './find-stream.ts';

/** A stream as this build makes it. What must hold of one that is there, whoever made it, says wanted.ts. */
export type NewStream = Partial<StreamConfig> & { name: string };

/**
 * What is done with a stream that is there: its settings are the administrator's, or those of this build. A bound in bytes is this build's also
 * where the rest is the administrator's, if there is none: one that had none was made by an earlier build.
 */
export type IfThere = 'leave' | 'update';

/** A stream that is needed and cannot be had. The sentence says what to change. */
export class StreamUnavailable extends StartRefused {
  override readonly name = 'StreamUnavailable';
}

/** Servers of a cluster that start together find each other and elect leaders in this time. */
const WITHIN_MS = 30_000;
const PAUSE_MS = 250;

/** JSStorageResourcesExceededErr, JSInsufficientResourcesErr: NATS sets aside all that a stream may hold. */
const NO_ROOM: ReadonlySet<number> = new Set([10_047, 10_023]);

/** Errors by their code (nats-server `errors.json`) that no waiting mends, and what to do. */
const REFUSALS: Readonly<Record<number, (wanted: NewStream, cause: Error) => StreamUnavailable>> = {
  10_074: ({ num_replicas }, cause) =>
    new StreamUnavailable(
      `COUNTERSIGN_NATS_REPLICAS is ${num_replicas}, and NATS is one server, not a cluster. Set it to 1, or add servers.`,
      { cause },
    ),
  10_076: (_, cause) =>
    new StreamUnavailable('The NATS server runs without JetStream. Add a jetstream block to its configuration.', {
      cause,
    }),
  10_047: ({ name, max_bytes = 0 }, cause) =>
    new StreamUnavailable(
      `NATS has no room for the stream ${name}, which may hold ${max_bytes / 1024 ** 2} MiB. Give JetStream more of the disk (max_file_store).`,
      { cause },
    ),
  10_039: (_, cause) =>
    new StreamUnavailable(
      'JetStream is not enabled for the account of this NATS user. Enable it in the configuration of NATS.',
      { cause },
    ),
};

/**
 * Makes sure that a stream is there. Any number of replicas may do it at once, also while a cluster of NATS is just starting: two
 * that create the same stream at the same moment may both be left without an answer, so everybody looks again.
 * @throws StreamUnavailable with what to change, or when it is not there after 30 s.
 */
export async function ensureStream(
  manager: JetStreamManager,
  wanted: NewStream,
  ifThere: IfThere,
): Promise<StreamInfo> {
  const until = performance.now() + WITHIN_MS;
  for (;;) {
    try {
      return await lookOrMake(manager, wanted, ifThere);
    } catch (cause) {
      const refusal = refusalOf(cause, wanted);
      if (refusal !== undefined) throw refusal;
      if (performance.now() > until) {
        const detail = `The stream ${wanted.name} can be neither found nor made with ${wanted.num_replicas ?? 1} copies.`;
        throw new StreamUnavailable(`${detail} So many NATS servers must run and reach each other.`, { cause });
      }
    }
    await sleep(PAUSE_MS);
  }
}

async function lookOrMake(manager: JetStreamManager, wanted: NewStream, ifThere: IfThere): Promise<StreamInfo> {
  const found = await findStream(manager, wanted.name);
  if (found === undefined) return manager.streams.add(wanted);
  if (ifThere === 'leave') return bounded(manager, found, wanted);
  // How many copies there are is changed by an administrator: it moves data.
  return manager.streams.update(wanted.name, { ...wanted, num_replicas: found.config.num_replicas });
}

/** At least twice what it holds, so that it is not full by it. */
async function bounded(
  manager: JetStreamManager,
  found: StreamInfo,
  { max_bytes = 0 }: NewStream,
): Promise<StreamInfo> {
  const { config, state } = found;
  if (max_bytes <= 0 || config.max_bytes > 0) return found;
  try {
    return await manager.streams.update(config.name, { ...config, max_bytes: Math.max(max_bytes, 2 * state.bytes) });
  } catch (error) {
    // It did without until now, and an upgrade shall not fail by it.
    if (error instanceof JetStreamApiError && NO_ROOM.has(error.code)) return found;
    throw error;
  }
}

function refusalOf(error: unknown, wanted: NewStream): StreamUnavailable | undefined {
  if (error instanceof JetStreamApiError) return REFUSALS[error.code]?.(wanted, error);
  // The library's own word for a server that has no JetStream at all.
  if (error instanceof Error && error.name === 'JetStreamNotEnabled') return REFUSALS[10_076]?.(wanted, error);
  return undefined;
}
