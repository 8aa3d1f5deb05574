import type { ErrorCode, Method } from '@countersign/contracts';

/** Every word of the page, in each language; a missing one is a type error. */
export interface Texts {
  title: string;
  intro: (parts: { application: string; username: string }) => string;
  code: string;
  recoveryCode: string;
  pin: string;
  pinHint: string;
  codeOrPinRejected: string;
  setPin: string;
  verify: string;
  usePasskey: string;
  passkeyFailed: string;
  needsScript: string;
  resend: string;
  other: string;
  methods: Record<Method, string>;
  cancel: string;
  done: string;
  goOn: string;
  problems: Partial<Record<ErrorCode, string>> & { other: string };
  expiredTitle: string;
  expired: string;
}

const en: Texts = {
  title: 'Confirm that it is you',
  intro: ({ application, username }) => `${application} asks for a second factor for ${username}.`,
  code: 'Code',
  recoveryCode: 'Recovery code',
  pin: 'PIN',
  pinHint: 'You have none yet? Leave it empty.',
  codeOrPinRejected: 'That was not right. Look at the code and the PIN once more and type both again.',
  setPin: 'Set your PIN',
  verify: 'Continue',
  usePasskey: 'Use passkey',
  passkeyFailed: 'The passkey was not used. Try again, or choose another way.',
  needsScript: 'A passkey needs JavaScript. Choose another way, or allow it.',
  resend: 'Send a new code',
  other: 'Another way',
  methods: {
    passkey: 'Passkey',
    totp: 'Code from the authenticator app',
    sms: 'Code by text message',
    recovery: 'Recovery code',
  },
  cancel: 'Cancel',
  done: 'Done. You are being taken back.',
  goOn: 'Continue',
  problems: {
    CODE_REJECTED: 'That was not right. Look at the code once more and type it again.',
    REQUEST_INVALID: 'That is not a whole code. Type all of its characters.',
    TRY_LATER: 'Too many tries. Wait a little, then try again.',
    PIN_NEEDED: 'The code was right, and you need a PIN of your own beside it. Set it first, then sign in again.',
    METHOD_UNAVAILABLE: 'You cannot sign in that way. Choose another one.',
    CHALLENGE_CLOSED: 'This question is over. Ask for a new one.',
    other: 'That did not work. Try again in a moment.',
  },
  expiredTitle: 'This page has expired',
  expired: 'Go back to where you came from, and sign in there once more.',
};

const ru: Texts = {
  title: 'Подтвердите, что это вы',
  intro: ({ application, username }) => `«${application}» просит подтвердить вход пользователя ${username}.`,
  code: 'Код',
  recoveryCode: 'Код восстановления',
  pin: 'PIN-код',
  pinHint: 'Ещё не задан? Оставьте поле пустым.',
  codeOrPinRejected: 'Не подошло. Проверьте код и PIN-код и введите оба ещё раз.',
  setPin: 'Задать PIN-код',
  verify: 'Продолжить',
  usePasskey: 'Использовать ключ доступа',
  passkeyFailed: 'Ключ доступа не был использован. Попробуйте ещё раз или выберите другой способ.',
  needsScript: 'Для ключа доступа нужен JavaScript. Разрешите его или выберите другой способ.',
  resend: 'Отправить новый код',
  other: 'Другой способ',
  methods: {
    passkey: 'Ключ доступа',
    totp: 'Код из приложения',
    sms: 'Код из SMS',
    recovery: 'Код восстановления',
  },
  cancel: 'Отменить',
  done: 'Готово. Возвращаем вас назад.',
  goOn: 'Продолжить',
  problems: {
    CODE_REJECTED: 'Код не подошёл. Проверьте его и введите ещё раз.',
    REQUEST_INVALID: 'Код введён не полностью. Введите все символы.',
    TRY_LATER: 'Слишком много попыток. Немного подождите и попробуйте снова.',
    PIN_NEEDED: 'Код верный, но к нему нужен ваш собственный PIN-код. Сначала задайте его, затем войдите ещё раз.',
    METHOD_UNAVAILABLE: 'Этот способ вам недоступен. Выберите другой.',
    CHALLENGE_CLOSED: 'Время ответа истекло. Запросите новый код.',
    other: 'Не получилось. Попробуйте ещё раз через минуту.',
  },
  expiredTitle: 'Страница устарела',
  expired: 'Вернитесь туда, откуда пришли, и войдите ещё раз.',
};

const LANGUAGES = { en, ru };
export type PageLanguage = keyof typeof LANGUAGES;

export function textsIn(language: PageLanguage): Texts {
  return LANGUAGES[language];
}

/** The first that we speak, of what the person, the application and the browser ask for (RFC 9110 section 12.5.4). */
export function pageLanguage(...wanted: (string | undefined)[]): PageLanguage {
  for (const tags of wanted) {
    for (const tag of (tags ?? '').split(',')) {
      const primary = tag.split(/[-;]/)[0]?.trim().toLowerCase() ?? '';
      if (Object.hasOwn(LANGUAGES, primary)) return primary as PageLanguage;
    }
  }
  return 'en';
}
