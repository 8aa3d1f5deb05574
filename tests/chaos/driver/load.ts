import { setTimeout as sleep } from 'node:timers/promises';
import type { Login } from '../history.ts';

/** What of each hundred logins. */
const MIX: readonly { kind: Login['kind']; share: number }[] = [
  { kind: 'totp', share: 0.5 },
  { kind: 'sms', share: 0.35 },
  { kind: 'wait', share: 0.15 },
];

/**
 * Begins so much work in each second whether or not earlier work is done: a server that falls behind is not spared, and who waits
 * for a late beginning has waited as well.
 * @param begin is given the number of the piece and when it was due.
 * @returns how to stop; resolves when all that was begun has ended.
 */
export function arrivals(
  perSecond: number,
  clock: () => number,
  begin: (number: number, dueAt: number) => Promise<void>,
): () => Promise<void> {
  const stopping = new AbortController();
  const under = new Set<Promise<void>>();
  const startedAt = clock();
  const ended = (async () => {
    for (let number = 0; !stopping.signal.aborted; number++) {
      const dueAt = startedAt + (number * 1000) / perSecond;
      const earlyMs = dueAt - clock();
      if (earlyMs > 0) await sleep(earlyMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (stopping.signal.aborted) break;
      const work = begin(number, dueAt);
      under.add(work);
      void work.finally(() => under.delete(work));
    }
  })();
  return async () => {
    stopping.abort();
    await ended;
    while (under.size > 0) await Promise.all(under);
  };
}

/** @param roll from 0 to 1. */
export function kindFor(roll: number): Login['kind'] {
  let left = roll;
  for (const { kind, share } of MIX) {
    if (left < share) return kind;
    left -= share;
  }
  return 'totp';
}
