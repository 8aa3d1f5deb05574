import type { CheckLevel } from '@countersign/contracts';

/** HA-50: two clocks that are further apart than the first will refuse good codes; than the second, they do. */
const WARN_MS = 2000;
const FAIL_MS = 10_000;

export function skewLevel(skewMs: number): CheckLevel {
  const apartMs = Math.abs(skewMs);
  if (apartMs <= WARN_MS) return 'ok';
  return apartMs > FAIL_MS ? 'fail' : 'warn';
}

/** `0.3 s ahead of us`. */
export function skewText(skewMs: number): string {
  const apart = `${(Math.abs(skewMs) / 1000).toFixed(1)} s`;
  return Math.abs(skewMs) < 100 ? 'agrees with ours' : `${apart} ${skewMs > 0 ? 'ahead of' : 'behind'} ours`;
}

export const SKEW_ADVICE =
  'Make chrony or another NTP client run on both machines: codes and results depend on the time.';
