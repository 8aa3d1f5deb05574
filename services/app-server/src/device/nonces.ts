import { createHash } from 'node:crypto';
import { MfaError } from '@countersign/contracts';
import { NONCE_KEPT_SECONDS } from '@countersign/device-protocol';
import {
  DiscardPolicy,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  type JetStreamClient,
  type JetStreamManager,
} from '@nats-io/jetstream';
import { ensureStream } from '../streams/ensure-stream.ts';

/** What phones have signed lately: one message for each request. In memory, since whoever restarts all of NATS has other worries. */
export const NONCES = 'NONCES';

const NANOSECONDS_PER_SECOND = 1e9;
/** nats-server `errors.json`: JSStreamWrongLastSequenceErrF. */
const TAKEN = 10_071;
const TRIES = 3;

/**
 * Remembers which requests were made, for all replicas, as long as a copy of one could be taken for fresh (DEV-23).
 */
export interface Nonces {
  /**
   * @param attemptId of the request: the same one, repeated by the edge, is no replay.
   * @returns false when another request had it before.
   * @throws MfaError UNAVAILABLE when nobody can say: then the request does not count.
   */
  claim(keyId: string, nonce: string, attemptId: string): Promise<boolean>;
}

/** Creates the stream, or brings it to this build's settings. */
export async function ensureNoncesStream(manager: JetStreamManager, replicas: number): Promise<void> {
  await ensureStream(
    manager,
    {
      name: NONCES,
      subjects: ['nonces.*'],
      retention: RetentionPolicy.Limits,
      storage: StorageType.Memory,
      num_replicas: replicas,
      max_msgs_per_subject: 1,
      max_age: NONCE_KEPT_SECONDS * NANOSECONDS_PER_SECOND,
      max_msg_size: 256,
      discard: DiscardPolicy.New,
      allow_direct: false,
    },
    'update',
  );
}

export function jetStreamNonces(client: JetStreamClient, manager: JetStreamManager): Nonces {
  return {
    claim: async (keyId, nonce, attemptId) => {
      const subject = `nonces.${createHash('sha256').update(`${keyId} ${nonce}`).digest('base64url')}`;
      const unclaimed = (cause: unknown) =>
        new MfaError('UNAVAILABLE', { retryAfterSeconds: 2, reason: 'nonce not claimed', cause });
      let cause: unknown;
      for (let tries = 0; tries < TRIES; tries += 1) {
        try {
          await client.publish(subject, attemptId, { expect: { lastSubjectSequence: 0 } });
          return true;
        } catch (error) {
          if (error instanceof JetStreamApiError && error.code === TAKEN) {
            return await isOurs(manager, subject, attemptId).catch((unread: unknown) => {
              throw unclaimed(unread);
            });
          }
          cause = error;
        }
      }
      throw unclaimed(cause);
    },
  };
}

/** It may be this very request: repeated by the edge, or stored although its acknowledgement was lost. */
async function isOurs(manager: JetStreamManager, subject: string, attemptId: string): Promise<boolean> {
  const before = await manager.streams.getMessage(NONCES, { last_by_subj: subject });
  return before?.string() === attemptId;
}
