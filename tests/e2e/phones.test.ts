import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  auditFind,
  authenticatorEnrol,
  authenticatorRemove,
  DEVICE_PATHS,
  userUnblock,
  type OutputOf,
  type SignedRequest,
} from '@countersign/contracts';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Authenticator } from '../authenticator/phone.ts';
import type { Answer, Client } from '../client.ts';
import { commandLine } from '../command-line.ts';
import { launchBrowser } from '../pages/browser.ts';
import { HttpPhone, linkOf, Refused, send } from '../phone.ts';
import { startRelyingPage } from '../relying-page.ts';
import { giveLock } from '../authenticator/lock.ts';
import { startStack, waitUntil, type Replica, type Stack, type TestUser } from '../stack.ts';
import { startTurns, type Turns } from '../turns.ts';

type Pair<T> = readonly [T, T];

const folder = mkdtempSync(join(tmpdir(), 'phones-'));
let stack: Stack;
/** What phones know as the address of the service. */
let turns: Turns;
let gateways: Pair<string>;
let mobiles: Pair<string>;
/** Phones have no key of ours. */
let phones: Client;

beforeAll(async () => {
  turns = await startTurns(() => stack?.mobiles.map(({ url }) => url) ?? []);
  stack = await startStack({ mobileServices: 2, deviceUrl: `https://localhost:${turns.port}` });
  gateways = urlsOf(stack.gateways);
  mobiles = urlsOf(stack.mobiles);
  phones = stack.clientAs({});
});
afterAll(async () => {
  await stack?.stop();
  await turns?.stop();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  const stopped = [...stack.mobiles, ...stack.appServers].filter(({ running }) => !running);
  await Promise.all(stopped.map((replica) => replica.start()));
});

function urlsOf([one, two]: readonly Replica[]): Pair<string> {
  if (one === undefined || two === undefined) throw new Error('fewer than two replicas');
  return [one.url, two.url];
}

function replicaAt(url: string): Replica {
  const found = [...stack.mobiles, ...stack.appServers].find((replica) => replica.url === url);
  if (found === undefined) throw new Error(`no replica at ${url}`);
  return found;
}

const refusalOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'none',
    (error: unknown) => (error instanceof Refused ? codeOf(error.answer) : error),
  );
const codeOf = ({ status, body }: Answer) => [status, body.code];

async function withPhone(): Promise<{ user: TestUser; phone: HttpPhone }> {
  const user = await stack.addUser({ phone: false });
  const { uri = '' } = await stack.admin(authenticatorEnrol, { userId: user.userId, type: 'app' });
  return { user, phone: await HttpPhone.activate(phones, mobiles[0], uri) };
}

function start({ username }: TestUser): Promise<Answer> {
  const context = { ip: '203.0.113.7', device: 'Firefox on Debian', location: 'Riga' };
  return stack.client.start(gateways[1], { username, method: 'app', context });
}

async function begun(user: TestUser): Promise<{ challengeId: string; number: string }> {
  const { status, body, text } = await start(user);
  expect(status, text).toBe(201);
  return { challengeId: body.challengeId ?? '', number: String(body['number']) };
}

/** A login as the phone has it before it. */
async function prompted(user: TestUser, phone: HttpPhone, mobile = mobiles[1]) {
  const login = await begun(user);
  const prompt = (await phone.poll(mobile)).find(({ challengeId }) => challengeId === login.challengeId);
  if (prompt === undefined) throw new Error('the phone was not asked');
  return { ...login, prompt };
}

const claim = (gateway: string, challengeId: string): Promise<Answer> =>
  stack.client.request(gateway, 'POST', `/v1/challenges/${challengeId}/claim`);

async function stateOf(challengeId: string): Promise<string | undefined> {
  return (await stack.client.get(gateways[0], challengeId)).body.state;
}

/** How many operations an app-server has in hand, or phones an edge has waiting. */
async function gauge(url: string, name: string): Promise<number> {
  const { text } = await phones.request(url, 'GET', '/metrics');
  return Number(new RegExp(`^countersign_${name}\\{.*\\} (\\d+)$`, 'm').exec(text)?.[1]);
}

async function waiting(mobile: string, wanted: number): Promise<void> {
  await waitUntil(async () => (await gauge(mobile, 'mobile_requests_waiting')) === wanted, {
    what: `${wanted} phones to wait`,
  });
}

/** How many requests of phones have been taken as new. */
async function noncesClaimed(): Promise<number> {
  const { username, password, host } = new URL(stack.natsRootUrl);
  const nats = await connect({ servers: [host], user: username, pass: password });
  try {
    const { state } = await (await jetstreamManager(nats)).streams.info('NONCES');
    return state.messages;
  } finally {
    await nats.close();
  }
}

test('an administrator begins, one phone comes by the link and another by the typed code, on two replicas; each once', async () => {
  const { apiKey } = await stack.addApplication(['authenticator.write']);
  const administrator = stack.clientAs({ apiKey });
  const { userId } = await stack.addUser({ phone: false });
  const begin = async (label: string) => {
    const path = `/v1/users/${userId}/authenticators`;
    const { status, body, text } = await administrator.request(gateways[0], 'POST', path, {
      body: { type: 'app', label },
    });
    expect(status, text).toBe(201);
    return { link: String(body['uri']), code: String(body['activationCode']) };
  };
  const [scanned, typed] = [await begin('Scanned'), await begin('Typed')];
  const link = await linkOf(phones, mobiles[1], typed.code);
  const one = await HttpPhone.activate(phones, mobiles[0], scanned.link);
  const two = await HttpPhone.activate(phones, mobiles[1], link);
  expect(one.phone.deviceId).not.toBe(two.phone.deviceId);
  for (const mobile of mobiles) {
    for (const used of [scanned.link, link]) {
      expect(await refusalOf(HttpPhone.activate(phones, mobile, used))).toEqual([404, 'ACTIVATION_NOT_FOUND']);
    }
    expect(await refusalOf(linkOf(phones, mobile, typed.code))).toEqual([404, 'ACTIVATION_NOT_FOUND']);
    expect([await one.poll(mobile), await two.poll(mobile)]).toEqual([[], []]);
  }
});

describe('a login', () => {
  test('is started at one gateway and waited for at the other, shown by one replica and approved at the other, and its result fetched once', async () => {
    const { user, phone } = await withPhone();
    const polled = phone.poll(mobiles[0], { wait: 25 });
    await waiting(mobiles[0], 1);
    const startedAt = performance.now();
    const { challengeId, number } = await begun(user);
    const waited = stack.client.get(gateways[0], challengeId, 30);
    const [prompt] = await polled;
    expect(performance.now() - startedAt, 'and not after the wait').toBeLessThan(10_000);
    if (prompt === undefined) throw new Error('the phone was not asked');
    expect(prompt).toMatchObject({
      challengeId,
      displayed: {
        user: user.username,
        application: stack.application.name,
        source: '203.0.113.7, Riga',
        digits: number.length,
      },
    });
    const outcome = await phone.answer(mobiles[1], prompt, { decision: 'approve', number });
    expect(outcome).toMatchObject({ state: 'approved', counted: true });
    const { body, ms } = await waited;
    expect(body).toMatchObject({ challengeId, state: 'approved', method: 'app' });
    expect(ms, 'and not after the wait').toBeLessThan(15_000);

    const claimed = await claim(gateways[1], challengeId);
    expect(claimed.status, claimed.text).toBe(200);
    const keys = await stack.client.request(gateways[0], 'GET', '/.well-known/jwks.json');
    const { payload } = await jwtVerify(
      claimed.body.result ?? '',
      createLocalJWKSet(keys.body as unknown as JSONWebKeySet),
      { issuer: 'https://mfa.example.test', audience: stack.application.applicationId, algorithms: ['ES256'] },
    );
    // RFC 8176: a key, in the hand of the person, over another channel.
    expect(payload).toMatchObject({
      sub: user.userId,
      username: user.username,
      jti: challengeId,
      amr: ['pop', 'user', 'mca'],
    });
    for (const gateway of gateways) {
      expect(codeOf(await claim(gateway, challengeId))).toEqual([409, 'CHALLENGE_CLOSED']);
    }
  });

  test('ends as denied with a wrong number, and has no second try', async () => {
    const { user, phone } = await withPhone();
    const { challengeId, number, prompt } = await prompted(user, phone);
    const waited = stack.client.get(gateways[0], challengeId, 30);
    const wrong = number === '1'.repeat(number.length) ? '2'.repeat(number.length) : '1'.repeat(number.length);
    const said = { decision: 'approve', number: wrong } as const;
    expect(await refusalOf(phone.answer(mobiles[0], prompt, said))).toEqual([422, 'NUMBER_WRONG']);
    expect((await waited).body.state).toBe('denied');
    const right = phone.answer(mobiles[1], prompt, { decision: 'approve', number });
    expect(await refusalOf(right)).toEqual([409, 'CHALLENGE_CLOSED']);
    expect(codeOf(await claim(gateways[1], challengeId))).toEqual([409, 'CHALLENGE_CLOSED']);
  });

  test('is denied by the person; the same answer in a new request hears the same', async () => {
    const { user, phone } = await withPhone();
    const { challengeId, number, prompt } = await prompted(user, phone);
    const decision = await phone.phone.decide(prompt, { decision: 'deny' });
    for (const mobile of mobiles) {
      expect(await phone.hand(mobile, prompt, decision)).toMatchObject({ state: 'denied', counted: true });
    }
    const late = phone.answer(mobiles[0], prompt, { decision: 'approve', number });
    expect(await refusalOf(late)).toEqual([409, 'CHALLENGE_CLOSED']);
    expect(await stateOf(challengeId)).toBe('denied');
  });

  test('that was somebody else: nothing more is sent until the help desk lifts it', async () => {
    const { user, phone } = await withPhone();
    const { challengeId, prompt } = await prompted(user, phone);
    expect(await phone.answer(mobiles[0], prompt, { decision: 'fraud' })).toMatchObject({ state: 'denied' });
    expect(await stateOf(challengeId)).toBe('denied');
    expect((await start(user)).body, 'as of anybody (R21)').toMatchObject({ state: 'pending', method: 'app' });
    expect(await phone.poll(mobiles[1])).toEqual([]);
    await stack.admin(userUnblock, { userId: user.userId, reason: 'Called back, ticket 4711' });
    const again = await prompted(user, phone);
    const said = { decision: 'approve', number: again.number } as const;
    expect(await phone.answer(mobiles[1], again.prompt, said)).toMatchObject({ state: 'approved' });
  });

  test('leaves evidence that anybody can check later, and that shows one changed character', async () => {
    const { user, phone } = await withPhone();
    const { challengeId, number, prompt } = await prompted(user, phone);
    await phone.answer(mobiles[0], prompt, { decision: 'approve', number });
    const { userId } = user;
    const isApproval = (event: { type: string; challengeId?: string }) =>
      event.type === 'challenge.approved' && event.challengeId === challengeId;
    await waitUntil(async () => (await stack.admin(auditFind, { userId })).events.some(isApproval), {
      what: 'the audit to hold the approval',
      timeoutMs: 20_000,
    });
    const countersign = (...words: string[]) => commandLine(stack, folder, words);
    const { out, err } = await countersign('audit', 'tail', '--user', userId, '--json');
    expect(err).toBe('');
    const { events } = JSON.parse(out) as OutputOf<typeof auditFind>;
    const { evidence } = (events.find(isApproval)?.detail ?? {}) as {
      evidence: { displayed: { source: string }; deviceId: string };
    };
    const { displayed, deviceId } = evidence;
    expect([displayed, deviceId]).toEqual([prompt.displayed, phone.phone.deviceId]);

    const verify = async (file: string) => {
      writeFileSync(join(folder, file), JSON.stringify({ events }));
      return countersign('audit', 'verify', file, '--json');
    };
    const whole = await verify('events.json');
    expect(whole.code, whole.out + whole.err).toBe(0);
    expect(JSON.parse(whole.out)).toMatchObject({
      verified: 1,
      refused: 0,
      keys: [{ deviceId, keyThumbprint: phone.phone.key.thumbprint }],
    });
    displayed.source = displayed.source.replace('Riga', 'Rigi');
    const changed = await verify('changed.json');
    expect(changed.code, changed.out + changed.err).toBe(1);
    expect(JSON.parse(changed.out)).toMatchObject({ verified: 0, refused: 1 });
  });
});

test('two browsers: the page of an application shows a number, and the authenticator on the phone approves with it, or denies', async () => {
  const user = await stack.addUser({ phone: false });
  const { uri = '' } = await stack.admin(authenticatorEnrol, { userId: user.userId, type: 'app' });
  const intranet = await startRelyingPage(stack.client, gateways, user.username);
  // One for each: they share nothing. Workers are not let in by what a page may ignore.
  const browsers = await Promise.all([launchBrowser(), launchBrowser(['--ignore-certificate-errors'])]);
  try {
    const [page, screen] = await Promise.all(browsers.map((browser) => browser.newPage({ locale: 'en' })));
    if (page === undefined || screen === undefined) throw new Error('fewer than two browsers');
    const app = new Authenticator(screen, stack.deviceUrl);
    await app.activate(uri, 'My own phone');
    await page.goto(intranet.url);

    await page.getByRole('button').click();
    await app.waitForPrompt(stack.application.name);
    const shown = Object.values(await app.shown());
    expect(shown).toEqual(expect.arrayContaining([user.username, stack.application.name, 'Intranet page']));
    await app.approve(await page.locator('b').innerText());
    expect(await app.outcome()).toBe('Approved. You are being signed in.');
    await page.getByText(`Welcome, ${user.username}`).waitFor();
    await app.close();

    await page.getByRole('button').click();
    await app.waitForPrompt(stack.application.name);
    await app.deny();
    await page.getByText('Not signed in: denied').waitFor();
  } finally {
    await Promise.all([...browsers.map((browser) => browser.close()), intranet.stop()]);
  }
});

test('DEV-35: the lock of the device confirms an approval in a browser, and the command line finds it in the audit', async () => {
  const user = await stack.addUser({ phone: false });
  const { uri = '' } = await stack.admin(authenticatorEnrol, { userId: user.userId, type: 'app' });
  const browser = await launchBrowser(['--ignore-certificate-errors']);
  try {
    const page = await browser.newPage({ locale: 'en' });
    const app = new Authenticator(page, stack.deviceUrl);
    const lock = await giveLock(page);
    await app.activateWithLock(uri, 'lock.on');
    const { challengeId, number } = await begun(user);
    await app.waitForPrompt(stack.application.name);
    await lock.unlocks(false);
    await app.approve(number);
    await page.getByText(app.say('problem.NOT_CONFIRMED')).waitFor();
    expect(await stateOf(challengeId)).toBe('pending');
    await lock.unlocks(true);
    await app.approve(number);
    expect(await app.outcome()).toBe('Approved. You are being signed in.');

    const { userId } = user;
    const isApproved = ({ type, challengeId: of }: { type: string; challengeId?: string }) =>
      type === 'challenge.approved' && of === challengeId;
    await waitUntil(async () => (await stack.admin(auditFind, { userId })).events.some(isApproved), {
      what: 'the approval to be in the audit',
    });
    const { out } = await commandLine(stack, folder, ['audit', 'tail', '--user', userId, '--json']);
    writeFileSync(join(folder, 'locked.json'), out);
    const verified = await commandLine(stack, folder, ['audit', 'verify', 'locked.json', '--json']);
    expect(JSON.parse(verified.out)).toMatchObject({
      verified: 1,
      refused: 0,
      keys: [{ passkeyThumbprint: expect.stringMatching(/^[\w-]{43}$/) }],
    });
  } finally {
    await browser.close();
  }
});

describe('a request', () => {
  test('DEV-23: that was captured is refused by either replica', async () => {
    const { phone } = await withPhone();
    const { request, answer } = await phone.ask(mobiles[0]);
    expect(answer.status, answer.text).toBe(200);
    for (const mobile of mobiles.toReversed()) {
      expect(codeOf(await send(phones, mobile, request))).toEqual([401, 'REPLAYED']);
    }
  });

  test('DEV-20: with a signed component altered is refused, and spends no nonce', async () => {
    const { phone } = await withPhone();
    const { request } = await phone.phone.sign(DEVICE_PATHS.poll, { keySet: 1, wait: 0 });
    const altered: Record<string, Partial<SignedRequest>> = {
      path: { path: DEVICE_PATHS.remove },
      query: { query: '?wait=1' },
      body: { body: request.body.replace('"wait":0', '"wait":1') },
      digest: { contentDigest: request.contentDigest.replace(/:.{4}/, ':AAAA') },
      nonce: { signatureInput: request.signatureInput.replace(/nonce=".{4}/, 'nonce="AAAA') },
      created: {
        signatureInput: request.signatureInput.replace(/created=(\d+)/, (_, at) => `created=${Number(at) + 1}`),
      },
      signature: { signature: request.signature.replace(/:.{4}/, ':AAAA') },
    };
    for (const [what, change] of Object.entries(altered)) {
      expect(codeOf(await send(phones, mobiles[1], { ...request, ...change })), what).toEqual([
        401,
        'SIGNATURE_INVALID',
      ]);
    }
    expect((await send(phones, mobiles[1], request)).status).toBe(200);
  });

  test('DEV-22: of another address does not count here, whatever Host says', async () => {
    const { phone } = await withPhone();
    const { authority } = phone.phone;
    phone.phone.authority = 'phones.example.org';
    expect(codeOf((await phone.ask(mobiles[0])).answer)).toEqual([401, 'SIGNATURE_INVALID']);
    phone.phone.authority = authority;
    expect((await phone.ask(mobiles[0])).answer.status).toBe(200);
  });

  test.each([180_000, -180_000])('with a clock that is %i ms off is right after one correction', async (offMs) => {
    const { phone } = await withPhone();
    phone.phone.aheadMs = offMs;
    const { answer } = await phone.ask(mobiles[0]);
    expect(codeOf(answer)).toEqual([401, 'CLOCK_WRONG']);
    phone.correctClock(answer);
    expect((await phone.ask(mobiles[1])).answer.status).toBe(200);
  });

  test('DEV-14: of a phone that was taken away is refused at once by either replica, and so is the one that waits', async () => {
    const { user, phone } = await withPhone();
    const { number, prompt } = await prompted(user, phone);
    const known = [prompt.challengeId];
    const waits = mobiles.map((mobile) => phone.ask(mobile, { wait: 25, known }));
    await Promise.all(mobiles.map((mobile) => waiting(mobile, 1)));
    const removedAt = performance.now();
    await stack.admin(authenticatorRemove, { userId: user.userId, authenticatorId: phone.phone.deviceId });
    for (const mobile of mobiles) {
      expect(codeOf((await phone.ask(mobile)).answer)).toEqual([401, 'DEVICE_UNKNOWN']);
      const said = phone.answer(mobile, prompt, { decision: 'approve', number });
      expect(await refusalOf(said)).toEqual([401, 'DEVICE_UNKNOWN']);
    }
    for (const { answer } of await Promise.all(waits)) expect(codeOf(answer)).toEqual([401, 'DEVICE_UNKNOWN']);
    expect(performance.now() - removedAt, 'and not after the wait').toBeLessThan(10_000);
  });
});

describe('a poll', () => {
  test('whose replica is killed is repeated at the other, and brings the login', async () => {
    const { user, phone } = await withPhone();
    const lost = phone.ask(mobiles[0], { wait: 25 }).then(
      ({ answer }) => answer.text,
      () => 'lost',
    );
    await waiting(mobiles[0], 1);
    await replicaAt(mobiles[0]).kill();
    expect(await lost).toBe('lost');
    const again = phone.poll(mobiles[1], { wait: 25 });
    await waiting(mobiles[1], 1);
    const { challengeId, number } = await begun(user);
    const [prompt] = await again;
    if (prompt === undefined) throw new Error('the phone was not asked');
    expect(prompt.challengeId).toBe(challengeId);
    expect(await phone.answer(mobiles[1], prompt, { decision: 'approve', number })).toMatchObject({
      state: 'approved',
    });
  });

  test('of a replica that is told to stop is answered soon, and the replica exits within 10 s', async () => {
    const { phone } = await withPhone();
    const polls = Array.from({ length: 5 }, () => phone.ask(mobiles[0], { wait: 25 }));
    await waiting(mobiles[0], polls.length);
    const stopping = replicaAt(mobiles[0]);
    const toldAt = performance.now();
    process.kill(stopping.pid, 'SIGTERM');
    for (const { answer } of await Promise.all(polls)) {
      expect([...codeOf(answer), answer.headers['retry-after']]).toEqual([503, 'UNAVAILABLE', '1']);
    }
    expect(performance.now() - toldAt, 'soon').toBeLessThan(5000);
    await waitUntil(() => !stopping.running, { what: 'it to exit', timeoutMs: 10_000 - (performance.now() - toldAt) });
    expect(await phone.poll(mobiles[1])).toEqual([]);
  });

  test('whose app-server is killed, whether it has answered the edge or not, brings the login by the other one', async () => {
    const { user, phone } = await withPhone();
    const before = await noncesClaimed();
    const polls = mobiles.flatMap((mobile) => Array.from({ length: 4 }, () => phone.ask(mobile, { wait: 25 })));
    await waitUntil(async () => (await noncesClaimed()) === before + polls.length, {
      what: 'the nonces to be claimed',
    });
    const [victim, heir] = stack.appServers;
    if (victim === undefined || heir === undefined) throw new Error('fewer than two replicas');
    await victim.kill();
    const { challengeId } = await begun(user);
    for (const exchange of await Promise.all(polls)) {
      expect(await phone.prompts(exchange)).toMatchObject([{ challengeId }]);
      expect(exchange.answer.headers['countersign-replica']).toContain(heir.name);
    }
  });
});
