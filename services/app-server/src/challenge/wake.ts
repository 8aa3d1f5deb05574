import type { NatsConnection } from '@nats-io/nats-core';

/**
 * Tells whoever waits for a challenge to look again. Published only after an append was acknowledged; a hint, never a fact,
 * and a lost one costs only a later look. (Subscribing to the ledger itself would also show appends that were refused.)
 */
export interface Wake {
  publish(challengeId: string): void;
  /** @param stopping nobody is waited for any more once it is aborted. */
  subscribe(challengeId: string, stopping: AbortSignal): WakeSubscription;
}

export interface WakeSubscription extends Disposable {
  /** Resolves at the next hint, at once if one came since the last look, or when the time is over. Whether there was a hint. */
  next(timeoutMs: number): Promise<boolean>;
}

export function natsWake(nats: NatsConnection): Wake {
  return {
    publish: (challengeId) => nats.publish(`wake.${challengeId}`),

    subscribe(challengeId, stopping) {
      let hinted = false;
      let resume = () => {};
      const subscription = nats.subscribe(`wake.${challengeId}`, {
        callback: () => {
          hinted = true;
          resume();
        },
      });
      const onStop = () => resume();
      stopping.addEventListener('abort', onStop);
      return {
        async next(timeoutMs) {
          if (!hinted && !stopping.aborted) {
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
        [Symbol.dispose]: () => {
          stopping.removeEventListener('abort', onStop);
          subscription.unsubscribe();
        },
      };
    },
  };
}
