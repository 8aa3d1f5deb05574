import { randomBytes } from 'node:crypto';
import { MfaError, type PolicyDocument } from '@countersign/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { create as createApplication } from '../application/create.ts';
import { enrol as enrolAuthenticator } from '../authenticator/enrol.ts';
import { set } from '../policy/set.ts';
import { requestOf, startHouse, type House, type Replica } from '../testing/house.ts';
import { create as createUser } from '../user/create.ts';
import { cancel } from './cancel.ts';
import { create } from './create.ts';
import { resend } from './resend.ts';
import { start } from './start.ts';
import { verify } from './verify.ts';

const RETURN = 'https://intranet.example.com/back';
let house: House;
let a: Desk;
let b: Desk;
/** Who asks; the portal acts for it. */
let intranet: AuthorisedRequest['application'];
let alice: string;
let bob: string;
let sent: string[] = [];
type Desk = ReturnType<typeof desk>;

function desk(replica: Replica) {
  return {
    ...replica,
    relyingParty: undefined,
    portalUrl: 'https://portal.example.com',
    randomBytes: (size: number) => randomBytes(size),
    settled: { number: 2 },
    trail: { record: async () => undefined },
    budgets: { reserve: async () => ({ ok: true as const }) },
    dispatcher: { hand: async ({ code }: { code: string }) => void sent.push(code) },
    wake: { publish: () => undefined, subscribe: () => undefined as never },
  };
}

const asPortal = () => requestOf({ scopes: ['portal'] });
const asIntranet = (): AuthorisedRequest => ({ ...requestOf(), application: intranet });
let version = 0;
async function allow(returnUrls: string[]): Promise<void> {
  const document: PolicyDocument = { handover: { returnUrls }, messages: { resendWaitSeconds: 0 } };
  const scope = intranet.applicationId;
  await set(a, { scope, expectedVersion: version, document }, requestOf());
  version += 1;
  await Promise.all([a, b].map(({ policies }) => policies.refresh()));
}

beforeAll(async () => {
  house = await startHouse('handover');
  [a, b] = [desk(await house.replica('a')), desk(await house.replica('b'))];
  const made = await createApplication(a, { name: 'Intranet', scopes: ['challenge'] }, requestOf());
  intranet = { applicationId: made.applicationId, name: 'Intranet', scopes: ['challenge'] };
  await Promise.all([a, b].map(({ applications }) => applications.refresh()));
  for (const username of ['alice', 'bob']) {
    const { userId } = await createUser(a, { username }, requestOf());
    await enrolAuthenticator(a, { userId, type: 'phone', phone: '+37120000011', verified: true }, requestOf());
  }
  [alice, bob] = [await linkFor('alice'), await linkFor('bob')];
});
afterAll(() => house.stop());

async function linkFor(username: string): Promise<string> {
  await allow([RETURN]);
  const { url } = await create(a, { username, returnUrl: RETURN, state: `of ${username}` }, asIntranet());
  return new URL(url).searchParams.get('request') ?? '';
}
const refusalOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: unknown) => (error instanceof MfaError ? error.code : String(error)),
  );

test('what is asked is in the language of the page that the application wants', async () => {
  const { url } = await create(a, { username: 'alice', returnUrl: RETURN, state: 's', language: 'ru' }, asIntranet());
  const request = new URL(url).searchParams.get('request') ?? '';
  const { challengeId, prompt } = await start(a, { request }, asPortal());
  expect(prompt).toMatch(/^Введите код из SMS/);
  expect((await resend(b, { request, challengeId }, asPortal())).prompt).toBe(prompt);
  await cancel(a, { request, challengeId }, asPortal());
});

test('a person answers on another replica, and goes back to where the application said', async () => {
  const { challengeId, application, username } = await start(a, { request: alice }, asPortal());
  expect([application, username]).toEqual(['Intranet', 'alice']);
  const answered = await verify(b, { request: alice, challengeId, code: sent.at(-1) ?? '' }, asPortal());
  expect(answered).toMatchObject({ returnUrl: RETURN, returnState: 'of alice' });
});

test('APP-15: nobody is sent to where the policy does not say, to the letter', async () => {
  for (const returnUrl of [`${RETURN}/`, `${RETURN}?x`, 'https://evil.example/back', RETURN.toUpperCase()]) {
    expect(await refusalOf(create(a, { username: 'alice', returnUrl, state: 's' }, asIntranet())), returnUrl).toBe(
      'REQUEST_INVALID',
    );
  }
});

test('R14: a challenge of somebody else is none of this hand-over, for any of its calls', async () => {
  const { challengeId } = await start(a, { request: bob }, asPortal());
  const code = sent.at(-1) ?? '';
  expect(await refusalOf(verify(b, { request: alice, challengeId, code }, asPortal()))).toBe('CHALLENGE_NOT_FOUND');
  expect(await refusalOf(resend(b, { request: alice, challengeId }, asPortal()))).toBe('CHALLENGE_NOT_FOUND');
  expect(await refusalOf(cancel(b, { request: alice, challengeId }, asPortal()))).toBe('CHALLENGE_NOT_FOUND');
  expect(await refusalOf(verify(b, { request: bob, challengeId, code }, asPortal()))).toBe('none');
});

test('where a return URL was taken out of the policy meanwhile, the hand-over is over', async () => {
  const { challengeId } = await start(a, { request: alice }, asPortal());
  const code = sent.at(-1) ?? '';
  await allow([]);
  try {
    const over = [
      verify(b, { request: alice, challengeId, code }, asPortal()),
      start(b, { request: alice }, asPortal()),
      resend(b, { request: alice, challengeId }, asPortal()),
      cancel(b, { request: alice }, asPortal()),
    ];
    expect(await Promise.all(over.map(refusalOf))).toEqual(over.map(() => 'CHALLENGE_CLOSED'));
  } finally {
    await allow([RETURN]);
  }
});

test('a new code takes the place of the one before; whoever gives up goes back, and no code counts any more', async () => {
  const { challengeId } = await start(a, { request: bob }, asPortal());
  const old = sent.at(-1) ?? '';
  await resend(b, { request: bob, challengeId }, asPortal());
  const code = sent.at(-1) ?? '';
  expect(code).not.toBe(old);
  expect(await refusalOf(verify(a, { request: bob, challengeId, code: old }, asPortal()))).toBe('CODE_REJECTED');
  const back = { returnUrl: RETURN, returnState: 'of bob' };
  expect(await cancel(b, { request: bob, challengeId }, asPortal())).toEqual(back);
  expect(await cancel(a, { request: bob, challengeId }, asPortal()), 'twice').toEqual(back);
  expect(await refusalOf(verify(a, { request: bob, challengeId, code }, asPortal()))).toBe('CHALLENGE_CLOSED');
});
