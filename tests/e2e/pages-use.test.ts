import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Standing } from '../../services/user-portal/src/api.ts';
import { forget, launchBrowser } from '../pages/browser.ts';
import {
  account,
  ASKED,
  BY_PHONE,
  CONFIRMED,
  ENROLLED,
  FACTORS,
  FIRST,
  FULL,
  HISTORY,
  NEW_PASSKEY,
  question,
  SESSIONS,
  welcome,
} from '../pages/people.ts';
import { startStandIn, type CallName, type Refusal, type StandIn } from '../pages/stand-in.ts';
import { addVirtualAuthenticator } from '../pages/virtual-authenticator.ts';

let browser: Browser;
let portal: StandIn;
let page: Page;

beforeAll(async () => {
  portal = await startStandIn();
  browser = await launchBrowser();
  page = await browser.newPage({ locale: 'en', permissions: ['clipboard-read', 'clipboard-write'] });
});
afterAll(async () => {
  await browser?.close();
  await portal?.close();
});
beforeEach(() => forget(page, portal.origin));

const home = { welcome: welcome(FULL), account: account(), sessions: SESSIONS, history: HISTORY };
const stepUpNeeded: Refusal = { refuse: 'STEP_UP_NEEDED', status: 403 };
const unavailable: Refusal = { refuse: 'UNAVAILABLE', status: 503, retryAfterSeconds: 0 };

const askedFor = (name: CallName) => portal.asked.filter((asked) => asked.name === name);
const heading = (name: string) => page.getByRole('heading', { name, exact: true });
/** Where the keyboard is, as a person would say it. */
const focused = () => page.evaluate<string>('document.activeElement.innerText || document.activeElement.name || ""');
/** By Tab alone, as often as it takes to come to it. */
async function tabTo(name: string): Promise<void> {
  for (let presses = 0; presses < 30; presses += 1) {
    await page.keyboard.press('Tab');
    if ((await focused()).startsWith(name)) return;
  }
  throw new Error(`the keyboard never comes to ${name}`);
}

describe('by keyboard alone', () => {
  test('somebody signs in, enrols an app, keeps recovery codes, and arrives', async () => {
    let isEnrolled = false;
    portal.answerWith({
      ...home,
      welcome: () => welcome(isEnrolled ? FULL : { at: 'sign-in' }),
      signInWithPassword: ASKED,
      answer: FIRST,
      account: () => account(isEnrolled ? {} : { level: 'enrolment', factors: [] }),
      enrol: ({ type }) => (type === 'recovery' ? ENROLLED.recovery : ENROLLED.totp),
      confirm: () => {
        isEnrolled = true;
        return CONFIRMED;
      },
    });
    await page.goto(portal.origin);
    await heading('Sign in').waitFor();
    await tabTo('username');
    await page.keyboard.type('anna');
    await tabTo('password');
    await page.keyboard.type('correct horse');
    await page.keyboard.press('Enter');

    await heading('Confirm that it is you').waitFor();
    // The field for the code has the focus already.
    await expect.poll(focused).toBe('code');
    await page.keyboard.type('123456');
    await page.keyboard.press('Enter');

    await heading('Set up how you confirm a sign-in').waitFor();
    await expect.poll(focused).toBe('Set up how you confirm a sign-in');
    await tabTo('Authenticator app');
    await page.keyboard.press('Enter');
    await expect.poll(focused).toBe('Scan this with your authenticator app');
    await tabTo('code');
    await page.keyboard.type('654321');
    await page.keyboard.press('Enter');

    await heading('Recovery codes').waitFor();
    await tabTo('Show recovery codes');
    await page.keyboard.press('Space');
    await heading('Keep these codes').waitFor();
    await tabTo('I have kept them');
    await page.keyboard.press('Enter');
    await heading('Done').waitFor();
    await tabTo('Continue');
    await page.keyboard.press('Enter');
    await heading('Hello, Anna Bērziņa').waitFor();
    expect(askedFor('confirm').map(({ input }) => input)).toEqual([
      { authenticatorId: ENROLLED.totp.authenticatorId, code: '654321' },
    ]);
    expect(await page.title()).toBe('Your sign-in · Daugava Shipping');
  });

  test('a page that follows another begins at its heading', async () => {
    portal.answerWith({ welcome: welcome(FIRST), account: account({ level: 'enrolment', factors: [] }) });
    await page.goto(portal.origin);
    await heading('Set up how you confirm a sign-in').waitFor();
    await tabTo('Phone');
    await page.keyboard.press('Enter');
    await expect.poll(focused).toBe('Which phone?');
  });

  test('a dialog keeps the focus, and Escape means no', async () => {
    portal.answerWith(home);
    await page.goto(portal.origin);
    const remove = page.getByRole('button', { name: 'Remove: Aegis' });
    await remove.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    for (let presses = 0; presses < 5; presses += 1) await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.closest("[role=dialog]") !== null')).toBe(true);
    await page.keyboard.press('Escape');
    await expect.poll(() => page.getByRole('dialog').count()).toBe(0);
    expect(askedFor('remove')).toEqual([]);
  });
});

describe('approval on the phone', () => {
  const waiting: Standing = { at: 'second-factor', displayName: 'Anna', question: question(BY_PHONE) };

  test('shows the number, waits as long as nobody answers, and goes on by itself', async () => {
    portal.answerWith({
      ...home,
      welcome: welcome(waiting),
      wait: (_input, asked) => {
        const times = asked.filter(({ name }) => name === 'wait').length;
        if (times === 2) return unavailable;
        return { state: times > 2 ? 'approved' : 'pending' };
      },
      claim: FULL,
    });
    await page.goto(portal.origin);
    await page.getByText('492', { exact: true }).waitFor();
    // As a screen reader has it.
    expect(await page.getByText('The number is 4 9 2.').count()).toBe(1);
    await heading('Hello, Anna Bērziņa').waitFor();
    expect(askedFor('claim').map(({ input }) => input)).toEqual([{ number: '492' }]);
    expect(askedFor('answer')).toEqual([]);
  });

  test.each([
    ['denied', 'This was refused on the phone'],
    ['expired', 'No answer came from your phone in time.'],
    ['cancelled', 'This question is over.'],
  ] as const)('%s: says so, and asks again, by keyboard', async (state, sentence) => {
    let isAgain = false;
    portal.answerWith({
      ...home,
      welcome: welcome(waiting),
      wait: () => ({ state: isAgain ? 'approved' : state }),
      ask: () => {
        isAgain = true;
        return {
          ...waiting,
          question: question({ ...BY_PHONE, number: '117', expiresAt: '2027-03-01T12:00:01.000Z' }),
        };
      },
      claim: FULL,
    });
    await page.goto(portal.origin);
    await page.getByRole('alert').getByText(sentence).waitFor();
    expect(await page.getByText('492').count(), 'nobody types a number that is over').toBe(0);
    await tabTo('Ask again');
    await page.keyboard.press('Enter');
    await heading('Hello, Anna Bērziņa').waitFor();
    expect(askedFor('ask').map(({ input }) => input)).toEqual([{ method: 'app' }]);
    expect(askedFor('claim').map(({ input }) => input)).toEqual([{ number: '117' }]);
  });

  test('where it cannot be asked again, that is the one thing that is said', async () => {
    portal.answerWith({
      ...home,
      welcome: welcome(waiting),
      wait: { state: 'denied' },
      ask: { refuse: 'TRY_LATER', status: 429, retryAfterSeconds: 30 },
    });
    await page.goto(portal.origin);
    await page.getByRole('button', { name: 'Ask again' }).click();
    await page.getByRole('alert').getByText('in 30 seconds').waitFor();
    expect(await page.getByRole('alert').count()).toBe(1);
    await page.getByRole('button', { name: 'Ask again' }).waitFor();
  });

  test('reported there: the sign-in is over, and the page says why', async () => {
    portal.answerWith({ ...home, welcome: welcome(waiting), wait: { refuse: 'SIGN_IN_NEEDED', status: 401 } });
    await page.goto(portal.origin);
    await heading('Sign in').waitFor();
    const sentence =
      'This sign-in has ended: it was reported as not yours, or you were signed out everywhere. Sign in again.';
    expect(await page.getByRole('status').allInnerTexts()).toEqual([sentence]);
    expect(await page.getByRole('button').allInnerTexts()).not.toContain('Ask again');
    portal.answerWith({ ...home, welcome: welcome({ at: 'sign-in' }, { ended: true }) });
    await page.reload();
    await heading('Sign in').waitFor();
    expect(await page.getByRole('status').allInnerTexts()).toEqual([sentence]);
  });

  test('reported while something sensitive waits for it: nobody is asked any more', async () => {
    portal.answerWith({
      ...home,
      remove: stepUpNeeded,
      ask: { ...FULL, question: question(BY_PHONE) },
      wait: { refuse: 'SIGN_IN_NEEDED', status: 401 },
    });
    await page.goto(portal.origin);
    await page.getByRole('button', { name: 'Remove: Aegis' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    await heading('Sign in').waitFor();
    expect(await page.getByRole('dialog').count()).toBe(0);
  });

  test('another way leaves the phone alone: what it says later counts for nothing', async () => {
    let isElsewhere = false;
    portal.answerWith({
      ...home,
      welcome: welcome(waiting),
      wait: () => ({ state: isElsewhere ? 'approved' : 'pending' }),
      ask: () => ({ ...waiting, question: question() }),
    });
    await page.goto(portal.origin);
    await page.getByRole('button', { name: 'Code from the authenticator app' }).click();
    await page.getByLabel('Code', { exact: true }).waitFor();
    isElsewhere = true;
    await page.waitForTimeout(1200);
    expect(askedFor('claim')).toEqual([]);
    await page.getByLabel('Code', { exact: true }).waitFor();
  });

  test('once more before something sensitive', async () => {
    let isFresh = false;
    portal.answerWith({
      ...home,
      remove: ({ authenticatorId }) => (isFresh ? { authenticatorId } : stepUpNeeded),
      ask: { ...FULL, question: question(BY_PHONE) },
      wait: { state: 'approved' },
      claim: () => {
        isFresh = true;
        return FULL;
      },
    });
    await page.goto(portal.origin);
    await page.getByRole('button', { name: 'Remove: Countersign authenticator on Pixel 11' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    await expect.poll(() => askedFor('remove')).toHaveLength(2);
    await expect.poll(() => page.getByRole('dialog').count()).toBe(0);
  });

  test('a newcomer activates a phone, after one code that was too old, and arrives', async () => {
    let isActivated = false;
    portal.answerWith({
      ...home,
      welcome: () => welcome(isActivated ? FULL : FIRST),
      account: () => account(isActivated ? {} : { level: 'enrolment', factors: [] }),
      enrol: (_input, asked) =>
        asked.filter(({ name }) => name === 'enrol').length > 1
          ? ENROLLED.app
          : { ...ENROLLED.app, authenticatorId: CONFIRMED.authenticatorId, expiresAt: '2026-01-01T12:00:00.000Z' },
      confirm: ({ authenticatorId }) => {
        if (authenticatorId !== ENROLLED.app.authenticatorId) return { authenticatorId, state: 'pending' };
        isActivated = true;
        return { authenticatorId, state: 'active' };
      },
    });
    await page.goto(portal.origin);
    await page.getByRole('button', { name: /^Countersign authenticator/ }).click();
    await page.getByText('492 039 118 275', { exact: true }).waitFor();
    expect(await page.getByRole('link', { name: 'Activate on this phone' }).getAttribute('href')).toBe(
      ENROLLED.app.uri,
    );
    await page.getByRole('button', { name: 'Copy link' }).click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(ENROLLED.app.uri);
    await page.getByRole('alert').getByText('This code is no longer good.').waitFor();
    await tabTo('Get a new code');
    await page.keyboard.press('Enter');
    await page.getByText('Activated: Pixel 11').waitFor();
    expect(askedFor('confirm').every(({ input }) => (input as { app?: string }).app === 'activated')).toBe(true);
    await page.getByRole('button', { name: 'Later' }).click();
    await heading('Hello, Anna Bērziņa').waitFor();
    await page.getByText('Countersign authenticator on Pixel 11').waitFor();
    expect(askedFor('enrol').map(({ input }) => input)).toEqual([{ type: 'app' }, { type: 'app' }]);
  });
});

describe('R16: what needs a second factor once more', () => {
  test('asks for it, and then does what was wanted', async () => {
    let isFresh = false;
    portal.answerWith({
      ...home,
      remove: ({ authenticatorId }) => (isFresh ? { authenticatorId } : stepUpNeeded),
      ask: { ...FULL, question: question() },
      answer: () => {
        isFresh = true;
        return FULL;
      },
    });
    await page.goto(portal.origin);
    await page.getByRole('button', { name: 'Remove: Aegis' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    await page.getByText('This needs your second factor once more.').waitFor();
    await page.getByLabel('Code', { exact: true }).fill('123456');
    await page.getByRole('button', { name: 'Continue' }).click();
    await expect.poll(() => page.getByRole('dialog').count()).toBe(0);
    const wanted = { authenticatorId: FACTORS[1]?.authenticatorId };
    expect(askedFor('remove').map(({ input }) => input)).toEqual([wanted, wanted]);
  });

  test('does nothing when the person does not want to', async () => {
    portal.answerWith({ ...home, remove: stepUpNeeded, ask: { ...FULL, question: question() } });
    await page.goto(portal.origin);
    await page.getByRole('button', { name: 'Remove: Aegis' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    await page.getByText('This needs your second factor once more.').waitFor();
    await page.getByRole('button', { name: 'Cancel' }).last().click();
    await page.getByText('This needs your second factor once more.').waitFor({ state: 'detached' });
    expect(askedFor('remove')).toHaveLength(1);
  });
});

describe('a replica that dies under a call', () => {
  test.each([
    ['says 503', unavailable],
    ['cuts the line', { lose: true } as const],
  ])('%s: the page asks again under the same name, and the next call has another', async (_how, trouble) => {
    portal.answerWith({
      ...home,
      rename: ({ authenticatorId, label }, asked) =>
        asked.filter(({ name }) => name === 'rename').length < 3 ? trouble : { authenticatorId, label },
    });
    await page.goto(portal.origin);
    for (let round = 0; round < 2; round += 1) {
      await page.getByRole('button', { name: 'Rename: Aegis' }).click();
      await page.getByRole('button', { name: 'Save' }).click();
      await expect.poll(() => page.getByRole('dialog').count()).toBe(0);
    }
    const keys = askedFor('rename').map(({ key }) => key);
    expect(keys).toHaveLength(4);
    expect(new Set(keys.slice(0, 3)).size).toBe(1);
    expect(keys[3]).not.toBe(keys[0]);
    expect(keys[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/);
  });

  test('is not asked for ever: after four times the person is told', async () => {
    portal.answerWith({ ...home, rename: unavailable });
    await page.goto(portal.origin);
    await page.getByRole('button', { name: 'Rename: Aegis' }).click();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('That did not work in time. Try again.').waitFor();
    expect(askedFor('rename')).toHaveLength(4);
  });
});

test('a session that ended leads to the sign-in, which says so', async () => {
  portal.answerWith({ ...home, account: { refuse: 'SIGN_IN_NEEDED', status: 401 } });
  await page.goto(portal.origin);
  await heading('Sign in').waitFor();
  expect(await page.getByRole('status').allInnerTexts()).toEqual(['Your session has ended. Sign in again.']);
});

test('what the policy does not allow is not shown', async () => {
  const may = {
    enrol: [],
    remove: false,
    rename: false,
    chooseMethod: false,
    chooseLanguage: false,
    bypassSeconds: 0,
    seeHistory: false,
  };
  portal.answerWith({ ...home, account: account({ may }) });
  await page.goto(portal.origin);
  await heading('Ways to sign in').waitFor();
  await page.getByText('This browser').waitFor();
  const buttons = await page.getByRole('button').allInnerTexts();
  expect(buttons.toSorted()).toEqual(['End', 'End all others', 'Sign out', 'Sign out everywhere']);
  expect(askedFor('history')).toEqual([]);
});

test('a page speaks one language: it asks in it, and says in it what was asked before it was changed', async () => {
  portal.answerWith({ ...home, welcome: welcome(ASKED), ask: ASKED });
  await page.goto(portal.origin);
  await page.getByText('Enter the 6-digit code from your authenticator.').waitFor();
  await page.getByLabel('Language').selectOption('ru');
  await page.getByText('Введите код из приложения.').waitFor();
  expect(await page.getByText('Enter the 6-digit code').count()).toBe(0);
  const [sent] = await Promise.all([
    page.waitForRequest((request) => request.url().endsWith('/api/second-factor/ask')),
    page.getByRole('button', { name: 'Код из SMS' }).click(),
  ]);
  expect(sent.headers()['accept-language']).toBe('ru');
});

test('the language that a person chooses is theirs, not only of this browser', async () => {
  portal.answerWith({ ...home, updateAccount: account({ language: 'ru' }) });
  await page.goto(portal.origin);
  await heading('Ways to sign in').waitFor();
  await page.getByLabel('Language').selectOption('ru');
  await heading('Способы входа').waitFor();
  await expect.poll(() => askedFor('updateAccount').map(({ input }) => input)).toEqual([{ language: 'ru' }]);
});

test('the order of methods is changed one place at a time', async () => {
  portal.answerWith({ ...home, updateAccount: account() });
  await page.goto(portal.origin);
  await page.getByRole('button', { name: 'Code by text message: earlier' }).click();
  await expect
    .poll(() => askedFor('updateAccount').map(({ input }) => input))
    .toEqual([{ methods: ['passkey', 'app', 'sms', 'totp', 'recovery'] }]);
});

test('WEB: a passkey is made under the policy of the page', async () => {
  const { session } = await addVirtualAuthenticator(page);
  portal.answerWith({
    welcome: welcome(FIRST),
    account: account({ level: 'enrolment', factors: [] }),
    enrol: NEW_PASSKEY,
    confirm: { ...CONFIRMED, authenticatorId: NEW_PASSKEY.authenticatorId },
  });
  await page.goto(portal.origin);
  await page.getByRole('button', { name: /^Passkey/ }).click();
  await page.getByRole('button', { name: 'Create passkey' }).click();
  await page.getByRole('button', { name: 'Show recovery codes' }).waitFor();
  expect(askedFor('confirm')[0]?.input).toMatchObject({
    authenticatorId: NEW_PASSKEY.authenticatorId,
    passkey: { type: 'public-key' },
  });
  await session.detach();
});

test('a number that does not exist in its country is never sent', async () => {
  portal.answerWith({
    welcome: welcome(FIRST),
    account: account({ level: 'enrolment', factors: [] }),
    enrol: ENROLLED.phone,
  });
  await page.goto(portal.origin);
  await page.getByRole('button', { name: /^Phone/ }).click();
  await page.getByLabel('Country').selectOption('LV');
  await page.getByLabel('Number').fill('12');
  await page.getByRole('checkbox').check();
  await page.getByRole('button', { name: 'Send code' }).click();
  await page.getByText('That is no number in this country.').waitFor();
  expect(askedFor('enrol')).toEqual([]);
  await page.getByLabel('Number').fill('21 234 567');
  await page.getByRole('button', { name: 'Send code' }).click();
  await heading('Type the code that we sent').waitFor();
  expect(askedFor('enrol')[0]?.input).toEqual({ type: 'phone', phone: '+37121234567', label: 'Phone' });
});
