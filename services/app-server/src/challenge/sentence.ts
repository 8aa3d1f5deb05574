import type { Method } from '@countersign/contracts';

type PromptTexts = Record<Method, (parts: { digits: number; phone: string; number: string }) => string> & {
  bypass: () => string;
};

const PROMPTS = {
  en: {
    totp: ({ digits }) => `Enter the ${digits}-digit code from your authenticator.`,
    sms: ({ digits, phone }) => `Enter the ${digits}-digit code sent to ${phone}.`,
    passkey: () => 'Use your passkey.',
    app: ({ number }) => `Open the Countersign authenticator on your phone and type ${number}.`,
    recovery: () => 'Enter one of your recovery codes.',
    bypass: () => 'No code is needed this time.',
  },
  ru: {
    totp: ({ digits }) => `Введите код из приложения (цифр: ${digits}).`,
    sms: ({ digits, phone }) => `Введите код из SMS на номер ${phone} (цифр: ${digits}).`,
    passkey: () => 'Подтвердите вход ключом доступа.',
    app: ({ number }) => `Откройте приложение Countersign на телефоне и введите ${number}.`,
    recovery: () => 'Введите один из кодов восстановления.',
    bypass: () => 'В этот раз код не нужен.',
  },
} as const satisfies Record<string, PromptTexts>;

const PIN_TOO = { en: 'Your PIN is needed as well.', ru: 'Нужен также ваш PIN-код.' } as const;

/**
 * The sentence to show next to the input, in the person's language, English where there is no other.
 * @param phoneEnd the last two digits of the number; nothing more of it leaves the house.
 */
export function sentenceFor(
  method: Method | 'bypass',
  language: string | undefined,
  parts: { digits: number; phoneEnd: string; pin?: boolean; number?: string },
): string {
  const primary = language?.split('-')[0] ?? 'en';
  const known = Object.hasOwn(PROMPTS, primary) ? (primary as keyof typeof PROMPTS) : 'en';
  const texts: PromptTexts = PROMPTS[known];
  const prompt = texts[method]({
    digits: parts.digits,
    phone: `••• ••• ${parts.phoneEnd}`,
    number: parts.number ?? '',
  });
  return parts.pin === true ? `${prompt} ${PIN_TOO[known]}` : prompt;
}
