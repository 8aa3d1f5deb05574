import { userFind, userUpdate } from '@countersign/contracts';
import { freePort } from '@countersign/testkit';
import { generateKeyPair, type JWTPayload } from 'jose';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startPortalStack, type PortalStack, type Visit } from '../portal.ts';
import { startProvider, type TestProvider } from '../provider.ts';
import { nextTotpCode, waitUntil, type TestUser } from '../stack.ts';

const PASSWORD = 'correct horse battery staple';
const PEOPLE = [{ username: 'dora', password: PASSWORD, displayName: 'Dora Example', mail: 'dora@example.com' }];

const REFUSED = 'You were not signed in with City ID.';
const OVER = 'This sign-in with City ID is over';
const AWAY = 'City ID does not answer at the moment.';

let house: PortalStack;
let provider: TestProvider;
let visits: Visit[] = [];

beforeAll(async () => {
  const port = await freePort();
  provider = await startProvider(`https://localhost:${port}/sign-in/provider/return`);
  house = await startPortalStack(PEOPLE, {
    port,
    policy: { directory: { createUsers: true } },
    environment: {
      ...provider.environment,
      COUNTERSIGN_OIDC_CLIENT_SECRET: provider.clientSecret,
      COUNTERSIGN_OIDC_NAME: 'City ID',
    },
    appServerEnvironment: { ...provider.environment, COUNTERSIGN_OIDC_USERNAME_CLAIM: 'upn' },
  });
}, 180_000);
afterAll(async () => {
  await house?.stop();
  await provider?.goAway();
});
afterEach(async () => {
  await Promise.all(visits.map(({ context }) => context.close()));
  visits = [];
});

async function visit(): Promise<Page> {
  const opened = await house.visit();
  visits.push(opened);
  await opened.page.goto(house.url);
  return opened.page;
}

/** To the provider, and in there, as far as it is the last thing to press. @returns which portal sent them. */
async function leaveFor(page: Page, name: string): Promise<string | undefined> {
  const sent = page.waitForResponse((response) => response.url().endsWith('/sign-in/provider'));
  await page.getByRole('link', { name: 'Sign in with City ID' }).click();
  await page.getByPlaceholder('Enter any login').fill(name);
  await page.getByPlaceholder('and password').fill('any');
  await page.getByRole('button', { name: 'Sign-in' }).click();
  await page.getByRole('button', { name: 'Continue' }).waitFor();
  return (await sent).headers()['countersign-replica'];
}
const comeBack = (page: Page) => page.getByRole('button', { name: 'Continue' }).click();

/** The way back of somebody, who has not gone it. */
async function wayBack(page: Page, name: string): Promise<URL> {
  await leaveFor(page, name);
  const held = provider.holdBack();
  await comeBack(page);
  return new URL(await held);
}

const changed = (url: URL, change: (query: URLSearchParams) => void): string => {
  const other = new URL(url);
  change(other.searchParams);
  return other.href;
};

/** Whom the cookie of a window lets in: nobody, until a second factor was right. */
async function standing(page: Page): Promise<string> {
  const answer = await page.context().request.post(`${house.url}/api/welcome`, {
    data: {},
    headers: { 'x-countersign': 'portal', origin: house.url },
  });
  const said = (await answer.json()) as { standing: { at: string } };
  return said.standing.at;
}

const told = (page: Page, text: string) => page.getByRole('status').filter({ hasText: text }).waitFor();
const secondFactor = (page: Page) => page.getByRole('heading', { name: 'Confirm that it is you' }).waitFor();

async function person(name: string): Promise<TestUser> {
  const user = await house.stack.addUser({ username: `${name}@example.com`, phone: false, totp: true });
  await house.stack.admin(userUpdate, { userId: user.userId, displayName: `${name} Example` });
  return user;
}

const linksOf = ({ userId }: TestUser) =>
  house.stack.sql<{ issuer: string; subject: string }>('select issuer, subject from user_identity where user_id = $1', [
    userId,
  ]);

describe('a sign-in at the provider', () => {
  test('FED-11: ends on another portal when the one that began it is killed, and a second factor is asked for', async () => {
    const user = await person('anna');
    expect(await linksOf(user)).toEqual([]);
    const page = await visit();
    const sender = await leaveFor(page, 'anna');
    const killed = house.stack.portals.find(({ environment }) => environment['COUNTERSIGN_REPLICA'] === sender);
    expect(killed).toBeDefined();
    await killed?.kill();
    try {
      await comeBack(page);
      await secondFactor(page);
      expect(await standing(page)).toBe('second-factor');
      await page.getByLabel('Code', { exact: true }).fill(nextTotpCode(user));
      await page.getByRole('button', { name: 'Continue' }).click();
      await page.getByRole('heading', { name: 'Hello, anna Example' }).waitFor();
    } finally {
      await killed?.start();
      await waitUntil(
        async () => (await house.stack.client.request(killed?.url ?? '', 'GET', '/health/ready')).status === 200,
        { what: 'the portal to be ready again' },
      );
    }
    expect(await linksOf(user)).toEqual([{ issuer: provider.issuer, subject: 'anna' }]);

    // A link to the sign-in, on whatever page, signs nobody out (APP-10).
    await page.goto(`${house.url}/sign-in/provider`);
    await page.getByRole('heading', { name: 'Hello, anna Example' }).waitFor();
  });

  test('FED-12: whom nobody here knows is refused, and becomes nobody here', async () => {
    const page = await visit();
    await leaveFor(page, 'stranger');
    await comeBack(page);
    await told(page, REFUSED);
    expect(await standing(page)).toBe('sign-in');
    expect((await house.stack.admin(userFind, { username: 'stranger@example.com' })).users).toEqual([]);
  });

  test('somebody who turns back there is told, and signs in after all', async () => {
    await person('boris');
    const page = await visit();
    await page.getByRole('link', { name: 'Sign in with City ID' }).click();
    await page.getByText('[ Cancel ]').click();
    await told(page, REFUSED);
    // Once: the next look at the page says nothing.
    expect(page.url()).toBe(`${house.url}/`);
    await leaveFor(page, 'boris');
    await comeBack(page);
    await secondFactor(page);
  });
});

describe('FED-11: what somebody brings back counts in the browser that was sent, for its question, once', () => {
  beforeAll(async () => {
    await person('chiara');
  });

  test.each<[string, string, (url: URL) => string]>([
    ['another state', REFUSED, (url) => changed(url, (query) => query.set('state', 'x'.repeat(43)))],
    ['no state', REFUSED, (url) => changed(url, (query) => query.delete('state'))],
    ['two states', REFUSED, (url) => changed(url, (query) => query.append('state', 'x'.repeat(43)))],
    ['no code', REFUSED, (url) => changed(url, (query) => query.delete('code'))],
    ['another code', REFUSED, (url) => changed(url, (query) => query.set('code', 'x'.repeat(43)))],
    ['RFC 9207: another issuer', REFUSED, (url) => changed(url, (query) => query.set('iss', 'https://evil.example'))],
    ['RFC 9207: no issuer', REFUSED, (url) => changed(url, (query) => query.delete('iss'))],
  ])('%s is refused, and the question is over', async (_, message, change) => {
    const page = await visit();
    const url = await wayBack(page, 'chiara');
    await page.goto(change(url));
    await told(page, message);
    expect(await standing(page)).toBe('sign-in');
    await page.goto(url.href);
    await told(page, OVER);
    expect(await standing(page)).toBe('sign-in');
  });

  test('RFC 9700 section 4.7: an attacker who sends somebody their own way back signs nobody in', async () => {
    const attacker = await visit();
    const url = await wayBack(attacker, 'chiara');
    const stranger = await visit();
    await stranger.goto(url.href);
    await told(stranger, OVER);
    expect(await standing(stranger)).toBe('sign-in');

    // Nor whoever is on a way of their own.
    const other = await visit();
    await wayBack(other, 'chiara');
    await other.goto(url.href);
    await told(other, REFUSED);
    expect(await standing(other)).toBe('sign-in');
  });

  test('the same answer twice is over, and so is its code in an answer to another question', async () => {
    const page = await visit();
    const url = await wayBack(page, 'chiara');
    await page.goto(url.href);
    await secondFactor(page);
    await page.goto(url.href);
    await told(page, OVER);
    // It took nothing away from whoever had come in by it.
    expect(await standing(page)).toBe('second-factor');

    const again = await visit();
    const next = await wayBack(again, 'chiara');
    await again.goto(changed(next, (query) => query.set('code', url.searchParams.get('code') ?? '')));
    await told(again, REFUSED);
    expect(await standing(again)).toBe('sign-in');
  });
});

describe('OpenID Connect Core section 3.1.3.7: a provider that lies', () => {
  test.each<[string, (claims: JWTPayload) => JWTPayload]>([
    ['of whose question it answers', (claims) => ({ ...claims, nonce: 'x'.repeat(43) })],
    ['and leaves out whose question it answers', ({ nonce: _, ...claims }) => claims],
    ['of who it is', (claims) => ({ ...claims, iss: 'https://evil.example' })],
    ['of whom it speaks to', (claims) => ({ ...claims, aud: 'somebody-else' })],
    ['of when', (claims) => ({ ...claims, iat: (claims.iat ?? 0) - 7200, exp: (claims.iat ?? 0) - 3600 })],
  ])('%s is not believed', async (_, lie) => {
    const page = await visit();
    const url = await wayBack(page, 'chiara');
    provider.lie(lie);
    await page.goto(url.href);
    await told(page, REFUSED);
    expect(await standing(page)).toBe('sign-in');
  });

  test('nor is whoever speaks in its name', async () => {
    const page = await visit();
    const url = await wayBack(page, 'chiara');
    provider.lie((claims) => claims, (await generateKeyPair('ES256')).privateKey);
    await page.goto(url.href);
    await told(page, REFUSED);
    expect(await standing(page)).toBe('sign-in');
  });

  test('the same answer, told as it is, is', async () => {
    const page = await visit();
    const url = await wayBack(page, 'chiara');
    provider.lie((claims) => claims);
    await page.goto(url.href);
    await secondFactor(page);
    expect(await standing(page)).toBe('second-factor');
  });
});

test('R11: while the provider is away people are told so, and a password still lets them in', async () => {
  const page = await visit();
  const url = await wayBack(page, 'chiara');
  await provider.goAway();
  try {
    await page.goto(url.href);
    await told(page, AWAY);
    // Portals that have never met it.
    for (const portal of house.stack.portals) await portal.kill();
    for (const portal of house.stack.portals) await portal.start();
    await waitUntil(async () => (await fetchStatus(page)) === 200, { what: 'the portals to be ready again' });
    await page.goto(house.url);
    await page.getByRole('link', { name: 'Sign in with City ID' }).click();
    await told(page, AWAY);
    await page.getByLabel('Name', { exact: true }).fill('dora');
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByRole('heading', { name: 'Enter your access code' }).waitFor();
  } finally {
    await provider.comeBack();
  }
  await page.goto(house.url);
  const again = await visit();
  await leaveFor(again, 'chiara');
  await comeBack(again);
  await secondFactor(again);
  expect(await standing(again)).toBe('second-factor');
});

const fetchStatus = async (page: Page) => {
  const answer = await page
    .context()
    .request.get(`${house.url}/health/ready`)
    .catch(() => undefined);
  return answer?.status();
};
