import { ATTRIBUTE, firstOf, type Malformed, type Packet } from '@countersign/radius';

export type Queued = Packet | { malformed: Malformed };

/** `no-room`: it stays where it is. `overload`: it was shed. `end`: nothing more is taken of this connection. */
export type Outcome = 'no-room' | 'overload' | { end: string } | undefined;

/** The packets of one connection that have come and were not taken yet. */
export interface Backlog {
  push(next: Queued): void;
  /**
   * Gives all of them to `take`: those with State first (RAD-48), the others in their order.
   * @param take may answer `no-room` only where `canWait`
   * @param now ms of uptime
   * @returns `no-room` when it is to be called again in a moment; undefined when nothing is left
   */
  takeAll(take: (next: Queued, canWait: boolean) => Outcome, now: number): 'no-room' | { end: string } | undefined;
}

/** @param roomMs how long room is waited for, once for all that is there: each by itself would let the last wait for as often as there are others. */
export function createBacklog({ roomMs }: { roomMs: number }): Backlog {
  const urgent: Queued[] = [];
  const others: Queued[] = [];
  /** Kept while the last was shed: what came behind it has waited as long, in the system. */
  let waitingSince: number | undefined;
  let isShedding = false;
  return {
    push: (next) => {
      const hasState = !('malformed' in next) && firstOf(next, ATTRIBUTE.state) !== undefined;
      (hasState ? urgent : others).push(next);
    },
    takeAll: (take, now) => {
      for (;;) {
        const queue = urgent.length > 0 ? urgent : others;
        const [next] = queue;
        if (next === undefined) break;
        const outcome = take(next, waitingSince === undefined || now - waitingSince < roomMs);
        if (outcome === 'no-room') {
          waitingSince ??= now;
          return outcome;
        }
        if (typeof outcome === 'object') return outcome;
        isShedding = outcome === 'overload';
        queue.shift();
      }
      if (!isShedding) waitingSince = undefined;
      return undefined;
    },
  };
}
