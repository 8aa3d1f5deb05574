import { setTimeout as sleep } from 'node:timers/promises';
import { JetStreamApiError, jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { MfaError } from '@countersign/contracts';
import type { Metrics } from '@countersign/telemetry';
import type { KeyRing } from '../keys/ring.ts';
import { sealJob, type Message } from './job.ts';
import { DISPATCH, dispatchSubject } from './streams.ts';

export interface Dispatcher {
  /**
   * Resolves when JetStream has stored the message: from then on it survives this process. Handing the same messageId over
   * again changes nothing.
   * @throws MfaError UNAVAILABLE when it was not stored in time, or the queue is full (R26). It may then be sent or not.
   */
  hand(message: Message): Promise<void>;
}

export interface DispatcherDependencies {
  nats: NatsConnection;
  ring: Pick<KeyRing, 'seal'>;
  metrics: Metrics;
  /** Longest time for one message; 8 s unless given, so that the election of a stream leader is waited for. */
  deadlineMs?: number;
}

const PUBLISH_TIMEOUT_MS = 1500;
const PAUSE_MS = 100;
/** The stream is full in messages, bytes, or the server in storage. Waiting does not help, telling the caller does. */
const FULL: ReadonlySet<number> = new Set([10_047, 10_077, 10_122, 10_023]);

/** The street side of the queue: what `challenge.start` and `challenge.resend` see of it. */
export function createDispatcher({ nats, ring, metrics, deadlineMs = 8000 }: DispatcherDependencies): Dispatcher {
  const stream = jetstream(nats, { timeout: PUBLISH_TIMEOUT_MS });
  const handed = metrics.counter({
    name: 'countersign_messages_handed_total',
    help: 'Messages given to the dispatch queue, decoys among them.',
    labels: ['channel', 'outcome'],
  });

  return {
    async hand(message) {
      const { messageId, channel } = message;
      const sealed = sealJob(ring, message);
      const giveUpAt = performance.now() + deadlineMs;
      for (;;) {
        try {
          // The id makes a repeat after a lost acknowledgement harmless.
          const { duplicate } = await stream.publish(dispatchSubject(channel), sealed, {
            msgID: messageId,
            expect: { streamName: DISPATCH },
          });
          handed.inc({ channel, outcome: duplicate ? 'duplicate' : 'stored' });
          return;
        } catch (cause) {
          const full = cause instanceof JetStreamApiError && FULL.has(cause.code);
          if (full || performance.now() + PAUSE_MS >= giveUpAt) {
            handed.inc({ channel, outcome: full ? 'full' : 'failed' });
            const reason = full ? 'dispatch queue full' : 'dispatch queue silent';
            throw new MfaError('UNAVAILABLE', { retryAfterSeconds: full ? 10 : 2, reason, cause });
          }
        }
        await sleep(PAUSE_MS);
      }
    },
  };
}
