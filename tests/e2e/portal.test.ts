import { enrolmentGrant, userFind } from '@countersign/contracts';
import { base32Decode, totpCode, totpStep } from '@countersign/otp';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startPortalStack, type PortalStack, type Visit } from '../portal.ts';
import { addVirtualAuthenticator } from '../pages/virtual-authenticator.ts';
import { waitUntil, type Replica } from '../stack.ts';

const PASSWORD = 'correct horse battery staple';
const named = (username: string) => ({
  username,
  password: PASSWORD,
  displayName: `${username[0]?.toUpperCase() ?? ''}${username.slice(1)} Example`,
  mail: `${username}@example.com`,
});
const PEOPLE = ['anna', 'boris', 'chiara', 'dora', 'emil', 'fred', 'gina', 'hugo', 'irma'].map(named);

let house: PortalStack;
let visits: Visit[] = [];

beforeAll(async () => {
  house = await startPortalStack(PEOPLE, {
    policy: { directory: { createUsers: true }, portal: { bypassSeconds: 600 }, questions: { count: 2 } },
  });
}, 180_000);
afterAll(() => house?.stop());
afterEach(async () => {
  await Promise.all(visits.map(({ context }) => context.close()));
  visits = [];
});

async function visit(options: Parameters<PortalStack['visit']>[0] = {}): Promise<Page> {
  const opened = await house.visit(options);
  visits.push(opened);
  await opened.page.goto(house.url);
  return opened.page;
}

async function password(page: Page, username: string): Promise<void> {
  await page.getByLabel('Name', { exact: true }).fill(username);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

async function userIdOf(username: string): Promise<string> {
  const { users } = await house.stack.admin(userFind, { username });
  const [user] = users;
  if (user === undefined) throw new Error(`there is no ${username}`);
  return user.userId;
}

/** The first time: password, then an administrator's access code. */
async function comeIn(page: Page, username: string): Promise<void> {
  await password(page, username);
  await page.getByRole('heading', { name: 'Enter your access code' }).waitFor();
  const { accessCode } = await house.stack.admin(enrolmentGrant, {
    userId: await userIdOf(username),
    reason: 'first day',
  });
  await page.getByLabel('Access code').fill(accessCode);
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('heading', { name: 'Set up how you confirm a sign-in' }).waitFor();
}

const code = async (page: Page, text: string, button = 'Continue') => {
  await page.getByLabel('Code', { exact: true }).fill(text);
  await page.getByRole('button', { name: button, exact: true }).click();
};

const codeOf = (secret: string, ahead = 0) => {
  const bytes = base32Decode(secret);
  if (bytes === undefined) throw new Error('no secret');
  const shape = { algorithm: 'SHA1', digits: 6, periodSeconds: 30, secret: bytes } as const;
  return totpCode(shape, totpStep(Date.now(), 30) + ahead);
};

async function enrolTotp(page: Page): Promise<string> {
  await page.getByRole('button', { name: /^Authenticator app/ }).click();
  const secret = (await page.locator('code').innerText()).replaceAll(' ', '');
  await code(page, codeOf(secret), 'Confirm');
  return secret;
}

async function enrolPhone(page: Page, number: string): Promise<void> {
  await page.getByRole('button', { name: /^Phone/ }).click();
  await page.getByLabel('Country').selectOption('LV');
  await page.getByLabel('Number').fill(number);
  await page.getByLabel('I have read this').check();
  await page.getByRole('button', { name: 'Send code' }).click();
  await page.getByRole('heading', { name: 'Type the code that we sent' }).waitFor();
  await code(page, await house.stack.inbox.code(`+371${number}`), 'Confirm');
}

const homeOf = (page: Page, name: string) => page.getByRole('heading', { name: `Hello, ${name} Example` }).waitFor();
const later = (page: Page) => page.getByRole('button', { name: 'Later' }).click();

/** Kills a replica, lets the work go on through the other, and starts it again. */
async function without<T>(replica: Replica | undefined, work: () => Promise<T>): Promise<T> {
  await replica?.kill();
  try {
    return await work();
  } finally {
    await replica?.start();
    await waitUntil(
      async () => (await house.stack.client.request(replica?.url ?? '', 'GET', '/health/ready')).status === 200,
      { what: 'the replica to be ready again' },
    );
  }
}

describe('the first time', () => {
  test('R16: password, access code, phone, recovery codes, done; with a portal killed on the way', async () => {
    const page = await visit();
    await comeIn(page, 'anna');
    const { portals } = house.stack;
    await without(portals[0], async () => {
      await enrolPhone(page, '20000101');
      await page.getByRole('button', { name: 'Show recovery codes' }).click();
      await page.getByRole('heading', { name: 'Keep these codes' }).waitFor();
    });
    expect(await page.locator('.codes li').count()).toBe(10);
    await page.getByRole('button', { name: 'I have kept them' }).click();
    await page.getByRole('button', { name: 'Continue' }).click();
    await homeOf(page, 'Anna');
    await page.getByText('10 codes left').waitFor();

    // And again, as on any other day, with the other one killed between the factors.
    const again = await visit();
    await password(again, 'HOSPITAL\\Anna');
    await again.getByRole('heading', { name: 'Confirm that it is you' }).waitFor();
    const text = await house.stack.inbox.code('+37120000101', 2);
    await without(portals[1], async () => {
      await code(again, text);
      await homeOf(again, 'Anna');
    });
  });

  test('a closed tab goes on at the same place', async () => {
    const { context, page } = await house.visit();
    visits.push({ context, page });
    await page.goto(house.url);
    await comeIn(page, 'boris');
    await page.close();
    const reopened = await context.newPage();
    await reopened.goto(house.url);
    await reopened.getByRole('heading', { name: 'Set up how you confirm a sign-in' }).waitFor();
    await enrolTotp(reopened);
    await later(reopened);
    await homeOf(reopened, 'Boris');
  });

  test('a passkey, and from then on no password at all', async () => {
    const page = await visit();
    await addVirtualAuthenticator(page);
    await comeIn(page, 'chiara');
    await page.getByRole('button', { name: /^Passkey or security key/ }).click();
    await page.getByRole('button', { name: 'Create passkey' }).click();
    await later(page);
    await homeOf(page, 'Chiara');
    await page.getByRole('button', { name: 'Sign out', exact: true }).click();
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await homeOf(page, 'Chiara');
  });
});

describe('on any other day', () => {
  test('a factor is added after a second factor of the last minutes, renamed, and removed', async () => {
    const page = await visit();
    await comeIn(page, 'dora');
    const secret = await enrolTotp(page);
    await later(page);
    await homeOf(page, 'Dora');
    await page.getByRole('button', { name: 'Choose questions' }).click();
    await page.getByLabel('Question 2').selectOption('Where did you learn to swim?');
    await page.getByLabel('Answer 1').fill('Anton');
    await page.getByLabel('Answer 2').fill('In the sea');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Your answers are kept.').waitFor();
    await page.getByText('Chosen: 2').waitFor();
    await page.getByRole('button', { name: 'Add' }).click();
    await enrolPhone(page, '20000102');
    await later(page);
    await page.getByRole('button', { name: 'Rename: Phone' }).click();
    await page.getByRole('dialog').getByLabel('Name').fill('Work phone');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('heading', { name: 'Work phone' }).waitFor();
    await page.getByRole('button', { name: 'Remove: Authenticator app' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    await expect.poll(() => page.getByRole('button', { name: /^Remove/ }).count()).toBe(1);
    // AAL-26: told on the phone that was there.
    const told = async () => (await house.stack.inbox.messages('+37120000102')).map(({ text }) => text);
    await expect
      .poll(told, { timeout: 15_000 })
      .toContain(
        'An authenticator app was removed from your account at Countersign. If this was not you, tell your help desk at once.',
      );
    await page.getByRole('button', { name: 'Remove: Work phone' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    await page.getByText('This is the only way in that you have.').waitFor();
    expect(secret).toMatch(/^[A-Z2-7]+$/);
  });

  test('recovery codes let in when all else is lost, each once', async () => {
    const page = await visit();
    await comeIn(page, 'emil');
    await enrolPhone(page, '20000103');
    await page.getByRole('button', { name: 'Show recovery codes' }).click();
    await page.getByRole('heading', { name: 'Keep these codes' }).waitFor();
    const codes = await page.locator('.codes li').allInnerTexts();
    await page.getByRole('button', { name: 'I have kept them' }).click();
    for (const [index, outcome] of [
      [0, 'in'],
      [0, 'refused'],
    ] as const) {
      const again = await visit();
      await password(again, 'emil');
      await again.getByRole('button', { name: 'Recovery code' }).click();
      await again.getByLabel('Recovery code').fill(codes[index] ?? '');
      await again.getByRole('button', { name: 'Continue' }).click();
      if (outcome === 'in') await homeOf(again, 'Emil');
      else expect(await again.getByRole('alert').innerText()).toContain('That was not right.');
    }
  });

  test('signing out everywhere ends the other window within a second', async () => {
    const page = await visit();
    await comeIn(page, 'fred');
    await enrolPhone(page, '20000104');
    await later(page);
    const other = await visit();
    await password(other, 'fred@example.com');
    await code(other, await house.stack.inbox.code('+37120000104', 2));
    await homeOf(other, 'Fred');
    await page.reload();
    await page.getByRole('button', { name: 'Sign out everywhere' }).click();
    await page.getByText('You are signed out.').waitFor();
    await other.reload();
    await other.getByRole('heading', { name: 'Sign in', exact: true }).waitFor();
  });

  test('in Russian, from the first word to the last', async () => {
    const page = await visit({ language: 'ru' });
    await page.getByRole('heading', { name: 'Вход' }).waitFor();
    expect(await page.locator('html').getAttribute('lang')).toBe('ru');
    await page.getByLabel('Язык').selectOption('en');
    await page.getByRole('heading', { name: 'Sign in', exact: true }).waitFor();
  });

  test('the wrong password, and a name that nobody has, read the same', async () => {
    const said: string[] = [];
    for (const [name, given] of [
      ['gina', 'wrong'],
      ['nobody-at-all', 'wrong'],
    ] as const) {
      const page = await visit();
      await page.getByLabel('Name', { exact: true }).fill(name);
      await page.getByLabel('Password').fill(given);
      await page.getByRole('button', { name: 'Sign in', exact: true }).click();
      said.push(await page.getByRole('alert').innerText());
    }
    expect(new Set(said).size).toBe(1);
  });
});

test('the page of another application works without a script, and gives back the signed result', async () => {
  const { stack } = house;
  const page = await visit();
  await comeIn(page, 'hugo');
  await enrolPhone(page, '20000105');
  await later(page);
  await homeOf(page, 'Hugo');
  const returnUrl = `${house.url}/return`;
  await stack.setPolicy({
    messages: { carriers: ['inbox'], resendWaitSeconds: 0 },
    directory: { createUsers: true },
    handover: { returnUrls: [returnUrl] },
  });
  const { body } = await stack.client.request(stack.gateways[0]?.url ?? '', 'POST', '/v1/handovers', {
    body: { username: 'hugo', returnUrl, state: 'x'.repeat(16) },
  });
  const { context, page: other } = await house.visit({ script: false });
  visits.push({ context, page: other });
  await other.goto(String(body['url']));
  await other.getByLabel('Code').fill(await stack.inbox.code('+37120000105', 2));
  await other.getByRole('button', { name: 'Continue' }).click();
  const result = await other.locator('input[name=result]').inputValue();
  expect(result.split('.')).toHaveLength(3);
  expect(await other.locator('input[name=state]').inputValue()).toBe('x'.repeat(16));
});

test('where the policy asks for a PIN: it is set here, and typed beside the code, also without a script', async () => {
  const { stack } = house;
  const number = '+37120000106';
  const page = await visit();
  await comeIn(page, 'irma');
  await enrolPhone(page, '20000106');
  await later(page);
  await homeOf(page, 'Irma');
  const returnUrl = `${house.url}/return`;
  await stack.setPolicy({
    messages: { carriers: ['inbox'], resendWaitSeconds: 0, perNumberHour: 50 },
    directory: { createUsers: true },
    handover: { returnUrls: [returnUrl] },
    pin: { methods: ['sms'] },
  });
  let messages = 1;
  const nextCode = () => stack.inbox.code(number, (messages += 1));
  const handedOver = async () => {
    const { body } = await stack.client.request(stack.gateways[0]?.url ?? '', 'POST', '/v1/handovers', {
      body: { username: 'irma', returnUrl, state: 'x'.repeat(16) },
    });
    const opened = await house.visit({ script: false });
    visits.push(opened);
    await opened.page.goto(String(body['url']));
    return opened.page;
  };

  const early = await handedOver();
  await early.getByLabel('Code').fill(await nextCode());
  await early.getByRole('button', { name: 'Continue' }).click();
  await early.getByRole('link', { name: 'Set your PIN' }).waitFor();

  await page.reload();
  await page.getByText('Signing in elsewhere takes a PIN').waitFor();
  await page.getByRole('button', { name: 'Set PIN' }).click();
  const choose = async (pin: string) => {
    await page.getByLabel('New PIN').fill(pin);
    await page.getByLabel('The same once more').fill(pin);
    await page.getByRole('button', { name: 'Save' }).click();
  };
  await choose('12345678');
  await page.getByText('This PIN is easy to guess').waitFor();
  await choose('58203917');
  await page.getByText('Your PIN is set.').waitFor();
  await page.getByText('Signing in elsewhere takes a PIN').waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Sign out', exact: true }).click();
  await page.getByRole('heading', { name: 'Sign in', exact: true }).waitFor();

  await password(page, 'irma');
  const text = await nextCode();
  await page.getByLabel('PIN').fill('58203918');
  await code(page, text);
  await page.getByText('Look at the code and the PIN once more').waitFor();
  await page.getByLabel('PIN').fill('58203917');
  await code(page, text);
  await homeOf(page, 'Irma');

  const other = await handedOver();
  await other.getByLabel('Code').fill(await nextCode());
  await other.getByLabel('PIN').fill('58203917');
  await other.getByRole('button', { name: 'Continue' }).click();
  expect((await other.locator('input[name=result]').inputValue()).split('.')).toHaveLength(3);
});
