import { en } from './en.ts';
import { ru } from './ru.ts';

type Key = keyof typeof en;
/** The same keys, with the same parameters: a language that lacks one does not compile. */
export type Messages = {
  [K in Key]: (typeof en)[K] extends (...parts: infer Parts) => string ? (...parts: Parts) => string : string;
};

const LANGUAGES = { en, ru } as const satisfies Record<string, Messages>;
export type Language = keyof typeof LANGUAGES;
export const LANGUAGE_NAMES: Record<Language, string> = { en: 'English', ru: 'Русский' };

/** Says something in the language of the person. */
export type Say = <K extends Key>(
  key: K,
  ...parts: (typeof en)[K] extends (...parts: infer Parts) => string ? Parts : []
) => string;

export function sayIn(language: Language): Say {
  const messages = LANGUAGES[language] as Readonly<Record<string, string | ((...given: unknown[]) => string)>>;
  return (key, ...parts) => {
    const message = messages[key] ?? '';
    return typeof message === 'string' ? message : message(...parts);
  };
}

/** Sentences for the codes that somebody can meet; the others have one in common. */
export function sayProblem(say: Say, code: string, wait: string): string {
  const key = `problem.${code}`;
  if (code === 'TRY_LATER') return wait === '' ? say('problem.busy') : say('problem.TRY_LATER', wait);
  return Object.hasOwn(en, key) ? (say as (key: string) => string)(key) : say('problem.other');
}

export function isLanguage(text: string): text is Language {
  return Object.hasOwn(LANGUAGES, text);
}

/** The first that we speak, of what somebody wants. */
export function languageOf(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const primary = tag.split('-')[0]?.toLowerCase() ?? '';
    if (isLanguage(primary)) return primary;
  }
  return 'en';
}
