import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import { DiscardPolicy, JetStreamApiError, RetentionPolicy, StorageType } from '@nats-io/jetstream';
import { MfaError } from '@countersign/contracts';
import type { Logger } from '@countersign/telemetry';
import { ensureStream } from '../streams/ensure-stream.ts';

/** Something worth a row in the audit that decided nothing: a refusal before any authenticator was touched, a message sent. */
export interface TrailEvent {
  /** `<noun>.<what happened>`; the noun is the end of the subject. */
  type: string;
  /** ms since the epoch. */
  at: number;
  attemptId: string;
  userId?: string | undefined;
  applicationId?: string | undefined;
  challengeId?: string | undefined;
  method?: string | undefined;
  reason?: string | undefined;
  actor?: string | undefined;
  traceId?: string | undefined;
  /** No code, key or full phone number. */
  detail?: unknown;
}

/** What a message of the stream holds. */
export type TrailMessage = TrailEvent & { replica: string };

export interface Trail {
  /**
   * Resolves when JetStream has stored the event, or has said that there is no room: then the log has it, and nobody is kept out by a flood of
   * refusals. What lets anybody in is in the ledger, with its audit. @throws MfaError UNAVAILABLE when it said neither in time.
   * @param options.once of this attempt there is one event of this type, whichever replicas record it: within two minutes, as long as
   * JetStream knows what it was told, only the first is kept.
   */
  record(event: TrailEvent, options?: { once: true }): Promise<void>;
}

export const TRAIL_STREAM = 'TRAIL';
const MAX_AGE_DAYS = 30;
const NANOSECONDS_PER_DAY = 86_400 * 1e9;
/** Longer than NATS takes to elect a stream's new leader, shorter than a caller waits. */
const WITHIN_MS = 9000;
const PAUSE_MS = 200;
/** Some two million events. As little as it is since NATS sets it aside at once. */
const MAX_TRAIL_BYTES = 1_073_741_824;
/** nats-server `errors.json`, JSStreamStoreFailedF: the stream's bound is reached, or the disk's. */
const FULL = 10_077;
const TOLD_EVERY_MS = 60_000;

/** @param replica named in every event. */
export function createTrail(jetstream: JetStreamClient, replica: string, logger: Pick<Logger, 'error'>): Trail {
  let lost = 0;
  let toldAt = -Infinity;
  // One line a minute: a flood shall not fill the log in place of the stream.
  const tell = (event: TrailEvent, error: unknown) => {
    lost += 1;
    if (performance.now() - toldAt < TOLD_EVERY_MS) return;
    const { type, attemptId, reason } = event;
    logger.error('trail.full', { detail: `${lost} not kept, the last of them ${type}`, attemptId, reason, error });
    toldAt = performance.now();
    lost = 0;
  };
  return {
    record: async (event, options) => {
      const [noun] = event.type.split('.');
      const data = JSON.stringify({ ...event, replica } satisfies TrailMessage);
      // The same id each time: an event whose acknowledgement was lost is not stored twice. Of all that is in it, since one attempt
      // may do several things of a kind in one millisecond.
      const msgID = createHash('sha256')
        .update(options?.once === true ? JSON.stringify([event.type, event.attemptId]) : data)
        .digest('base64url');
      const giveUpAt = performance.now() + WITHIN_MS;
      for (;;) {
        try {
          await jetstream.publish(`trail.${noun}`, data, { msgID });
          return;
        } catch (error) {
          if (error instanceof JetStreamApiError && error.code === FULL) return tell(event, error);
          if (performance.now() >= giveUpAt)
            throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 2, reason: 'trail not stored', cause: error });
          await sleep(PAUSE_MS);
        }
      }
    },
  };
}

/**
 * Creates the stream where it is missing. Full means that what is new is not kept: a record is never thrown away for a newer one (HA-40). Its
 * bound keeps the disk for the ledger.
 */
export async function ensureTrailStream(manager: JetStreamManager, replicas: number): Promise<void> {
  await ensureStream(
    manager,
    {
      name: TRAIL_STREAM,
      subjects: ['trail.*'],
      retention: RetentionPolicy.Limits,
      storage: StorageType.File,
      discard: DiscardPolicy.New,
      num_replicas: replicas,
      max_age: MAX_AGE_DAYS * NANOSECONDS_PER_DAY,
      max_bytes: MAX_TRAIL_BYTES,
      max_msg_size: 16 * 1024,
      deny_delete: true,
      deny_purge: true,
    },
    'leave',
  );
}
