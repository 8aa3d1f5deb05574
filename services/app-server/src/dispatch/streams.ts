import {
  AckPolicy,
  DiscardPolicy,
  RetentionPolicy,
  StorageType,
  type ConsumerConfig,
  type JetStreamManager,
} from '@nats-io/jetstream';
import { ensureStream, type NewStream } from '../streams/ensure-stream.ts';

const NANOSECONDS_PER_SECOND = 1e9;

/** Messages that wait to be sent, and only those: an acknowledged one is gone. */
export const DISPATCH = 'DISPATCH';
/** Budgets and claims: one small record per subject. */
export const LIMITS = 'LIMITS';

/** A message older than this is gone. Longer than the longest life of a code (AAL-11), so it is never what ends one. */
const DISPATCH_MAX_AGE_SECONDS = 15 * 60;
/** Two of the longest windows. A record nobody wrote to for so long is the same as none. */
const LIMITS_MAX_AGE_SECONDS = 48 * 3600;
/** R26: full means refused with a retryable answer, at the door. At 100 messages per second, the codes of a quarter of an hour. */
const DISPATCH_MAX_MESSAGES = 100_000;

/** Header of a message: the trace that it was handed over in, and that its send belongs to. */
export const TRACEPARENT = 'traceparent';

export function dispatchSubject(channel: string): string {
  return `dispatch.${channel}`;
}

export function limitsSubject(key: string): string {
  return `limits.${key}`;
}

export function sendersOf(channel: string): string {
  return `senders-${channel}`;
}

function dispatchStream(replicas: number): NewStream {
  return {
    name: DISPATCH,
    subjects: ['dispatch.*'],
    retention: RetentionPolicy.Workqueue,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    num_replicas: replicas,
    max_age: DISPATCH_MAX_AGE_SECONDS * NANOSECONDS_PER_SECOND,
    max_msgs: DISPATCH_MAX_MESSAGES,
    max_msg_size: 16 * 1024,
    duplicate_window: DISPATCH_MAX_AGE_SECONDS * NANOSECONDS_PER_SECOND,
  };
}

function limitsStream(replicas: number): NewStream {
  return {
    name: LIMITS,
    subjects: ['limits.>'],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    num_replicas: replicas,
    max_msgs_per_subject: 1,
    max_age: LIMITS_MAX_AGE_SECONDS * NANOSECONDS_PER_SECOND,
    max_msg_size: 16 * 1024,
    duplicate_window: 60 * NANOSECONDS_PER_SECOND,
  };
}

/**
 * Creates what dispatch needs, or brings it to this build's settings. Any number of replicas may do it at once.
 * @param replicas 3 in production, 1 on one machine.
 */
export async function ensureDispatchStreams(manager: JetStreamManager, replicas: number): Promise<void> {
  await Promise.all(
    [dispatchStream(replicas), limitsStream(replicas)].map((wanted) => ensureStream(manager, wanted, 'update')),
  );
}

export interface SenderSettings {
  /** A delivery that nobody acknowledged nor spoke for is given to somebody else after this time. */
  ackWaitMs: number;
  /** Deliveries of one message, those included that died before they sent anything. Sends are counted elsewhere (claims.ts). */
  maxDeliver: number;
  /** Messages that all replicas together may have in hand. */
  maxAckPending: number;
}

/** The consumer that all app-servers share: a message goes to one of them at a time. */
export async function ensureSenders(
  manager: JetStreamManager,
  channel: string,
  settings: SenderSettings,
): Promise<void> {
  const config: Partial<ConsumerConfig> = {
    durable_name: sendersOf(channel),
    filter_subject: dispatchSubject(channel),
    ack_policy: AckPolicy.Explicit,
    ack_wait: settings.ackWaitMs * 1e6,
    max_deliver: settings.maxDeliver,
    max_ack_pending: settings.maxAckPending,
  };
  try {
    await manager.consumers.add(DISPATCH, config);
  } catch (error) {
    // It is there with other settings (an earlier build), or another replica was a moment faster.
    await manager.consumers.update(DISPATCH, sendersOf(channel), config).catch((cause: unknown) => {
      throw new Error(`The consumer ${sendersOf(channel)} can be neither made nor changed.`, { cause: cause ?? error });
    });
  }
}
