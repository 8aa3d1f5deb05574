import type { Language } from '@countersign/ui/i18n';

export function dateIn(language: Language, atMs: number): string {
  return new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' }).format(atMs);
}

/** "15:04:22": of something that is seconds old. */
export function timeIn(language: Language, atMs: number): string {
  return new Intl.DateTimeFormat(language, { timeStyle: 'medium' }).format(atMs);
}

/** "12 seconds ago", "2 minutes ago". Clocks that differ by a second make no future of it. */
export function agoIn(language: Language, pastMs: number): string {
  const seconds = Math.max(0, Math.round(pastMs / 1000));
  const format = new Intl.RelativeTimeFormat(language, { numeric: 'auto' });
  return seconds < 90 ? format.format(-seconds, 'second') : format.format(-Math.round(seconds / 60), 'minute');
}

/** "in 30 seconds", "in 5 minutes". */
export function waitIn(language: Language, seconds: number): string {
  if (seconds <= 0) return '';
  const format = new Intl.RelativeTimeFormat(language, { numeric: 'always' });
  return seconds < 90 ? format.format(Math.ceil(seconds), 'second') : format.format(Math.ceil(seconds / 60), 'minute');
}

/** "123 456", which is read aloud and typed without losing the place. */
export function grouped(code: string): string {
  return `${code.slice(0, code.length / 2)} ${code.slice(code.length / 2)}`;
}
