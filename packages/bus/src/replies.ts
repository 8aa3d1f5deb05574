import { pooledRandomBytes } from '@countersign/telemetry';
import { createInbox, type Msg, type NatsConnection } from '@nats-io/nats-core';

/** One call that waits for an answer. */
interface Waiter {
  onMessage(msg: Msg): void;
  /** The connection is back: what was sent before may be lost. */
  onReconnect(): void;
}

interface Mailbox {
  subject: string;
  close(): void;
}

/**
 * One subscription for the answers to all calls. Every try of a call asks for its answer at the same subject, so
 * whichever replica answers first is heard, and who answers after the end is not.
 */
export interface Replies {
  open(waiter: Waiter): Mailbox;
  /** Outside the own inbox, with a subscription of its own, which NATS may refuse. */
  openBelow(prefix: string, waiter: Omit<Waiter, 'onReconnect'> & { onRefusal(): void }): Mailbox;
  reconnected(): void;
  readonly waiting: number;
}

export function createReplies(nats: NatsConnection, prefix: string | undefined): Replies {
  const inbox = createInbox(prefix);
  const waiters = new Map<string, Waiter>();
  nats.subscribe(`${inbox}.*`, {
    callback: (error, msg) => {
      if (error === null) waiters.get(msg.subject)?.onMessage(msg);
    },
  });
  return {
    open: (waiter) => {
      const subject = subjectBelow(inbox);
      waiters.set(subject, waiter);
      return { subject, close: () => void waiters.delete(subject) };
    },
    openBelow: (prefix, waiter) => {
      const subject = subjectBelow(prefix);
      const callback = (error: Error | null, msg: Msg) => (error === null ? waiter.onMessage(msg) : waiter.onRefusal());
      const subscription = nats.subscribe(subject, { callback });
      return { subject, close: () => subscription.unsubscribe() };
    },
    reconnected: () => {
      for (const waiter of waiters.values()) waiter.onReconnect();
    },
    get waiting() {
      return waiters.size;
    },
  };
}

/** Drawn, not counted: whoever overheard one answer must not know where the next is awaited. */
function subjectBelow(prefix: string): string {
  return `${prefix}.${pooledRandomBytes(16).toString('base64url')}`;
}
