import type { NatsConnection } from '@nats-io/nats-core';

/**
 * Tells whoever waits for a challenge to look again. Published only after an append was acknowledged; a hint, never a fact,
 * and a lost one costs only a later look. (Subscribing to the ledger itself would also show appends that were refused.)
 */
export interface Wake {
  publish(challengeId: string): void;
  subscribe(challengeId: string): WakeSubscription;
}

export interface WakeSubscription extends Disposable {
  /** Resolves at the next hint, at once if one came since the last look, or when the time is over. Whether there was a hint. */
  next(timeoutMs: number): Promise<boolean>;
}

export function natsWake(nats: NatsConnection): Wake {
  return {
    publish: (challengeId) => nats.publish(`wake.${challengeId}`),

    subscribe(challengeId) {
      let hinted = false;
      let resume = () => {};
      const subscription = nats.subscribe(`wake.${challengeId}`, {
        callback: () => {
          hinted = true;
          resume();
        },
      });
      return {
        async next(timeoutMs) {
          if (!hinted) {
            const { promise, resolve } = Promise.withResolvers<void>();
            resume = resolve;
            const timer = setTimeout(resolve, timeoutMs);
            await promise;
            clearTimeout(timer);
          }
          const wasHinted = hinted;
          hinted = false;
          return wasHinted;
        },
        [Symbol.dispose]: () => subscription.unsubscribe(),
      };
    },
  };
}
