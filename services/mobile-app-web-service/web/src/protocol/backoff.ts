import type { Outside } from './post.ts';
import { Problem } from './problem.ts';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** Of a server that does not know this phone, which is seldom a mistake. */
const UNKNOWN_PAUSE_MS = 60_000;
const LONGEST_UNKNOWN_PAUSE_MS = 3_600_000;

/**
 * How long to leave a server alone that failed `tries` times in a row: twice as long each time, at most 30 s, and never as long as all
 * the other phones do. Of one that says that it does not know this phone it is a minute at first, and an hour at most. What the server itself asks for counts
 * where it is longer; beyond 30 s only where it is busy with this phone (TRY_LATER).
 */
export function pauseMs(error: unknown, tries: number, { randomBytes }: Pick<Outside, 'randomBytes'>): number {
  const { code, retryAfterSeconds } = error instanceof Problem ? error : new Problem('INTERNAL');
  const askedMs = retryAfterSeconds * 1000;
  const isUnknown = code === 'DEVICE_UNKNOWN';
  const firstMs = isUnknown ? UNKNOWN_PAUSE_MS : FIRST_PAUSE_MS;
  const longestMs = isUnknown ? LONGEST_UNKNOWN_PAUSE_MS : LONGEST_PAUSE_MS;
  const grownMs = Math.max(firstMs * 2 ** Math.min(tries, 10), askedMs);
  const wholeMs = code === 'TRY_LATER' ? grownMs : Math.min(grownMs, longestMs);
  const share = (randomBytes(1)[0] ?? 0) / 255;
  // At least what was asked for, or half: a crowd that was turned away together does not come back together.
  const leastMs = Math.max(wholeMs / 2, Math.min(askedMs, wholeMs));
  return Math.round(leastMs + (wholeMs - leastMs) * share);
}
