import { MfaError } from '@countersign/contracts';
import type { NatsConnection } from '@nats-io/nats-core';

/**
 * Tells the polls of a person's phones to look again. Published only after an append was acknowledged; a hint, never a fact. One
 * subscription a process, however many phones wait: thousands would come and go every second.
 */
export interface WakePhones {
  /** Something about this person's prompts has changed. */
  of(userId: string): void;
  /**
   * @param look called at each hint.
   * @throws MfaError TRY_LATER when so many of this person's polls wait here already that the next would be at somebody else's cost (R29).
   */
  wait(userId: string, look: () => void): Disposable;
}

const PREFIX = 'phones.';
/** Ten phones, each with a poll that its owner has given up and we have not noticed. */
const MOST_WAITING = 20;

export function natsWakePhones(nats: NatsConnection): WakePhones {
  const waiting = new Map<string, Set<() => void>>();
  nats.subscribe(`${PREFIX}*`, {
    callback: (error, { subject }) => {
      if (error !== null) return;
      for (const look of waiting.get(subject.slice(PREFIX.length)) ?? []) look();
    },
  });
  return {
    of: (userId) => nats.publish(PREFIX + userId),
    wait(userId, look) {
      const looks = waiting.get(userId) ?? new Set();
      if (looks.size >= MOST_WAITING) throw new MfaError('TRY_LATER', { retryAfterSeconds: 5, reason: 'polls' });
      waiting.set(userId, looks.add(look));
      return {
        [Symbol.dispose]: () => {
          looks.delete(look);
          if (looks.size === 0) waiting.delete(userId);
        },
      };
    },
  };
}
