import type { ChallengeStateName, ErrorCode, Method } from '@countersign/contracts';

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
  /** For whoever hears the page: digit by digit. */
  number: (digits: string) => string;
  approveWhere: string;
  waiting: string;
  approved: string;
  askAgain: string;
  outcomes: Record<Exclude<ChallengeStateName, 'approved'>, string>;
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
  number: (digits) => `The number is ${digits}.`,
  approveWhere:
    'Open the Countersign authenticator on your phone, and type this number there. If no message came, open it all the same.',
  waiting: 'Waiting for your answer on the phone. Then this page goes on by itself.',
  approved: 'I have approved',
  askAgain: 'Ask again',
  outcomes: {
    pending: 'There is no answer from your phone yet. Type the number there, then go on here.',
    denied:
      'This was refused on the phone, or another number was typed there. If that was not you, tell your helpdesk.',
    cancelled: 'This question is over. Ask again, or choose another way.',
    expired: 'No answer came from your phone in time. Ask again, or choose another way.',
  },
  resend: 'Send a new code',
  other: 'Another way',
  methods: {
    passkey: 'Passkey',
    app: 'Approve on the phone',
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
  number: (digits) => `Число: ${digits}.`,
  approveWhere:
    'Откройте на телефоне приложение Countersign и введите там это число. Если уведомление не пришло, всё равно откройте приложение.',
  waiting: 'Ждём вашего ответа на телефоне. Затем страница продолжит сама.',
  approved: 'Вход подтверждён',
  askAgain: 'Запросить ещё раз',
  outcomes: {
    pending: 'Ответа с телефона ещё нет. Введите там число, затем продолжите здесь.',
    denied: 'На телефоне отказались или ввели другое число. Если это были не вы, сообщите в службу поддержки.',
    cancelled: 'Этот запрос больше не действует. Запросите ещё раз или выберите другой способ.',
    expired: 'Ответ с телефона не пришёл вовремя. Запросите ещё раз или выберите другой способ.',
  },
  resend: 'Отправить новый код',
  other: 'Другой способ',
  methods: {
    passkey: 'Ключ доступа',
    app: 'Подтвердить на телефоне',
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
