import { PoolBusy } from './failure.ts';

export interface Slots {
  /** Resolves once a place is free. @throws PoolBusy at once when the queue is full, or after `waitMs` in it. */
  take(): Promise<void>;
  give(): void;
  /** Everybody in the queue is refused. */
  refuseAll(): void;
  readonly waiting: number;
}

/**
 * A bounded number of places with a bounded queue before them (R26): while a database stalls, callers are refused early with
 * an answer they can act on, so that nothing has piled up when it returns.
 */
export function createSlots(limits: { places: number; maxWaiting: number; waitMs: number }): Slots {
  let free = limits.places;
  const queue = new Set<{ enter: () => void; refuse: (reason: string) => void }>();

  function take(): Promise<void> {
    if (free > 0) {
      free -= 1;
      return Promise.resolve();
    }
    if (queue.size >= limits.maxWaiting) return Promise.reject(new PoolBusy('the queue for connections is full'));
    return new Promise((resolve, reject) => {
      const leave = () => {
        clearTimeout(timer);
        queue.delete(place);
      };
      const place = {
        enter: () => {
          leave();
          resolve();
        },
        refuse: (reason: string) => {
          leave();
          reject(new PoolBusy(reason));
        },
      };
      const timer = setTimeout(() => place.refuse('no connection became free in time'), limits.waitMs);
      queue.add(place);
    });
  }

  function give(): void {
    const [next] = queue;
    if (next === undefined) free += 1;
    else next.enter();
  }

  return {
    take,
    give,
    refuseAll: () => {
      for (const place of queue) place.refuse('the node was given up');
    },
    get waiting() {
      return queue.size;
    },
  };
}
