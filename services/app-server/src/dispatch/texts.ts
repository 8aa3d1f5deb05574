/**
 * The texts of this build, by language. What a code by SMS is for, how long it is good, and that nobody may have it (TEL-04):
 * no link, no user name. English fits one segment with an application's name of up to 64 characters; Russian is sent in the
 * alphabet of 70 characters and fits with up to 15 (TEL-03).
 */
export const SMS_TEXTS: Record<string, string> = {
  en: '{{code}} is your code for {{application}}, valid for {{minutes}} min. Never share it with anyone.',
  ru: '{{code}} - код для {{application}}, {{minutes}} мин. Никому не сообщайте.',
};

const FALLBACK_LANGUAGE = 'en';

/** The language itself, then without its last part (`pt-BR`, `pt`), then English. @see RFC 4647 section 3.4 */
export function languagesFor(language: string): string[] {
  const parts = language.split('-');
  const tags = parts.map((_, n) => parts.slice(0, parts.length - n).join('-'));
  return tags.includes(FALLBACK_LANGUAGE) ? tags : [...tags, FALLBACK_LANGUAGE];
}

const PLACEHOLDER = /\{\{([^{}]*)\}\}/g;
const KNOWN: ReadonlySet<string> = new Set(['code', 'application', 'minutes']);

/** What is wrong with a text of the policy, in sentences for the administrator. Empty: nothing (TEL-04). */
export function lintText(text: string): string[] {
  const names = Array.from(text.matchAll(PLACEHOLDER), ([, name]) => name ?? '');
  const faults: string[] = [];
  if (names.filter((name) => name === 'code').length !== 1) faults.push('The text must hold {{code}}, once.');
  for (const name of names.filter((candidate) => !KNOWN.has(candidate))) {
    faults.push(`{{${name}}} is not known. Use {{code}}, {{application}} and {{minutes}}.`);
  }
  if (/:\/\/|\bwww\./i.test(text))
    faults.push('A text with a code holds no link: people must not learn to follow one.');
  if (/^\s*@/m.test(text)) {
    faults.push('No line may begin with @: phones take such a line for the name of the page the code is for.');
  }
  if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text.replaceAll('\n', ''))) faults.push('The text holds control characters.');
  return faults;
}

/**
 * The text for a language: from the policy, else of this build; then the same for the next language in line. A text of the
 * policy that cannot do its work (no {{code}}) is passed over, because a login waits for it.
 */
export function textFor(language: string, texts: Record<string, { sms?: string | undefined }>): string {
  for (const tag of languagesFor(language)) {
    const own = Object.hasOwn(texts, tag) ? texts[tag]?.sms : undefined;
    if (own !== undefined && lintText(own).length === 0) return own;
    const builtIn = Object.hasOwn(SMS_TEXTS, tag) ? SMS_TEXTS[tag] : undefined;
    if (builtIn !== undefined) return builtIn;
  }
  return SMS_TEXTS[FALLBACK_LANGUAGE] ?? '';
}

/** Fills a text in one pass: what is put in is never looked at for placeholders. */
export function fillText(text: string, values: Record<string, string>): string {
  return text.replaceAll(PLACEHOLDER, (whole, name: string) =>
    Object.hasOwn(values, name) ? (values[name] ?? '') : whole,
  );
}
