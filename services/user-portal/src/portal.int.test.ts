import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectBus, credentialFromApiKey, serve, type Bus } from '@countersign/bus';
import type { ErrorCode } from '@countersign/contracts';
import type { EdgeServer } from '@countersign/edge';
import { createMetrics, silentLogger } from '@countersign/telemetry';
import {
  createAuthority,
  issueCertificate,
  startNats,
  type IssuedCertificate,
  type NatsServer,
} from '@countersign/testkit';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CALLS, type PortalCall } from './api.ts';
import { createPortal } from './portal.ts';
import { SESSION_COOKIE } from './session/cookie.ts';
import { keeping, type Kept } from './testing/keeping.ts';
import { standIn, userIdOf, type Asked, type Phones } from './testing/stand-in.ts';

const ORIGIN = 'https://portal.example.com';
const folder = mkdtempSync(join(tmpdir(), 'portal-'));
const asked: Asked[] = [];
const kept: Kept = new Map();
const phones: Phones = new Map();
/** Who said that a login was not theirs. */
const reported = new Set<string>();
/** Of every portal that a test starts. */
let certificate: IssuedCertificate;
const portals: { portal: EdgeServer; port: number; bus: Bus }[] = [];
const agent = new Agent({ keepAlive: true, maxSockets: 32, rejectUnauthorized: false });
/** Lets each address begin three times in a minute. */
let narrow: (typeof portals)[number];
let nats: NatsServer;
let serverBus: Bus;
let aheadMs = 0;

beforeAll(async () => {
  nats = await startNats({ storeDir: join(folder, 'nats') });
  serverBus = await connectBus({ servers: [nats.url], name: 'app-1' });
  await serve(serverBus, [...standIn(asked, phones, reported), ...keeping(kept)], {
    queue: 'app-server',
    replica: 'app-1',
    maxInFlight: 10_000,
    logger: silentLogger(),
  });
  mkdirSync(join(folder, 'pages', 'assets'), { recursive: true });
  writeFileSync(
    join(folder, 'pages', 'index.html'),
    '<!doctype html><script type="module" nonce="__NONCE__" src="/assets/a.js"></script>',
  );
  writeFileSync(join(folder, 'pages', 'assets', 'a.js'), 'export {}');
  const now = Date.now();
  const authority = await createAuthority({ commonName: 'test', now });
  certificate = await issueCertificate(authority, { commonName: 'localhost', usage: 'server', now });
  for (const name of ['a', 'b']) portals.push(await start(name, certificate));
  narrow = await start('narrow', certificate, 3);
});
afterAll(async () => {
  const all = [...portals, narrow];
  await Promise.all(all.map(({ portal }) => portal.drain({ timeoutMs: 500 })));
  await Promise.all([...all.map(({ bus }) => bus.drain()), serverBus.drain()]);
  await nats.kill();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  asked.length = 0;
  aheadMs = 0;
  phones.clear();
  reported.clear();
});

async function start(
  name: string,
  { certificatePem: certificate, keyPem: key }: IssuedCertificate,
  signInsPerMinute = 100_000,
  maxWaiting = 100,
) {
  const bus = await connectBus({ servers: [nats.url], name });
  const credential = credentialFromApiKey('csk_portal_AAAAAAAAAAAAAAAAAAAA');
  if (credential === undefined) throw new Error('no key');
  const portal = createPortal({
    replica: name,
    publicUrl: ORIGIN,
    bus,
    credential,
    logger: silentLogger(),
    metrics: createMetrics({ service: 'user-portal', replica: name }),
    now: () => Date.now() + aheadMs,
    certificate,
    key,
    look: { organisation: 'City Hospital' },
    pages: join(folder, 'pages'),
    maxInFlight: 1000,
    signInsPerMinute,
    maxWaiting,
  });
  return { portal, port: await portal.listen({ port: 0, host: '127.0.0.1' }), bus };
}

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  body: { code?: ErrorCode; at?: string; [name: string]: unknown };
}

const OWN = { origin: ORIGIN, 'x-countersign': 'portal' };
let turn = 0;

/** A browser: keeps cookies, and is sent to whichever replica is next. */
class Browser {
  readonly cookies = new Map<string, string>();
  /** At this replica alone, where one is given. */
  readonly at: { port: number } | undefined;
  constructor(at?: { port: number }) {
    this.at = at;
  }

  async send(
    method: string,
    path: string,
    { headers = {}, body }: { headers?: Record<string, string>; body?: string } = {},
  ): Promise<Answer> {
    const { port } = this.at ?? portals[turn++ % portals.length]!;
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await new Promise<Answer>((resolve, reject) => {
      const request = httpsRequest(
        {
          port,
          host: '127.0.0.1',
          path,
          method,
          agent,
          headers: { host: 'portal.example.com', ...(cookie !== '' && { cookie }), ...headers },
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
          response.on('end', () => {
            const isJson = String(response.headers['content-type']).includes('json');
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              text,
              body: isJson ? (JSON.parse(text) as Answer['body']) : {},
            });
          });
        },
      );
      request.on('error', reject);
      request.end(body);
    });
    for (const line of answer.headers['set-cookie'] ?? []) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '' || /Max-Age=0|Expires=Thu, 01 Jan 1970/.test(line)) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    return answer;
  }

  call(call: PortalCall, input: object = {}, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send('POST', call.path, {
      headers: { ...OWN, 'content-type': 'application/json', ...headers },
      body: JSON.stringify(input),
    });
  }

  form(path: string, fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send('POST', path, {
      headers: { origin: ORIGIN, 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body: new URLSearchParams(fields).toString(),
    });
  }

  get token(): string {
    return this.cookies.get(SESSION_COOKIE) ?? '';
  }
}

async function signedIn(username: string): Promise<Browser> {
  const browser = new Browser();
  await browser.call(CALLS.signInWithPassword, { username, password: 'right' });
  const { body } = await browser.call(CALLS.answer, { code: '111111' });
  expect(body.at).toBe('signed-in');
  return browser;
}

describe('signing in', () => {
  test('APP-03: goes on at the same place on any replica, also in a tab that was closed', async () => {
    const browser = new Browser();
    expect((await browser.call(CALLS.welcome)).body).toMatchObject({
      organisation: 'City Hospital',
      standing: { at: 'sign-in' },
    });
    const asks = await browser.call(CALLS.signInWithPassword, { username: 'alice', password: 'right' });
    expect(asks.body).toMatchObject({ at: 'second-factor', question: { method: 'totp', alternatives: ['sms'] } });
    expect(asks.text).not.toContain('challenge-of');
    expect((await browser.call(CALLS.welcome)).body).toMatchObject({
      standing: { at: 'second-factor', displayName: 'alice' },
    });
    expect((await browser.call(CALLS.answer, { code: '000000' })).body).toMatchObject({ code: 'CODE_REJECTED' });
    expect((await browser.call(CALLS.answer, { code: '111111' })).body).toMatchObject({
      at: 'signed-in',
      level: 'full',
    });
    for (let round = 0; round < 4; round += 1) {
      expect((await browser.call(CALLS.account)).body).toMatchObject({ username: 'alice' });
    }
  });

  test('APP-01: the cookie is for this host alone, and what is kept opens nothing', async () => {
    const browser = new Browser();
    const { headers } = await browser.call(CALLS.signInWithPassword, { username: 'alice', password: 'right' });
    expect(headers['set-cookie']).toEqual([
      expect.stringMatching(/^__Host-countersign=new\.[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Lax$/),
    ]);
    await browser.call(CALLS.answer, { code: '111111' });
    const stored = JSON.stringify([...kept].filter(([place]) => place.startsWith(userIdOf('alice'))));
    expect(stored).toContain('startedAt');
    const [, secret = ''] = browser.token.split('.');
    for (const hidden of [secret, 'access of', 'alice']) expect(stored).not.toContain(hidden);
  });

  test('APP-02: each step that gives rights gives another token, and the one before is dead', async () => {
    const browser = new Browser();
    await browser.call(CALLS.signInWithPassword, { username: 'alice', password: 'right' });
    const half = browser.token;
    await browser.call(CALLS.answer, { code: '111111' });
    const full = browser.token;
    expect(full.startsWith(userIdOf('alice'))).toBe(true);
    await browser.call(CALLS.ask);
    await browser.call(CALLS.answer, { code: '111111' });
    expect(new Set([half, full, browser.token]).size).toBe(3);
    for (const old of [half, full]) {
      const thief = new Browser();
      thief.cookies.set(SESSION_COOKIE, old);
      expect((await thief.call(CALLS.account)).body.code).toBe('SIGN_IN_NEEDED');
      expect((await thief.call(CALLS.answer, { code: '111111' })).body.code).toBe('SIGN_IN_NEEDED');
    }
  });

  test('INV-21: a step whose answer was lost is repeated with the old cookie and the same key, and with no other', async () => {
    const browser = new Browser();
    await browser.call(CALLS.signInWithPassword, { username: 'alice', password: 'right' });
    const half = browser.token;
    const key = { 'idempotency-key': crypto.randomUUID() };
    const first = await browser.call(CALLS.answer, { code: '111111' }, key);
    const risen = browser.token;
    const again = new Browser();
    again.cookies.set(SESSION_COOKIE, half);
    const second = await again.call(CALLS.answer, { code: '111111' }, key);
    expect(second.body).toEqual(first.body);
    expect(again.token).toBe(risen);
    const attempts = asked.filter(({ operation }) => operation === 'session.open');
    expect(attempts).toHaveLength(1);
    again.cookies.set(SESSION_COOKIE, half);
    const other = await again.call(CALLS.answer, { code: '111111' }, { 'idempotency-key': crypto.randomUUID() });
    expect(other.body.code).toBe('SIGN_IN_NEEDED');
    again.cookies.set(SESSION_COOKIE, half);
    aheadMs = 31_000;
    expect((await again.call(CALLS.answer, { code: '111111' }, key)).body.code).toBe('SIGN_IN_NEEDED');
  });

  test('fixation: a token that somebody else made up, or has, is never the one that is signed in', async () => {
    const browser = new Browser();
    const planted = `new.${'A'.repeat(43)}`;
    browser.cookies.set(SESSION_COOKIE, planted);
    await browser.call(CALLS.signInWithPassword, { username: 'alice', password: 'right' });
    expect(browser.token).not.toBe(planted);
    for (const forged of [
      'x',
      `${userIdOf('alice')}.${'A'.repeat(43)}`,
      `${userIdOf('bob')}.${browser.token.split('.')[1]}`,
    ]) {
      const thief = new Browser();
      thief.cookies.set(SESSION_COOKIE, forged);
      expect((await thief.call(CALLS.account)).body.code).toBe('SIGN_IN_NEEDED');
    }
  });

  test('the attempt that reaches app-server is the same for the same key, and another for another session', async () => {
    const [one, two] = [new Browser(), new Browser()];
    const key = { 'idempotency-key': 'same' };
    for (const browser of [one, one, two]) {
      browser.cookies.clear();
      await browser.call(CALLS.signInWithPassword, { username: 'alice', password: 'right' }, key);
    }
    const tries = asked
      .filter(({ operation }) => operation === 'password.verify')
      .map(({ request }) => request.attemptId);
    expect(new Set(tries).size).toBe(1);
    const mine = asked.length;
    await one.call(CALLS.ask, {}, key);
    await two.call(CALLS.ask, {}, key);
    expect(new Set(asked.slice(mine).map(({ request }) => request.attemptId)).size).toBe(2);
  });
});

describe('approval on the phone', () => {
  const asking = async (username: string, at?: { port: number }) => {
    const browser = new Browser(at);
    await browser.call(CALLS.signInWithPassword, { username, password: 'right' });
    const { body } = await browser.call(CALLS.ask, { method: 'app' });
    expect(body).toMatchObject({ question: { method: 'app', number: '492', alternatives: ['totp'] } });
    return browser;
  };
  const wait = (browser: Browser) => browser.call(CALLS.wait, { number: '492' });
  const claim = (browser: Browser) => browser.call(CALLS.claim, { number: '492' });

  test('the page hears of it when it happens, and goes on; the question is one that it says it can show', async () => {
    const browser = await asking('alice');
    const phone = Promise.withResolvers<'approved'>();
    phones.set('alice', phone.promise);
    const heard = wait(browser);
    await expect.poll(() => asked.some(({ operation }) => operation === 'challenge.get')).toBe(true);
    const get = asked.find(({ operation }) => operation === 'challenge.get');
    expect(get?.input['waitSeconds']).toBe(20);
    expect(get?.request.deadline, 'it would be given up before it may answer').toBeGreaterThan(Date.now() + 20_000);
    phone.resolve('approved');
    expect((await heard).body).toEqual({ state: 'approved' });
    const half = browser.token;
    expect((await claim(browser)).body).toMatchObject({ at: 'signed-in', level: 'full' });
    expect(browser.token).not.toBe(half);
    const [start] = asked.filter(({ operation }) => operation === 'challenge.start');
    expect(start?.input['also']).toEqual(['passkey', 'app', 'recovery']);
  });

  test('R19: what is not approved, or was approved elsewhere before, lets nobody in', async () => {
    const browser = await asking('alice');
    expect((await claim(browser)).body.code).toBe('CHALLENGE_NOT_FOUND');
    for (const state of ['denied', 'expired', 'cancelled'] as const) {
      phones.set('alice', Promise.resolve(state));
      expect((await wait(browser)).body).toEqual({ state });
      expect((await claim(browser)).body.code).toBe('CHALLENGE_NOT_FOUND');
    }
    expect((await browser.call(CALLS.account)).body.code).toBe('SIGN_IN_NEEDED');
  });

  test('DEV-33: a report ends the sign-in, at every portal: nothing is asked or sent for it any more', async () => {
    const [one, other] = portals;
    const browser = await asking('alice', one);
    const phone = Promise.withResolvers<'denied'>();
    phones.set('alice', phone.promise);
    const heard = wait(browser);
    await expect.poll(() => asked.some(({ operation }) => operation === 'challenge.get')).toBe(true);
    reported.add('alice');
    phone.resolve('denied');
    expect((await heard).body.code).toBe('SIGN_IN_NEEDED');
    reported.clear();
    const there = new Browser(other);
    there.cookies.set(SESSION_COOKIE, browser.token);
    for (const page of [browser, there]) {
      expect((await page.call(CALLS.welcome)).body).toMatchObject({ standing: { at: 'sign-in' } });
      expect((await page.call(CALLS.ask, { method: 'sms' })).body.code).toBe('SIGN_IN_NEEDED');
    }
    expect(asked.filter(({ operation }) => operation === 'challenge.start')).toHaveLength(2);
  });

  test('DEV-33: a report that no page heard of is told when the page is loaded again, or another way is chosen', async () => {
    const [loaded, elsewhere] = [await asking('alice'), await asking('alice')];
    phones.set('alice', Promise.resolve('denied'));
    expect((await loaded.call(CALLS.welcome)).body).toMatchObject({ standing: { at: 'second-factor' } });
    reported.add('alice');
    expect((await loaded.call(CALLS.welcome)).body).toMatchObject({ standing: { at: 'sign-in' }, ended: true });
    expect((await elsewhere.call(CALLS.ask, { method: 'sms' })).body.code).toBe('SIGN_IN_NEEDED');
    reported.clear();
    for (const page of [loaded, elsewhere]) {
      expect((await page.call(CALLS.welcome)).body).toMatchObject({ standing: { at: 'sign-in' } });
    }
    const session = await signedIn('alice');
    await session.call(CALLS.ask);
    const starts = asked.filter(({ operation }) => operation === 'challenge.start');
    expect(starts.at(-1)?.input['evidence'], 'of a session, its own').toBe('access of alice');
  });

  test('a question is asked in the language of the page, which it says with every call', async () => {
    const browser = await asking('alice');
    await browser.call(CALLS.ask, { method: 'totp' }, { 'accept-language': 'ru' });
    const starts = asked.filter(({ operation }) => operation === 'challenge.start');
    expect(starts.map(({ input }) => input['language'])).toEqual(['en', 'en', 'ru']);
    expect((await browser.call(CALLS.welcome)).body).toMatchObject({ standing: { question: { language: 'ru' } } });
    expect((await browser.call(CALLS.resend)).body).toMatchObject({ question: { language: 'ru' } });
  });

  test('a tab that shows another number hears that its question is over, and claims nothing', async () => {
    const browser = await asking('alice');
    phones.set('alice', Promise.resolve('approved'));
    for (const call of [CALLS.wait, CALLS.claim]) {
      expect((await browser.call(call, { number: '117' })).body.code).toBe('CHALLENGE_CLOSED');
    }
    await browser.call(CALLS.ask, { method: 'totp' });
    expect((await wait(browser)).body.code).toBe('CHALLENGE_CLOSED');
    expect((await claim(browser)).body.code).toBe('CHALLENGE_CLOSED');
  });

  test('once more before something sensitive: while it waits, the same session goes on', async () => {
    const browser = await signedIn('alice');
    await browser.call(CALLS.ask, { method: 'app' });
    const phone = Promise.withResolvers<'approved'>();
    phones.set('alice', phone.promise);
    const heard = wait(browser);
    aheadMs = 120_000;
    expect((await browser.call(CALLS.account)).status).toBe(200);
    phone.resolve('approved');
    await heard;
    expect((await claim(browser)).body).toMatchObject({ at: 'signed-in' });
  });

  test('INV-21: a claim whose answer was lost is repeated, and asks for nothing again', async () => {
    const browser = await asking('alice');
    phones.set('alice', Promise.resolve('approved'));
    const half = browser.token;
    const key = { 'idempotency-key': crypto.randomUUID() };
    const first = await browser.call(CALLS.claim, { number: '492' }, key);
    const again = new Browser();
    again.cookies.set(SESSION_COOKIE, half);
    expect((await again.call(CALLS.claim, { number: '492' }, key)).body).toEqual(first.body);
    expect(asked.filter(({ operation }) => operation === 'challenge.claim')).toHaveLength(1);
  });

  test('R29: of those who wait one address has a quarter, and whoever does not wait is not hindered', async () => {
    const few = await start('few', certificate, 100, 8);
    const browser = await asking('alice', few);
    const phone = Promise.withResolvers<'approved'>();
    phones.set('alice', phone.promise);
    const held = [wait(browser), wait(browser)];
    await expect.poll(() => few.portal.requests().waiting).toBe(2);
    const third = await wait(browser);
    expect([third.status, third.body.code, third.headers['retry-after']]).toEqual([503, 'UNAVAILABLE', '1']);
    expect((await browser.call(CALLS.welcome)).status).toBe(200);
    phone.resolve('approved');
    expect((await Promise.all(held)).map(({ body }) => body['state'])).toEqual(['approved', 'approved']);
    expect(few.portal.requests().waiting).toBe(0);
    await few.portal.drain({ timeoutMs: 500 });
    await few.bus.drain();
  });

  test('a portal that stops says pending at once, and another one goes on', async () => {
    const stopping = await start('stopping', certificate);
    const browser = await asking('alice');
    const there = new Browser(stopping);
    there.cookies.set(SESSION_COOKIE, browser.token);
    const phone = Promise.withResolvers<'approved'>();
    phones.set('alice', phone.promise);
    const [ofSignIn, ofHandover] = [wait(there), waitAtHandover(stopping)];
    await expect.poll(() => stopping.portal.requests().waiting).toBe(2);
    const startedAt = performance.now();
    await stopping.portal.drain({ timeoutMs: 5000 });
    await stopping.bus.drain();
    expect([(await ofSignIn).body, (await ofHandover).body]).toEqual([{ state: 'pending' }, { state: 'pending' }]);
    expect(performance.now() - startedAt).toBeLessThan(2000);
    phone.resolve('approved');
    expect((await wait(browser)).body).toEqual({ state: 'approved' });
  });

  test('a newcomer whose phone was activated is signed in; before that, nothing has happened', async () => {
    const browser = new Browser();
    await browser.call(CALLS.signInWithPassword, { username: 'newbie', password: 'right' });
    await browser.call(CALLS.giveAccessCode, { code: '0000-0000-0000' });
    const { token } = browser;
    const confirm = () => browser.call(CALLS.confirm, { authenticatorId: userIdOf('x'), app: 'activated' });
    const early = await confirm();
    expect([early.status, early.body], 'an ordinary answer').toEqual([
      200,
      { authenticatorId: userIdOf('x'), state: 'pending' },
    ]);
    expect(browser.token).toBe(token);
    phones.set('newbie', Promise.resolve('approved'));
    expect((await confirm()).body).toMatchObject({ state: 'active' });
    expect(browser.token).not.toBe(token);
    expect((await browser.call(CALLS.welcome)).body).toMatchObject({ standing: { at: 'signed-in', level: 'full' } });
    const both = { authenticatorId: userIdOf('x'), app: 'activated', code: '111111' };
    expect((await browser.call(CALLS.confirm, both)).body.code).toBe('REQUEST_INVALID');
  });
});

/** On the page of an application, whose person chose the app. */
async function atHandover(at?: { port: number }): Promise<{ browser: Browser; shown: Answer }> {
  const browser = new Browser(at);
  const page = await browser.send('GET', '/verify?request=request%20of%20alice');
  return { browser, shown: await browser.form('/verify/method', { ...fieldsIn(page.text), method: 'app' }) };
}

async function waitAtHandover(at?: { port: number }): Promise<Answer> {
  const { browser, shown } = await atHandover(at);
  return browser.form('/verify/wait', fieldsIn(shown.text));
}

function fieldsIn(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/name="(request|form|page|result|state|error)"\s+value="([^"]*)"/g)].map(
      ([, name = '', value = '']) => [name, value],
    ),
  );
}

describe('R16, R19: whoever is not there yet gets nothing', () => {
  const inputs: Partial<Record<keyof typeof CALLS, object>> = {
    answer: { code: '111111' },
    giveAccessCode: { code: '0000-0000-0000' },
    endSessions: { which: 'all' },
    enrol: { type: 'totp' },
    confirm: { authenticatorId: userIdOf('x'), code: '111111' },
    rename: { authenticatorId: userIdOf('x'), label: 'x' },
    remove: { authenticatorId: userIdOf('x') },
    setPin: { pin: '58203917' },
    bypass: { seconds: 60 },
    chooseQuestions: { answers: [{ question: 'first-job', answer: 'bakery' }] },
    report: { loginId: 'x' },
    answerWithPasskey: { passkey: passkey() },
    wait: { number: '492' },
    claim: { number: '492' },
  };
  const guarded = (Object.entries(CALLS) as [keyof typeof CALLS, PortalCall][]).filter(
    ([, { needs }]) => needs !== 'nobody',
  );

  test.each(guarded)('%s', async (name, call) => {
    const nobody = await new Browser().call(call, inputs[name]);
    expect([nobody.status, nobody.body.code]).toEqual([401, 'SIGN_IN_NEEDED']);
    const invited = new Browser();
    await invited.call(CALLS.invitePasskey);
    expect((await invited.call(call, inputs[name])).body.code).toBe('SIGN_IN_NEEDED');
    if (call.needs !== 'session') return;
    const half = new Browser();
    await half.call(CALLS.signInWithPassword, { username: 'alice', password: 'right' });
    asked.length = 0;
    expect((await half.call(call, inputs[name])).body.code).toBe('SIGN_IN_NEEDED');
    expect(asked).toEqual([]);
  });

  test('no order of steps, left out, repeated or empty, lets in whoever has not given both factors', async () => {
    const steps = {
      password: (browser: Browser) => browser.call(CALLS.signInWithPassword, { username: 'alice', password: 'right' }),
      wrongPassword: (browser: Browser) =>
        browser.call(CALLS.signInWithPassword, { username: 'alice', password: 'wrong' }),
      newcomer: (browser: Browser) => browser.call(CALLS.signInWithPassword, { username: 'newbie', password: 'right' }),
      ask: (browser: Browser) => browser.call(CALLS.ask),
      wrongCode: (browser: Browser) => browser.call(CALLS.answer, { code: '000000' }),
      noCode: (browser: Browser) => browser.call(CALLS.answer),
      resend: (browser: Browser) => browser.call(CALLS.resend),
      askApp: (browser: Browser) => browser.call(CALLS.ask, { method: 'app' }),
      claimNothing: (browser: Browser) => browser.call(CALLS.claim, { number: '492' }),
      invite: (browser: Browser) => browser.call(CALLS.invitePasskey),
      welcome: (browser: Browser) => browser.call(CALLS.welcome),
      signOut: (browser: Browser) => browser.call(CALLS.signOut),
    };
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...(Object.keys(steps) as (keyof typeof steps)[])), { maxLength: 12 }),
        async (order) => {
          const browser = new Browser();
          for (const step of order) await steps[step](browser);
          expect((await browser.call(CALLS.account)).body.code).toBe('SIGN_IN_NEEDED');
          const { body } = await browser.call(CALLS.welcome);
          expect((body['standing'] as { at: string }).at).not.toBe('signed-in');
        },
      ),
      { numRuns: 40 },
    );
  });

  test('an access code is taken from whoever was asked for one, and a code from whoever was asked for that', async () => {
    const newcomer = new Browser();
    await newcomer.call(CALLS.signInWithPassword, { username: 'newbie', password: 'right' });
    expect((await newcomer.call(CALLS.answer, { code: '111111' })).body.code).toBe('CHALLENGE_CLOSED');
    expect((await newcomer.call(CALLS.ask)).body.code).toBe('SIGN_IN_NEEDED');
    expect((await newcomer.call(CALLS.giveAccessCode, { code: '4ZQK-8M2W-RT6H' })).body).toMatchObject({
      level: 'enrolment',
    });
    const half = new Browser();
    await half.call(CALLS.signInWithPassword, { username: 'alice', password: 'right' });
    expect((await half.call(CALLS.giveAccessCode, { code: '4ZQK-8M2W-RT6H' })).body.code).toBe('SIGN_IN_NEEDED');
  });
});

describe('sessions', () => {
  test('APP-06: signing out everywhere ends all of them at once on every replica', async () => {
    const [one, two, other] = [await signedIn('alice'), await signedIn('alice'), await signedIn('bob')];
    const { body } = await one.call(CALLS.sessions);
    expect((body['sessions'] as { current: boolean }[]).filter(({ current }) => current)).toHaveLength(1);
    expect((await one.call(CALLS.endSessions, { which: 'all' })).headers['clear-site-data']).toContain('storage');
    for (const browser of [two, two]) expect((await browser.call(CALLS.account)).body.code).toBe('SIGN_IN_NEEDED');
    expect((await other.call(CALLS.account)).body).toMatchObject({ username: 'bob' });
    expect(one.token).toBe('');
  });

  test('the others, one by its name, and nobody else’s', async () => {
    const [one, two, bob] = [await signedIn('alice'), await signedIn('alice'), await signedIn('bob')];
    const listOf = async (browser: Browser) =>
      (await browser.call(CALLS.sessions)).body['sessions'] as { sessionId: string; current: boolean }[];
    const theirs = (await listOf(bob))[0]?.sessionId ?? '';
    expect((await one.call(CALLS.endSessions, { which: theirs })).body.code).toBe('REQUEST_INVALID');
    expect((await one.call(CALLS.endSessions, { which: 'others' })).body).toEqual({ ended: 1 });
    expect((await two.call(CALLS.account)).body.code).toBe('SIGN_IN_NEEDED');
    const own = (await listOf(one)).find(({ current }) => current)?.sessionId ?? '';
    expect((await one.call(CALLS.endSessions, { which: own })).body).toEqual({ ended: 1 });
    expect((await bob.call(CALLS.account)).body).toMatchObject({ username: 'bob' });
  });

  test('where a session went after a second factor once more is no session of its own', async () => {
    const browser = await signedIn('frank');
    await browser.call(CALLS.ask);
    expect((await browser.call(CALLS.answer, { code: '111111' })).body).toMatchObject({ at: 'signed-in' });
    expect((await browser.call(CALLS.sessions)).body['sessions']).toHaveLength(1);
  });

  test('a token that was stolen is nothing after signing out', async () => {
    const browser = await signedIn('alice');
    const thief = new Browser();
    thief.cookies.set(SESSION_COOKIE, browser.token);
    await browser.call(CALLS.signOut);
    expect((await thief.call(CALLS.account)).body.code).toBe('SIGN_IN_NEEDED');
  });

  test('APP-05: ends when nobody was there for so long, and at the latest after so long', async () => {
    const browser = await signedIn('alice');
    for (let minutes = 14; minutes < 60; minutes += 14) {
      aheadMs = minutes * 60_000;
      expect((await browser.call(CALLS.account)).status).toBe(200);
    }
    aheadMs += 901_000;
    expect((await browser.call(CALLS.account)).body.code).toBe('SIGN_IN_NEEDED');
    aheadMs = 0;
    const busy = await signedIn('alice');
    for (aheadMs = 0; aheadMs < 28_800_000; aheadMs += 800_000) await busy.call(CALLS.account);
    expect((await busy.call(CALLS.account)).body.code).toBe('SIGN_IN_NEEDED');
  });

  test('APP-07: a session that is over by idleness is in nobody’s way, and on no list', async () => {
    const inUse = await signedIn('erin');
    aheadMs = 60_000;
    for (let n = 0; n < 2; n += 1) await signedIn('erin');
    for (const minutes of [10, 20]) {
      aheadMs = minutes * 60_000;
      expect((await inUse.call(CALLS.account)).status).toBe(200);
    }
    await signedIn('erin');
    const { body } = await inUse.call(CALLS.sessions);
    expect(body['sessions']).toHaveLength(2);
    await signedIn('erin');
    expect((await inUse.call(CALLS.account)).status).toBe(200);
  });

  test('APP-02: with a token that moved nobody is anybody, and may begin anew', async () => {
    const browser = new Browser();
    await browser.call(CALLS.signInWithPassword, { username: 'alice', password: 'right' });
    const before = browser.token;
    await browser.call(CALLS.answer, { code: '111111' });
    const left = new Browser();
    left.cookies.set(SESSION_COOKIE, before);
    expect((await left.call(CALLS.account)).body.code).toBe('SIGN_IN_NEEDED');
    expect((await left.call(CALLS.welcome)).body).toMatchObject({ standing: { at: 'sign-in' } });
    expect((await left.call(CALLS.signInWithPassword, { username: 'alice', password: 'right' })).status).toBe(200);
  });

  test('APP-07: the one that was used longest ago makes room', async () => {
    const browsers = [];
    for (let n = 0; n < 4; n += 1) {
      aheadMs = n * 1000;
      browsers.push(await signedIn('dora'));
    }
    const codes = await Promise.all(browsers.map(async (browser) => (await browser.call(CALLS.account)).status));
    expect(codes).toEqual([401, 200, 200, 200]);
  });

  test('a report of fraud leaves nobody signed in', async () => {
    const browser = await signedIn('alice');
    expect((await browser.call(CALLS.report, { loginId: 'x' })).status).toBe(200);
    expect(browser.token).toBe('');
  });
});

describe('R26: strangers', () => {
  test('one address begins so often in a minute, by whatever it begins; whoever is on the way goes on', async () => {
    const person = new Browser(narrow);
    await person.call(CALLS.signInWithPassword, { username: 'alice', password: 'right' });
    const before = kept.size;
    const others = [new Browser(narrow), new Browser(narrow), new Browser(narrow)];
    const codes: (ErrorCode | undefined)[] = [];
    for (const other of others) codes.push((await other.call(CALLS.invitePasskey)).body.code);
    expect(codes).toEqual([undefined, undefined, 'TRY_LATER']);
    const refused = await new Browser(narrow).send('GET', '/verify?request=handover%20of%20bob');
    expect(refused.status).toBe(429);
    expect(refused.text).toContain('Too many tries. Wait a little, then try again.');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect(kept.size).toBe(before + 2);
    expect((await person.call(CALLS.answer, { code: '111111' })).status).toBe(200);
  });
});

describe('APP-10: only our own pages may ask', () => {
  const foreign: [string, Record<string, string>][] = [
    ['another site', { 'sec-fetch-site': 'cross-site' }],
    ['a neighbour of our domain', { 'sec-fetch-site': 'same-site' }],
    ['an address that was typed', { 'sec-fetch-site': 'none' }],
    ['another origin', { origin: 'https://evil.example' }],
    ['a frame without one', { origin: 'null' }],
    ['nowhere', { origin: '' }],
    ['a form, which sets no header', { 'x-countersign': '' }],
  ];
  test.each(foreign)('%s', async (_, headers) => {
    const browser = await signedIn('alice');
    asked.length = 0;
    const sent = Object.fromEntries(
      Object.entries({ ...OWN, 'content-type': 'application/json', ...headers }).filter(([, value]) => value !== ''),
    );
    const answer = await browser.send('POST', CALLS.account.path, { headers: sent, body: '{}' });
    expect([answer.status, answer.body.code]).toEqual([403, 'FORBIDDEN']);
    expect(asked).toEqual([]);
  });

  test('nor by GET, nor as a form', async () => {
    const browser = await signedIn('alice');
    for (const { path } of Object.values(CALLS)) expect((await browser.send('GET', path)).status).toBe(404);
    const form = await browser.send('POST', CALLS.signOut.path, {
      headers: { ...OWN, 'content-type': 'application/x-www-form-urlencoded' },
      body: 'a=b',
    });
    expect(form.body.code).toBe('REQUEST_INVALID');
    expect((await browser.call(CALLS.account)).status).toBe(200);
  });
});

test('R25: ten thousand overlapped requests of two people never mix', async () => {
  const people = { alice: await signedIn('alice'), boris: await signedIn('boris') };
  const names = ['alice', 'boris'] as const;
  for (let round = 0; round < 50; round += 1) {
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, n) => {
        const name = names[n % 2]!;
        const { body } = await people[name].call(CALLS.account);
        return [name, body['username']];
      }),
    );
    for (const [name, answered] of answers) expect(answered).toBe(name);
  }
}, 120_000);

describe('APP-11: every answer says what it may be used for', () => {
  test.each([
    ['GET', '/', 200],
    ['GET', '/factors', 200],
    ['GET', '/nowhere', 404],
    ['GET', '/verify?request=request%20of%20alice', 200],
    ['GET', '/verify?request=over', 410],
    ['POST', '/api/account', 403],
    ['GET', '/assets/a.js', 200],
    ['GET', '/assets/../../portal.ts', 404],
  ])('%s %s', async (method, path, status) => {
    const { headers, status: answered } = await new Browser().send(method, path);
    expect(answered).toBe(status);
    expect(headers).toMatchObject({
      'strict-transport-security': 'max-age=31536000; includeSubDomains',
      'x-content-type-options': 'nosniff',
      'referrer-policy': path.startsWith('/verify') ? 'same-origin' : 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'permissions-policy': expect.stringContaining('publickey-credentials-get=(self)'),
    });
    expect(headers['cache-control']).toMatch(path.startsWith('/assets/a') ? /immutable/ : /no-store/);
    const csp = String(headers['content-security-policy']);
    expect(csp).toContain("default-src 'none'");
    expect(csp).toContain("frame-ancestors 'none'");
    expect(csp).toContain("base-uri 'none'");
    expect(csp).not.toMatch(/unsafe|\*/);
  });

  test('each page runs the scripts of its own nonce, a new one each time', async () => {
    const pages = await Promise.all([1, 2].map(() => new Browser().send('GET', '/')));
    const nonces = pages.map(({ headers, text }) => {
      const [, nonce = ''] = /'nonce-([^']+)'/.exec(String(headers['content-security-policy'])) ?? [];
      expect(text).toContain(`nonce="${nonce}"`);
      return nonce;
    });
    expect(new Set(nonces).size).toBe(2);
  });

  test('R28: nothing is made of Host', async () => {
    const answer = await new Browser().send('GET', '/verify?request=request%20of%20alice', {
      headers: { host: 'evil.example' },
    });
    expect(answer.text + JSON.stringify(answer.headers)).not.toContain('evil.example');
  });
});

describe('the page of other applications', () => {
  const PATH = '/verify?request=request%20of%20alice';
  test('works without a script: a wrong code, a right one, and back with the result', async () => {
    const browser = new Browser();
    const page = await browser.send('GET', PATH, { headers: { 'accept-language': 'ru, en;q=0.5' } });
    expect(page.text).toContain('<html lang="ru">');
    expect(page.text).toContain('AD FS &lt;test&gt;');
    const fields = fieldsIn(page.text);
    const wrong = await browser.form('/verify/answer', { ...fields, code: '000000' });
    expect(wrong.text).toContain('role="alert"');
    const done = await browser.form('/verify/answer', { ...fieldsIn(wrong.text), code: '111111' });
    expect(done.text).toContain('action="https://sts.example.com/return"');
    expect(fieldsIn(done.text)).toEqual({ result: 'result of alice', state: 'state-of-the-application' });
    expect(done.headers['content-security-policy']).toContain("form-action 'self' https://sts.example.com;");
    // The session is over: another form leads nowhere.
    expect((await browser.form('/verify/answer', { ...fields, code: '111111' })).status).toBe(410);
  });

  test('the last form, sent again because its answer was lost, gets the same answer, and no other form does', async () => {
    const browser = new Browser();
    const fields = { ...fieldsIn((await browser.send('GET', PATH)).text), code: '111111' };
    const cookie = browser.cookies.get('__Host-countersign-verify') ?? '';
    const done = await browser.form('/verify/answer', fields);
    const again = async (form: Record<string, string>, path = '/verify/answer') => {
      browser.cookies.set('__Host-countersign-verify', cookie);
      return browser.form(path, form);
    };
    expect(fieldsIn((await again(fields)).text)).toEqual(fieldsIn(done.text));
    expect((await again({ ...fields, code: '222222' })).status).toBe(410);
    expect((await again(fields, '/verify/cancel')).status).toBe(410);
    browser.cookies.set('__Host-countersign-verify', cookie);
    aheadMs = 31_000;
    expect((await browser.form('/verify/answer', fields)).status).toBe(410);
  });

  test('what is pressed twice, or followed twice within seconds, is asked once', async () => {
    const attempts = (operation: string) =>
      new Set(asked.filter((one) => one.operation === operation).map(({ request }) => request.attemptId)).size;
    const [first, second] = [new Browser(), new Browser()];
    await Promise.all([first.send('GET', PATH), second.send('GET', PATH)]);
    expect(attempts('handover.start')).toBe(1);
    aheadMs = 20_000;
    const browser = new Browser();
    const fields = fieldsIn((await browser.send('GET', PATH)).text);
    expect(attempts('handover.start')).toBe(2);
    for (const path of ['/verify/method', '/verify/method']) await browser.form(path, { ...fields, method: 'sms' });
    expect(attempts('handover.start')).toBe(3);
    const shown = await browser.form('/verify/method', { ...fields, method: 'sms' });
    for (const path of ['/verify/resend', '/verify/resend']) await browser.form(path, fieldsIn(shown.text));
    expect(attempts('handover.resend')).toBe(1);
  });

  test('is not asked again by loading it again, and signs nobody in', async () => {
    const browser = new Browser();
    await browser.send('GET', PATH);
    await browser.send('GET', PATH);
    expect(asked.filter(({ operation }) => operation === 'handover.start')).toHaveLength(1);
    expect((await browser.call(CALLS.account)).body.code).toBe('SIGN_IN_NEEDED');
    const stolen = new Browser();
    stolen.cookies.set(SESSION_COOKIE, browser.cookies.get('__Host-countersign-verify') ?? '');
    expect((await stolen.call(CALLS.account)).body.code).toBe('SIGN_IN_NEEDED');
  });

  test('R14: a form of another request, of another browser, or of another site completes nothing', async () => {
    const [alice, mallory] = [new Browser(), new Browser()];
    const ofAlice = fieldsIn((await alice.send('GET', PATH)).text);
    const ofMallory = fieldsIn((await mallory.send('GET', '/verify?request=request%20of%20mallory')).text);
    asked.length = 0;
    expect((await alice.form('/verify/answer', { ...ofMallory, code: '111111' })).status).toBe(410);
    expect((await mallory.form('/verify/answer', { ...ofAlice, code: '111111' })).status).toBe(410);
    expect((await alice.form('/verify/answer', { code: '111111' })).status).toBe(410);
    expect(
      (await alice.form('/verify/answer', { ...ofAlice, code: '111111' }, { origin: 'https://evil.example' })).status,
    ).toBe(403);
    expect(asked).toEqual([]);
  });

  test('approval on the phone: the page shows the number, hears of the answer, and goes back with the result', async () => {
    const { browser, shown } = await atHandover();
    expect(shown.text).toContain('The number is 4 9 2.');
    expect(shown.text).toContain('<span aria-hidden="true">492</span>');
    phones.set('alice', Promise.resolve('approved'));
    const fields = fieldsIn(shown.text);
    expect((await browser.form('/verify/wait', fields)).body).toEqual({ state: 'approved' });
    const done = await browser.form('/verify/approved', fields);
    expect(fieldsIn(done.text)).toEqual({ result: 'result of alice', state: 'state-of-the-application' });
    expect((await browser.form('/verify/wait', fields)).status).toBe(410);
  });

  test('approval without a script: who says so too early is asked again, and a refusal is said with a way on', async () => {
    const { browser, shown } = await atHandover();
    const early = await browser.form('/verify/approved', fieldsIn(shown.text));
    expect(early.text).toContain('There is no answer from your phone yet.');
    expect(early.text).toContain('The number is 4 9 2.');
    phones.set('alice', Promise.resolve('denied'));
    const refused = await browser.form('/verify/approved', fieldsIn(early.text));
    expect(refused.text).toContain('This was refused on the phone');
    expect(refused.text).not.toContain('492');
    expect(refused.text).not.toContain('approval.js');
    phones.delete('alice');
    const again = await browser.form('/verify/method', { ...fieldsIn(refused.text), method: 'app' });
    expect(again.text).toContain('The number is 4 9 2.');
    expect(asked.some(({ operation }) => operation === 'handover.claim')).toBe(false);
  });

  test('R14: nobody else waits for it: not another browser, not another site', async () => {
    const { browser, shown } = await atHandover();
    const fields = fieldsIn(shown.text);
    asked.length = 0;
    expect((await new Browser().form('/verify/wait', fields)).status).toBe(410);
    expect((await browser.form('/verify/wait', { form: 'x' })).status).toBe(410);
    expect((await browser.form('/verify/wait', fields, { origin: 'https://evil.example' })).status).toBe(403);
    expect(asked).toEqual([]);
  });

  test('who gives up goes back and says so', async () => {
    const browser = new Browser();
    const fields = fieldsIn((await browser.send('GET', PATH)).text);
    const back = await browser.form('/verify/cancel', fields);
    expect(fieldsIn(back.text)).toEqual({ error: 'access_denied', state: 'state-of-the-application' });
  });
});

function passkey() {
  const response = { clientDataJSON: 'AA', authenticatorData: 'AA', signature: 'AA' };
  return { id: 'AA', rawId: 'AA', type: 'public-key', response };
}
