import { createHash } from 'node:crypto';
import { DiscardPolicy, RetentionPolicy, StorageType, type JetStreamManager } from '@nats-io/jetstream';
import { ensureStream } from '../streams/ensure-stream.ts';

/** What was answered to requests with an Idempotency-Key: one message per key. */
export const IDEMPOTENCY = 'IDEMPOTENCY';

/** How long a key is remembered (HA-60), as far as there is room. */
const IDEMPOTENCY_HOURS = 24;

/**
 * Some 700,000 answers. Beyond it the oldest makes room, so that no flood keeps anybody from logging in or fills the disk of the ledger: a request
 * that is repeated after that many others is another one.
 */
const MAX_IDEMPOTENCY_BYTES = 1_073_741_824;

const NANOSECONDS_PER_HOUR = 3600 * 1e9;

/** Where the answer to one key is kept. The key is the caller's text, so it is hashed, with whose it is and for what. */
export function idempotencySubject(applicationId: string, operation: string, key: string): string {
  // None of the three can hold a line feed, so no two keys run together.
  const hash = createHash('sha256').update(`${applicationId}\n${operation}\n${key}`).digest('base64url');
  return `idempotency.${hash}`;
}

/**
 * Creates the stream, or brings it to this build's settings. Any number of replicas may do it at once.
 * @param replicas 3 in production, 1 on one machine.
 */
export async function ensureIdempotencyStream(manager: JetStreamManager, replicas: number): Promise<void> {
  await ensureStream(
    manager,
    {
      name: IDEMPOTENCY,
      subjects: ['idempotency.*'],
      retention: RetentionPolicy.Limits,
      storage: StorageType.File,
      num_replicas: replicas,
      max_msgs_per_subject: 1,
      max_bytes: MAX_IDEMPOTENCY_BYTES,
      discard: DiscardPolicy.Old,
      max_age: IDEMPOTENCY_HOURS * NANOSECONDS_PER_HOUR,
    },
    'update',
  );
}
