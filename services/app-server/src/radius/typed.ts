import type { Method, RadiusClientSettings } from '@countersign/contracts';

/** What somebody typed where a password is asked for. */
export interface Typed {
  /** Empty where the client has held the password itself. */
  password: string;
  /** As it was typed: digits, or what cannot be a code. */
  code?: string;
  /** How they want to be asked. */
  method?: Method;
}

/** What people type in place of a code to be asked in another way, in any case. */
const METHOD_WORDS: Readonly<Record<string, Method>> = {
  app: 'app',
  push: 'app',
  code: 'totp',
  sms: 'sms',
  recovery: 'recovery',
};

export function methodOfWord(text: string): Method | undefined {
  const word = text.trim().toLowerCase();
  return Object.hasOwn(METHOD_WORDS, word) ? METHOD_WORDS[word] : undefined;
}

/**
 * Parts a password from what was typed behind it, by one fixed rule, so that a directory hears one password for each that was typed (RAD-51):
 * - `digits`: the last n characters are a code where all of them are digits, and something stands before them;
 * - `separator`: what stands behind the last one is a code or a word, also where it is empty;
 * - no password is held here: all of it is a code or a word.
 */
export function partTyped(
  text: string,
  { firstFactor, appended }: Pick<RadiusClientSettings, 'firstFactor' | 'appended'>,
): Typed {
  if (firstFactor.by === 'none') return { password: '', ...secondOf(text) };
  if (appended.how === 'digits') {
    const at = text.length - appended.digits;
    const code = at > 0 ? text.slice(at) : '';
    return /^[0-9]+$/.test(code) ? { password: text.slice(0, at), code } : { password: text };
  }
  if (appended.how === 'separator') {
    const at = text.lastIndexOf(appended.separator);
    return at < 0 ? { password: text } : { password: text.slice(0, at), ...secondOf(text.slice(at + 1)) };
  }
  return { password: text };
}

function secondOf(text: string): Pick<Typed, 'code' | 'method'> {
  const method = methodOfWord(text);
  if (method !== undefined) return { method };
  return text.trim() === '' ? {} : { code: text };
}
