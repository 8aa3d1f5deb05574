import { languagesFor } from '../dispatch/texts.ts';

/** What people are told of: every way in which what they sign in with changes (AAL-26). */
export type NoticeKind =
  | `${'totp' | 'phone' | 'app' | 'passkey' | 'recovery'}.${'added' | 'removed'}`
  | `app-passkey.${'added' | 'removed'}`
  | 'app.changed'
  | 'access-code.granted'
  | 'pin.changed'
  | 'pin.removed'
  | 'questions.changed';

type Texts = Record<NoticeKind, string> & { contact: string; subject: string; account: string; time: string };

/** No code, no link, no name: nothing that a stranger could use, or that people could learn to follow. */
const TEXTS: Record<string, Texts> = {
  en: {
    'totp.added': 'An authenticator app was added to your account at {{application}}.',
    'totp.removed': 'An authenticator app was removed from your account at {{application}}.',
    'phone.added': 'A phone was added to your account at {{application}}.',
    'phone.removed': 'A phone was removed from your account at {{application}}.',
    'app.added': 'The Countersign app on a phone was added to your account at {{application}}.',
    'app.removed': 'The Countersign app on a phone was removed from your account at {{application}}.',
    'app.changed': 'The key of the Countersign app on a phone of your account at {{application}} was changed.',
    'app-passkey.added':
      'A passkey was added to the Countersign app on a phone of your account at {{application}}. It confirms sign-ins there.',
    'app-passkey.removed':
      'The passkey was removed from the Countersign app on a phone of your account at {{application}}.',
    'passkey.added': 'A passkey was added to your account at {{application}}.',
    'passkey.removed': 'A passkey was removed from your account at {{application}}.',
    'recovery.added': 'New recovery codes were made for your account at {{application}}.',
    'recovery.removed': 'The recovery codes of your account at {{application}} were removed.',
    'access-code.granted': 'An access code was made for your account at {{application}}.',
    'pin.changed': 'The PIN of your account at {{application}} was set anew.',
    'pin.removed': 'The PIN of your account at {{application}} was removed.',
    'questions.changed': 'The security questions of your account at {{application}} were set anew.',
    contact: 'If this was not you, tell your help desk at once.',
    subject: '{{application}}: a change to how you sign in',
    account: 'Account',
    time: 'Time',
  },
  ru: {
    'totp.added': 'К вашей учётной записи в {{application}} добавлено приложение для кодов.',
    'totp.removed': 'Из вашей учётной записи в {{application}} удалено приложение для кодов.',
    'phone.added': 'К вашей учётной записи в {{application}} добавлен телефон.',
    'phone.removed': 'Из вашей учётной записи в {{application}} удалён телефон.',
    'app.added': 'К вашей учётной записи в {{application}} добавлено приложение Countersign на телефоне.',
    'app.removed': 'Из вашей учётной записи в {{application}} удалено приложение Countersign на телефоне.',
    'app.changed': 'Сменён ключ приложения Countersign на телефоне вашей учётной записи в {{application}}.',
    'app-passkey.added':
      'К приложению Countersign на телефоне вашей учётной записи в {{application}} добавлен ключ доступа. Им подтверждаются входы.',
    'app-passkey.removed':
      'Из приложения Countersign на телефоне вашей учётной записи в {{application}} удалён ключ доступа.',
    'passkey.added': 'К вашей учётной записи в {{application}} добавлен ключ доступа.',
    'passkey.removed': 'Из вашей учётной записи в {{application}} удалён ключ доступа.',
    'recovery.added': 'Для вашей учётной записи в {{application}} созданы новые коды восстановления.',
    'recovery.removed': 'Коды восстановления вашей учётной записи в {{application}} удалены.',
    'access-code.granted': 'Для вашей учётной записи в {{application}} создан код доступа.',
    'pin.changed': 'PIN-код вашей учётной записи в {{application}} задан заново.',
    'pin.removed': 'PIN-код вашей учётной записи в {{application}} удалён.',
    'questions.changed': 'Контрольные вопросы вашей учётной записи в {{application}} заданы заново.',
    contact: 'Если это были не вы, сразу сообщите в службу поддержки.',
    subject: '{{application}}: изменение способа входа',
    account: 'Учётная запись',
    time: 'Время',
  },
};

/** @returns undefined for a kind that only a newer build knows. */
export function noticeTexts(
  kind: string,
  language: string,
): { sentence: string; subject: string; account: string; time: string } | undefined {
  const [tag = 'en'] = languagesFor(language).filter((candidate) => Object.hasOwn(TEXTS, candidate));
  const texts = TEXTS[tag];
  if (texts === undefined || !isKind(kind, texts)) return undefined;
  const { contact, subject, account, time } = texts;
  return { sentence: `${texts[kind]} ${contact}`, subject, account, time };
}

function isKind(kind: string, texts: Texts): kind is NoticeKind {
  return kind.includes('.') && Object.hasOwn(texts, kind);
}
