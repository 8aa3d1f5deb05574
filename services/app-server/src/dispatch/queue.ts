import { setTimeout as sleep } from 'node:timers/promises';
import { JetStreamApiError, jetstream } from '@nats-io/jetstream';
import { headers as natsHeaders, type NatsConnection } from '@nats-io/nats-core';
import { MfaError } from '@countersign/contracts';
import { formatTraceparent, type Metrics, type Tracing } from '@countersign/telemetry';
import type { KeyRing } from '../keys/ring.ts';
import { sealJob, type Message } from './job.ts';
import { MESSAGES_HANDED } from './metrics.ts';
import { DISPATCH, dispatchSubject, TRACEPARENT } from './streams.ts';

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
  tracing: Tracing;
  /** Longest time for one message; 8 s unless given, so that the election of a stream leader is waited for. */
  deadlineMs?: number;
}

const PUBLISH_TIMEOUT_MS = 1500;
const PAUSE_MS = 100;
/** The stream is full in messages, bytes, or the server in storage. Waiting does not help, telling the caller does. */
const FULL: ReadonlySet<number> = new Set([10_047, 10_077, 10_122, 10_023]);

/** The street side of the queue: what `challenge.start` and `challenge.resend` see of it. */
export function createDispatcher({
  nats,
  ring,
  metrics,
  tracing,
  deadlineMs = 8000,
}: DispatcherDependencies): Dispatcher {
  const stream = jetstream(nats, { timeout: PUBLISH_TIMEOUT_MS });
  const handed = metrics.counter(MESSAGES_HANDED);

  async function store(message: Message, traceparent: string): Promise<void> {
    const { messageId, channel } = message;
    const sealed = sealJob(ring, message);
    const headers = natsHeaders();
    headers.set(TRACEPARENT, traceparent);
    const giveUpAt = performance.now() + deadlineMs;
    for (;;) {
      try {
        // The id makes a repeat after a lost acknowledgement harmless.
        const { duplicate } = await stream.publish(dispatchSubject(channel), sealed, {
          msgID: messageId,
          headers,
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
  }

  return {
    hand: (message) =>
      tracing.span(
        'message.hand',
        { kind: 'producer', attributes: { 'countersign.channel': message.channel } },
        ({ trace }) => store(message, formatTraceparent(trace)),
      ),
  };
}
