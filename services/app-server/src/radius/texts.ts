import type { Method } from '@countersign/contracts';

interface Texts {
  /** Behind a prompt with a number. */
  thenEnter: string;
  /** @param words what can be typed. */
  instead: (words: string) => string;
  wrong: string;
  notYet: string;
  again: string;
  /** Says neither which factor failed nor whether there is such a person (RAD-25). */
  refused: string;
  or: string;
}

const TEXTS = {
  en: {
    thenEnter: 'Then press Enter here.',
    instead: (words) => `Or type ${words}.`,
    wrong: 'That was not accepted.',
    notYet: 'Not approved yet. Press Enter to wait longer.',
    again: 'Enter the code again.',
    refused: 'Sign-in refused.',
    or: ' or ',
  },
  ru: {
    thenEnter: 'Затем нажмите здесь Enter.',
    instead: (words) => `Или введите ${words}.`,
    wrong: 'Ответ не принят.',
    notYet: 'Ещё не подтверждено. Нажмите Enter, чтобы подождать.',
    again: 'Введите код ещё раз.',
    refused: 'Вход отклонён.',
    or: ' или ',
  },
} as const satisfies Record<string, Texts>;

const WORD_OF: Partial<Record<Method, string>> = { app: 'app', totp: 'code', sms: 'sms', recovery: 'recovery' };

/** English where there is no other. */
export function textsIn(language: string | undefined): Texts {
  const primary = language?.split('-')[0] ?? 'en';
  return Object.hasOwn(TEXTS, primary) ? TEXTS[primary as keyof typeof TEXTS] : TEXTS.en;
}

/** What else can be typed, as a sentence; empty where there is nothing. */
export function insteadText({ instead, or }: Texts, alternatives: readonly Method[]): string {
  const words = alternatives.flatMap((method) => WORD_OF[method] ?? []);
  return words.length === 0 ? '' : instead(words.join(or));
}
