import { PoolBusy } from './failure.ts';

export interface Slots<Lane extends string> {
  /** Resolves once a place is free. @throws PoolBusy at once when the lane's queue is full, or when its time in it is up. */
  take(lane: Lane): Promise<void>;
  /** @param isServed whether whoever had the place got an answer; only then does the queue move. */
  give(isServed: boolean): void;
  /** The server was heard of: in these lanes, who waits does so because of a burst, and waits for their turn. */
  heard(lanes: readonly Lane[]): void;
  /** Everybody in the queues is refused. */
  refuseAll(): void;
  readonly waiting: number;
}

export interface SlotsLimits<Lane extends string> {
  /**
   * Most urgent first, each with the number of places that may be taken, by anybody, once it has taken one more. The most urgent may
   * fill them all; a lower number keeps room for those before.
   */
  lanes: readonly (readonly [Lane, number])[];
  /** In the queue of each lane. */
  maxWaiting: number;
  /** Longest time in a queue in which nobody was served. */
  waitMs: number;
  /** Longest time in a queue that moves. */
  longestWaitMs: number;
  /** Called when nobody was served for half of `waitMs` while somebody waited: time to find out whether the server is there. */
  onStill?: () => void;
}

interface Place {
  enter: () => void;
  refuse: (reason: string) => void;
}

/**
 * A bounded number of places with a bounded queue before them (R26): while a database stalls, callers are refused early with
 * an answer they can act on, so that nothing has piled up when it returns.
 */
export function createSlots<Lane extends string>({
  lanes,
  maxWaiting,
  waitMs,
  longestWaitMs,
  onStill = () => undefined,
}: SlotsLimits<Lane>): Slots<Lane> {
  const byName = new Map(
    lanes.map(([name, places]) => [name, { places, queue: new Set<Place>(), heardAt: -Infinity }]),
  );
  let taken = 0;
  let servedAt = -Infinity;

  function take(lane: Lane): Promise<void> {
    const mine = byName.get(lane) ?? { places: 0, queue: new Set<Place>(), heardAt: -Infinity };
    const { places, queue } = mine;
    if (taken < places) {
      taken += 1;
      return Promise.resolve();
    }
    if (queue.size >= maxWaiting) return Promise.reject(new PoolBusy('the queue for connections is full'));
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
      const since = performance.now();
      let timer: NodeJS.Timeout;
      const wait = () => {
        // In a burst the answers of the database may be waiting in the sockets: they are read before this is judged.
        timer = setTimeout(() => setImmediate(doubt), waitMs / 2);
      };
      const doubt = () => {
        if (!queue.has(place)) return;
        if (servedAt < performance.now() - waitMs / 2) onStill();
        timer = setTimeout(() => setImmediate(judge), waitMs / 2);
      };
      const judge = () => {
        if (!queue.has(place)) return;
        const now = performance.now();
        const moves = Math.max(servedAt, mine.heardAt) > now - waitMs && now + waitMs <= since + longestWaitMs;
        if (moves) wait();
        else place.refuse('no connection became free in time');
      };
      queue.add(place);
      wait();
    });
  }

  function give(isServed: boolean): void {
    taken -= 1;
    if (isServed) servedAt = performance.now();
    for (const { places, queue } of byName.values()) {
      const [next] = queue;
      if (next === undefined || taken >= places) continue;
      taken += 1;
      return next.enter();
    }
  }

  function heard(names: readonly Lane[]): void {
    const now = performance.now();
    for (const name of names) {
      const lane = byName.get(name);
      if (lane !== undefined) lane.heardAt = now;
    }
  }

  return {
    take,
    give,
    heard,
    refuseAll: () => {
      for (const { queue } of byName.values()) for (const place of queue) place.refuse('the node was given up');
    },
    get waiting() {
      return [...byName.values()].reduce((sum, { queue }) => sum + queue.size, 0);
    },
  };
}
