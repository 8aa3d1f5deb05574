import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose';
import { authenticatorEnrol } from '@countersign/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Answer, Client } from '../client.ts';
import { HttpPhone, linkOf, Refused } from '../phone.ts';
import { startStack, type Replica, type Stack, type TestUser } from '../stack.ts';

type Pair<T> = [T, T];

let stack: Stack;
let gateways: Pair<string>;
let mobiles: Pair<string>;
let mobileReplicas: Pair<Replica>;
/** Whoever has no key: phones. */
let phones: Client;

beforeAll(async () => {
  stack = await startStack({ mobileServices: 2 });
  mobileReplicas = stack.mobiles as unknown as Pair<Replica>;
  gateways = stack.gateways.map(({ url }) => url) as Pair<string>;
  mobiles = stack.mobiles.map(({ url }) => url) as Pair<string>;
  phones = stack.clientAs({});
});
afterAll(() => stack?.stop());

const refusalOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'none',
    (error: unknown) => (error instanceof Refused ? [error.answer.status, error.answer.body.code] : error),
  );

async function withPhone(): Promise<{ user: TestUser; phone: HttpPhone }> {
  const user = await stack.addUser({ phone: false });
  const { uri = '' } = await stack.admin(authenticatorEnrol, { userId: user.userId, type: 'app' });
  return { user, phone: await HttpPhone.activate(phones, mobiles[0], uri) };
}

const start = ({ username }: TestUser, gateway = gateways[1]): Promise<Answer> =>
  stack.client.start(gateway, {
    username,
    method: 'app',
    context: { ip: '203.0.113.7', device: 'Firefox on Debian', location: 'Riga' },
  });

async function started(user: TestUser): Promise<{ challengeId: string; number: string }> {
  const { status, body, text } = await start(user);
  expect(status, text).toBe(201);
  return { challengeId: body.challengeId ?? '', number: String(body['number']) };
}

const claim = (gateway: string, challengeId: string): Promise<Answer> =>
  stack.client.request(gateway, 'POST', `/v1/challenges/${challengeId}/claim`);

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
    return { link: String(body['uri']), typed: String(body['activationCode']) };
  };
  const [scanned, typed] = [await begin('Scanned'), await begin('Typed')];
  const link = await linkOf(phones, mobiles[1], typed.typed);
  const [one, two] = [
    await HttpPhone.activate(phones, mobiles[0], scanned.link),
    await HttpPhone.activate(phones, mobiles[1], link),
  ];
  expect(one.phone.deviceId).not.toBe(two.phone.deviceId);
  for (const used of [scanned.link, link]) {
    for (const mobile of mobiles) {
      expect(await refusalOf(HttpPhone.activate(phones, mobile, used))).toEqual([404, 'ACTIVATION_NOT_FOUND']);
    }
  }
  expect(await refusalOf(linkOf(phones, mobiles[0], typed.typed))).toEqual([404, 'ACTIVATION_NOT_FOUND']);
  for (const [phone, mobile] of [
    [one, mobiles[1]],
    [two, mobiles[0]],
  ] as const) {
    expect(await phone.poll(mobile)).toEqual([]);
  }
});

test('a login: started on one gateway, waited for on the other, shown on one replica, approved on the other, its result fetched once', async () => {
  const { user, phone } = await withPhone();
  const polled = phone.poll(mobiles[0], { wait: 25 });
  await new Promise((resolve) => setTimeout(resolve, 500));
  const startedAt = performance.now();
  const { challengeId, number } = await started(user);
  const waiting = stack.client.get(gateways[0], challengeId, 30);
  const prompts = await polled;
  const shownMs = performance.now() - startedAt;
  expect(prompts).toMatchObject([
    {
      challengeId,
      displayed: {
        user: user.username,
        application: stack.application.name,
        source: '203.0.113.7, Riga, Firefox on Debian',
      },
    },
  ]);
  expect(shownMs, 'and not after the wait').toBeLessThan(10_000);
  const outcome = await phone.answer(mobiles[1], prompts[0]!, { decision: 'approve', number });
  expect(outcome).toMatchObject({ state: 'approved', counted: true });
  const { body, ms } = await waiting;
  expect(body).toMatchObject({ challengeId, state: 'approved' });
  expect(ms).toBeLessThan(15_000);

  const claimed = await claim(gateways[1], challengeId);
  expect(claimed.status, claimed.text).toBe(200);
  const keys = await stack.client.request(gateways[0], 'GET', '/.well-known/jwks.json');
  const { payload } = await jwtVerify(
    claimed.body.result ?? '',
    createLocalJWKSet(keys.body as unknown as JSONWebKeySet),
    { issuer: 'https://mfa.example.test', algorithms: ['ES256'] },
  );
  expect(payload).toMatchObject({
    sub: user.userId,
    jti: challengeId,
    aud: stack.application.applicationId,
    amr: ['pop', 'user', 'mca'],
  });
  for (const gateway of gateways) {
    const again = await claim(gateway, challengeId);
    expect([again.status, again.body.code]).toEqual([409, 'CHALLENGE_CLOSED']);
  }
});
