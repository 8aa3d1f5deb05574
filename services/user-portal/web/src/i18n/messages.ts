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
  if (code === 'TRY_LATER') return say('problem.TRY_LATER', wait);
  return Object.hasOwn(en, key) ? (say as (key: string) => string)(key) : say('problem.other');
}

const OF_PROVIDERS = {
  CREDENTIALS_REJECTED: 'provider.refused',
  SIGN_IN_NEEDED: 'provider.over',
  UNAVAILABLE: 'provider.away',
} as const;

/** What became of a sign-in with an OpenID provider, where a name and a password have nothing to do with it. */
export function sayProviderProblem(say: Say, code: string, name: string): string | undefined {
  return Object.hasOwn(OF_PROVIDERS, code) ? say(OF_PROVIDERS[code as keyof typeof OF_PROVIDERS], name) : undefined;
}
