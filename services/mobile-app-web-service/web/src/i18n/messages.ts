import { sayWith, type Language, type SayOf, type Translated } from '@countersign/ui/i18n';
import { en } from './en.ts';
import { ru } from './ru.ts';

export type Messages = Translated<typeof en>;
export type Say = SayOf<typeof en>;

const LANGUAGES: Readonly<Record<Language, Messages>> = { en, ru };

export function sayIn(language: Language): Say {
  return sayWith<typeof en>(LANGUAGES[language]);
}

/** Sentences for the codes that somebody can meet; the others have one in common. */
export function sayProblem(say: Say, code: string, wait: string): string {
  const key = `problem.${code}`;
  if (code === 'TRY_LATER') return wait === '' ? say('problem.busy') : say('problem.TRY_LATER', wait);
  return Object.hasOwn(en, key) ? (say as (key: string) => string)(key) : say('problem.other');
}
