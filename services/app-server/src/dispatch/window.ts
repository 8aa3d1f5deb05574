/**
 * A budget of N in a period, counted in a window that slides: in no stretch of `periodMs`, wherever it begins, are more
 * than N taken, and N can be taken whenever the last N are that long ago (INV-15). Pure; the store is next door.
 *
 * Not a leaky bucket (GCRA): one that lets N through at once and refills N in a period lets nearly 2N through in a period,
 * and one that is tightened until it does not refuses people who are well inside their budget.
 *
 * Time is counted in ticks of 1/60 of the period, so that a window is 61 small numbers at most, however large N is. A
 * place comes free up to one tick late, never early.
 */
export interface Window {
  /** Ticks in rising order, and what was taken in each. */
  taken: [tick: number, count: number][];
}

export interface Limit {
  /** How many in a period; 0 refuses all. */
  limit: number;
  periodMs: number;
}

export type Taken = { ok: true; window: Window; tick: number } | { ok: false; retryAfterMs: number };

const TICKS_PER_PERIOD = 60;

export const EMPTY_WINDOW: Window = { taken: [] };

/**
 * Takes one. The window that was handed in is left as it is.
 * @param now milliseconds. A clock that went back counts in the newest tick there is: nothing is forgotten early.
 */
export function take(window: Window, now: number, limit: Limit): Taken {
  const tickMs = limit.periodMs / TICKS_PER_PERIOD;
  const tick = Math.max(Math.floor(now / tickMs), window.taken.at(-1)?.[0] ?? 0);
  const taken = window.taken.filter(([then]) => then >= tick - TICKS_PER_PERIOD);
  const sum = total(taken);
  if (sum >= limit.limit) return { ok: false, retryAfterMs: freeAt(taken, sum, limit, tickMs) - now };
  const last = taken.at(-1);
  const others = last?.[0] === tick ? taken.slice(0, -1) : taken;
  return { ok: true, window: { taken: [...others, [tick, (last?.[0] === tick ? last[1] : 0) + 1]] }, tick };
}

/** Gives back one that was taken in `tick`. One that is gone already stays gone. */
export function giveBack(window: Window, tick: number): Window {
  return {
    taken: window.taken
      .map(([then, count]): [number, number] => [then, then === tick ? count - 1 : count])
      .filter(([, count]) => count > 0),
  };
}

function total(taken: Window['taken']): number {
  return taken.reduce((sum, [, count]) => sum + count, 0);
}

/** When so many have left the window that one more fits. A limit that was lowered meanwhile may need several to leave. */
function freeAt(taken: Window['taken'], sum: number, limit: Limit, tickMs: number): number {
  let left = sum;
  for (const [tick, count] of taken) {
    left -= count;
    if (left < limit.limit) return (tick + TICKS_PER_PERIOD + 1) * tickMs;
  }
  return ((taken.at(-1)?.[0] ?? 0) + TICKS_PER_PERIOD + 1) * tickMs;
}
