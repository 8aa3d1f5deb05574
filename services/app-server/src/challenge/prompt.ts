import type { Method } from '@countersign/contracts';

type PromptTexts = Record<Method, (parts: { digits: number; phone: string }) => string> & { bypass: () => string };

const PROMPTS = {
  en: {
    totp: ({ digits }) => `Enter the ${digits}-digit code from your authenticator.`,
    sms: ({ digits, phone }) => `Enter the ${digits}-digit code sent to ${phone}.`,
    bypass: () => 'No code is needed this time.',
  },
  ru: {
    totp: ({ digits }) => `Введите код из приложения (цифр: ${digits}).`,
    sms: ({ digits, phone }) => `Введите код из SMS на номер ${phone} (цифр: ${digits}).`,
    bypass: () => 'В этот раз код не нужен.',
  },
} as const satisfies Record<string, PromptTexts>;

/**
 * The sentence to show next to the input, in the person's language, English where there is no other.
 * @param phoneEnd the last two digits of the number; nothing more of it leaves the house.
 */
export function promptFor(
  method: Method | 'bypass',
  language: string | undefined,
  parts: { digits: number; phoneEnd: string },
): string {
  const primary = language?.split('-')[0] ?? 'en';
  const texts: PromptTexts = Object.hasOwn(PROMPTS, primary) ? PROMPTS[primary as keyof typeof PROMPTS] : PROMPTS.en;
  return texts[method]({ digits: parts.digits, phone: `••• ••• ${parts.phoneEnd}` });
}
