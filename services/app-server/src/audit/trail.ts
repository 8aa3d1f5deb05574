import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import { DiscardPolicy, RetentionPolicy, StorageType } from '@nats-io/jetstream';
import { MfaError } from '@countersign/contracts';
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
  /** Resolves when JetStream has stored the event. @throws MfaError UNAVAILABLE when it did not say so in time. */
  record(event: TrailEvent): Promise<void>;
}

export const TRAIL_STREAM = 'TRAIL';
const MAX_AGE_DAYS = 30;
const NANOSECONDS_PER_DAY = 86_400 * 1e9;
/** Longer than NATS takes to elect a stream's new leader, shorter than a caller waits. */
const WITHIN_MS = 9000;
const PAUSE_MS = 200;

/** @param replica named in every event. */
export function createTrail(jetstream: JetStreamClient, replica: string): Trail {
  return {
    record: async (event) => {
      const [noun] = event.type.split('.');
      const data = JSON.stringify({ ...event, replica } satisfies TrailMessage);
      // The same id each time: an event whose acknowledgement was lost is not stored twice. Of all that is in it, since one attempt
      // may do several things of a kind in one millisecond.
      const msgID = createHash('sha256').update(data).digest('base64url');
      const giveUpAt = performance.now() + WITHIN_MS;
      for (;;) {
        try {
          await jetstream.publish(`trail.${noun}`, data, { msgID });
          return;
        } catch (error) {
          if (performance.now() >= giveUpAt)
            throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 2, reason: 'trail not stored', cause: error });
          await sleep(PAUSE_MS);
        }
      }
    },
  };
}

/** Creates the stream where it is missing. Full means refused: a record is never thrown away for a newer one (HA-40). */
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
      max_msg_size: 16 * 1024,
      deny_delete: true,
      deny_purge: true,
    },
    'leave',
  );
}
