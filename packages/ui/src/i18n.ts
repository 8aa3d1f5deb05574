export const LANGUAGE_NAMES = { en: 'English', ru: 'Русский' } as const;
/** What all pages speak. */
export type Language = keyof typeof LANGUAGE_NAMES;

export function isLanguage(text: string): text is Language {
  return Object.hasOwn(LANGUAGE_NAMES, text);
}

/** The first that we speak, of what somebody wants. */
export function languageOf(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const primary = tag.split('-')[0]?.toLowerCase() ?? '';
    if (isLanguage(primary)) return primary;
  }
  return 'en';
}

/** The same keys, with the same parameters: a language that lacks one does not compile. */
export type Translated<Words> = {
  [K in keyof Words]: Words[K] extends (...parts: infer Parts) => string ? (...parts: Parts) => string : string;
};

/** Says something in the language of the person: a key, and what its sentence is made of. */
export type SayOf<Words> = <K extends keyof Words>(
  key: K,
  ...parts: Words[K] extends (...parts: infer Parts) => string ? Parts : []
) => string;

export function sayWith<Words>(translated: Translated<Words>): SayOf<Words> {
  const messages = translated as Readonly<Record<PropertyKey, string | ((...given: unknown[]) => string)>>;
  return (key, ...parts) => {
    const message = messages[key] ?? '';
    return typeof message === 'string' ? message : message(...parts);
  };
}
