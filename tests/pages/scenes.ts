import type { Page } from 'playwright-core';
import type { en } from '../../services/user-portal/web/src/i18n/en.ts';
import {
  account,
  BY_PHONE,
  CONFIRMED,
  ENROLLED,
  FIRST,
  FULL,
  HISTORY,
  NEW_PASSKEY,
  question,
  SESSIONS,
  welcome,
} from './people.ts';
import type { Replies } from './stand-in.ts';

type Key = keyof typeof en;
/** What stands on a page, in the language that it is shown in. */
export type Read = (key: Key, ...parts: string[]) => string;

export interface Scene {
  replies: Replies;
  /** What a person does to come there. */
  go?: (page: Page, read: Read) => Promise<void>;
  /** What tells that one is there. */
  sign: Key;
  /** What it says stays in the language in which it was said. */
  saysOnce?: boolean;
}

const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click();
const choose = (page: Page, name: string) => page.getByRole('button', { name: new RegExp(`^${name}`) }).click();

const second = (of: Parameters<typeof question>[0]): Replies => ({
  welcome: welcome({ at: 'second-factor', displayName: 'Anna', question: question(of) }),
});
const first: Replies = {
  welcome: welcome(FIRST),
  account: account({ level: 'enrolment', factors: [] }),
  enrol: ({ type }) => (type === 'passkey' ? NEW_PASSKEY : ENROLLED[type]),
  confirm: CONFIRMED,
};
const home: Replies = {
  welcome: welcome(FULL),
  account: account(),
  sessions: SESSIONS,
  history: HISTORY,
  enrol: ({ type }) => (type === 'passkey' ? NEW_PASSKEY : ENROLLED[type]),
};
const withoutPin: Replies = {
  ...home,
  account: account({
    pin: { isSet: false, isDue: false, isWanted: true, minLength: 8, mayChange: true, mayRemove: false },
  }),
};
const typeCode = async (page: Page, read: Read) => {
  await page.getByLabel(read('second.code')).fill('123 456');
  await press(page, read('enrol.confirm'));
};
const toOffer: Scene['go'] = async (page, read) => {
  await choose(page, read('factor.totp'));
  await typeCode(page, read);
};

/** Every page, in the order in which a person comes by. */
export const SCENES: Readonly<Record<string, Scene>> = {
  'sign-in': { replies: { welcome: welcome({ at: 'sign-in' }) }, sign: 'signIn.submit' },
  'sign-in-refused': {
    replies: {
      welcome: welcome({ at: 'sign-in' }, { signIn: ['password'] }),
      signInWithPassword: { refuse: 'CREDENTIALS_REJECTED', status: 422 },
    },
    go: async (page, read) => {
      await page.getByLabel(read('signIn.name')).fill('anna');
      await page.getByLabel(read('signIn.password')).fill('wrong');
      await press(page, read('signIn.submit'));
    },
    sign: 'problem.CREDENTIALS_REJECTED',
    saysOnce: true,
  },
  'portal-away': { replies: {}, sign: 'app.again', saysOnce: true },
  'second-factor-totp': { replies: second({}), sign: 'second.submit' },
  'second-factor-sms': {
    replies: second({ method: 'sms', prompt: 'Enter the code that we sent to +371 ••• ••12.' }),
    sign: 'second.submit',
  },
  'second-factor-pin': { replies: second({ pin: true }), sign: 'second.pinHint' },
  'second-factor-passkey': {
    replies: second({ method: 'passkey', prompt: 'Use your passkey.', passkey: { challenge: 'AAAA' } }),
    sign: 'second.passkey',
  },
  'second-factor-app': {
    replies: { ...second(BY_PHONE), wait: { state: 'pending' } },
    sign: 'second.waiting',
  },
  'second-factor-app-denied': {
    replies: { ...second(BY_PHONE), wait: { state: 'denied' } },
    sign: 'second.denied',
  },
  'second-factor-recovery': { replies: second({ method: 'recovery' }), sign: 'second.recoveryCode' },
  'second-factor-none': {
    replies: { welcome: welcome({ at: 'second-factor', displayName: 'Anna' }) },
    sign: 'second.none',
  },
  'access-code': { replies: { welcome: welcome({ at: 'access-code', displayName: 'Anna' }) }, sign: 'access.code' },
  'enrol-choose': { replies: first, sign: 'enrol.firstTitle' },
  'enrol-totp': {
    replies: first,
    go: (page, read) => choose(page, read('factor.totp')),
    sign: 'enrol.totpTitle',
  },
  'enrol-app': {
    replies: { ...first, confirm: { ...CONFIRMED, state: 'pending' } },
    go: (page, read) => choose(page, read('factor.app')),
    sign: 'enrol.appTitle',
  },
  'enrol-app-over': {
    replies: {
      ...first,
      enrol: { ...ENROLLED.app, expiresAt: '2026-01-01T12:00:00.000Z' },
      confirm: { ...CONFIRMED, state: 'pending' },
    },
    go: (page, read) => choose(page, read('factor.app')),
    sign: 'enrol.appExpired',
  },
  'enrol-phone': {
    replies: first,
    go: async (page, read) => {
      await choose(page, read('factor.phone'));
      await page.getByLabel(read('enrol.country')).selectOption('LV');
    },
    sign: 'enrol.phoneAgree',
  },
  'enrol-phone-code': {
    replies: first,
    go: async (page, read) => {
      await choose(page, read('factor.phone'));
      await page.getByLabel(read('enrol.country')).selectOption('LV');
      await page.getByLabel(read('enrol.number')).fill('21 234 567');
      await page.getByRole('checkbox').check();
      await press(page, read('enrol.phoneSend'));
    },
    sign: 'enrol.phoneCodeTitle',
  },
  'enrol-passkey': {
    replies: first,
    go: (page, read) => choose(page, read('factor.passkey')),
    sign: 'enrol.passkeyCreate',
  },
  'enrol-recovery-offered': { replies: first, go: toOffer, sign: 'enrol.recoveryMake' },
  'enrol-recovery-codes': {
    replies: first,
    go: async (page, read) => {
      await toOffer(page, read);
      await press(page, read('enrol.recoveryMake'));
    },
    sign: 'enrol.kept',
  },
  'enrol-done': {
    replies: first,
    go: async (page, read) => {
      await toOffer(page, read);
      await press(page, read('enrol.recoveryMake'));
      await press(page, read('enrol.kept'));
    },
    sign: 'enrol.doneTitle',
  },
  home: { replies: home, sign: 'home.history' },
  'home-add': { replies: home, go: (page, read) => press(page, read('home.add')), sign: 'enrol.title' },
  'home-rename': {
    replies: home,
    go: (page, read) => press(page, `${read('home.rename')}: Aegis`),
    sign: 'home.renameTitle',
  },
  'home-remove': {
    replies: home,
    go: (page, read) => press(page, `${read('home.remove')}: Aegis`),
    sign: 'home.removeText',
  },
  'home-not-me': {
    replies: home,
    go: (page, read) =>
      page
        .getByRole('button', { name: read('home.notMe') })
        .first()
        .click(),
    sign: 'home.notMeText',
  },
  'home-pin-missing': { replies: withoutPin, sign: 'pin.missing' },
  'home-pin-choose': { replies: withoutPin, go: (page, read) => press(page, read('pin.set')), sign: 'pin.again' },
  'step-up': {
    replies: {
      ...home,
      remove: { refuse: 'STEP_UP_NEEDED', status: 403 },
      ask: { ...FULL, question: question() },
    },
    go: async (page, read) => {
      await press(page, `${read('home.remove')}: Aegis`);
      await page
        .getByRole('dialog')
        .getByRole('button', { name: read('home.remove') })
        .click();
    },
    sign: 'stepUp.text',
  },
};
