const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** @returns seconds of a text like 90, 90s, 15m, 12h or 7d; undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  const [, count, unit = 's'] = /^(\d{1,9})([smhd])?$/.exec(text.trim()) ?? [];
  const factor = UNIT_SECONDS[unit];
  return count === undefined || factor === undefined ? undefined : Number(count) * factor;
}

/** The same in words, to its two largest units: `2 d 3 h`, `15 min`, `40 s`. */
export function formatDuration(seconds: number): string {
  const rounded = Math.max(0, Math.round(seconds));
  const parts = [
    { count: Math.floor(rounded / 86_400), unit: 'd' },
    { count: Math.floor(rounded / 3600) % 24, unit: 'h' },
    { count: Math.floor(rounded / 60) % 60, unit: 'min' },
    { count: rounded % 60, unit: 's' },
  ].filter(({ count }) => count > 0);
  return parts.length === 0
    ? '0 s'
    : parts
        .slice(0, 2)
        .map(({ count, unit }) => `${count} ${unit}`)
        .join(' ');
}
