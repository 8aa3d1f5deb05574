/** How often each of many may do something: `burst` times at once, and then once in `everyMs`. */
export interface Rate {
  /** @param now ms of uptime */
  take(key: string, now: number): boolean;
}

/** Of those that are counted: who is not among them has not done it lately, or long enough ago. */
const MOST_KEYS = 10_000;

/** Of the time between two: they are looked through for those that have rested, and not for each who comes while there are too many. */
const LOOK_EVERY = 1 / 16;

/** Keeps one time for each: when it will have rested (GCRA). */
export function createRate({ burst, everyMs }: { burst: number; everyMs: number }): Rate {
  const restedAt = new Map<string, number>();
  let lookAt = -Infinity;

  function forgetRested(now: number): void {
    let earliest = Infinity;
    for (const [key, at] of restedAt) {
      if (at <= now) restedAt.delete(key);
      else earliest = Math.min(earliest, at);
    }
    lookAt = Math.max(earliest, now + everyMs * LOOK_EVERY);
  }

  return {
    take: (key, now) => {
      const rested = Math.max(restedAt.get(key) ?? now, now);
      if (rested - now > (burst - 1) * everyMs) return false;
      if (restedAt.size >= MOST_KEYS && now >= lookAt) forgetRested(now);
      if (restedAt.size >= MOST_KEYS && !restedAt.has(key)) return false;
      restedAt.set(key, rested + everyMs);
      return true;
    },
  };
}
