import type { Language } from '@countersign/ui/i18n';

export function dateIn(language: Language, iso: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(iso));
}

export function timeIn(language: Language, iso: string): string {
  return new Intl.DateTimeFormat(language, { timeStyle: 'short' }).format(new Date(iso));
}

/** "in 30 seconds", "in 5 minutes". */
export function waitIn(language: Language, seconds: number): string {
  const format = new Intl.RelativeTimeFormat(language, { numeric: 'always' });
  return seconds < 90
    ? format.format(Math.max(1, seconds), 'second')
    : format.format(Math.ceil(seconds / 60), 'minute');
}

/** "10 codes left": the noun by the number, which in Russian has three forms. */
export function codesLeftIn(language: Language, count: number): string {
  const form = new Intl.PluralRules(language).select(count);
  if (language === 'ru') {
    const noun = form === 'one' ? 'код' : form === 'few' ? 'кода' : 'кодов';
    return `Осталось: ${count} ${noun}`;
  }
  return `${count} ${form === 'one' ? 'code' : 'codes'} left`;
}

export function minutesIn(language: Language, seconds: number): string {
  const minutes = Math.max(1, Math.round(seconds / 60));
  return new Intl.NumberFormat(language, { style: 'unit', unit: 'minute', unitDisplay: 'long' }).format(minutes);
}

/** Base32 in groups of four, which are typed without losing the place. */
export function grouped(secret: string): string {
  return secret.replaceAll(/(.{4})(?=.)/g, '$1 ');
}

/** "492 039 118", which is typed without losing the place. */
export function inThrees(digits: string): string {
  return digits.replaceAll(/(.{3})(?=.)/g, '$1 ');
}

/** For whoever hears it: digit by digit. */
export function spelled(digits: string): string {
  return digits.split('').join(' ');
}
