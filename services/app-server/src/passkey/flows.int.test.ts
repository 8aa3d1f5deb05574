import { randomBytes } from 'node:crypto';
import { MfaError } from '@countersign/contracts';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { confirm } from '../account/confirm.ts';
import { enrol } from '../account/enrol.ts';
import { get } from '../account/get.ts';
import { remove } from '../account/remove.ts';
import { rename } from '../account/rename.ts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { start as startHandover } from '../handover/start.ts';
import { verify as verifyHandover } from '../handover/verify.ts';
import { set } from '../policy/set.ts';
import { accept } from '../session/accept.ts';
import { invite } from '../session/invite.ts';
import { requestOf, startHouse, type House, type Replica } from '../testing/house.ts';
import { create } from '../user/create.ts';
import { relyingPartyOf } from './relying-party.ts';
import { SoftwareAuthenticator } from './testing/authenticator.ts';

const ORIGIN = 'https://portal.example.com';
const RETURN_URL = 'https://sts.example.com/return';
let house: House;
let a: Desk;
let b: Desk;

type Desk = ReturnType<typeof desk>;

/** What messages and the audit trail do is tested there; no test here sends any. */
function desk(replica: Replica) {
  return {
    ...replica,
    relyingParty: relyingPartyOf(ORIGIN),
    randomBytes,
    settled: { number: 2 },
    wake: { publish: () => undefined, subscribe: () => expect.unreachable() },
    trail: { record: async () => undefined },
    budgets: { reserve: async () => ({ ok: true }) as const },
    dispatcher: { hand: async () => undefined },
  };
}

beforeAll(async () => {
  house = await startHouse('passkey-flows');
  [a, b] = [desk(await house.replica('a')), desk(await house.replica('b'))];
});
afterAll(() => house.stop());

const portal = requestOf({ scopes: ['portal'] }).application;
const request = (): AuthorisedRequest => ({ ...requestOf(), application: portal });
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'ok',
    (error: unknown) => (error instanceof MfaError ? error.code : String(error)),
  );

let counter = 0;
/** Somebody who was let in to enrol a first factor, and enrolled a passkey. */
async function newcomer() {
  const user = await create(a, { username: `newcomer-${counter++}` }, requestOf());
  const { userId } = user;
  const facts = {
    sessionId: 's',
    userId,
    level: 'enrolment',
    amr: ['pwd'],
    confirmedAt: 0,
    issuedAt: Date.now(),
  } as const;
  const access = await a.evidence.issueAccess({ ...facts, endsAt: a.now() + 3_600_000 }, portal);
  const key = new SoftwareAuthenticator(ORIGIN);
  const { authenticatorId, passkey = {} } = await enrol(a, { access, type: 'passkey' }, request());
  const confirmed = await confirm(b, { access, authenticatorId, passkey: key.create(passkey) }, request());
  return { user, key, authenticatorId, confirmed };
}

test('R16: a first passkey turns the session of a newcomer into a full one, and signs in alone from then on', async () => {
  const { user, key, authenticatorId, confirmed } = await newcomer();
  expect(confirmed).toMatchObject({ state: 'active' });
  const view = await get(b, { access: confirmed.access ?? '' }, request());
  expect(view).toMatchObject({ level: 'full', methods: ['passkey'] });
  expect(view.factors).toMatchObject([{ authenticatorId, type: 'passkey', state: 'active', synced: false }]);

  const { invitation, passkey } = await invite(a, {}, request());
  const opened = await accept(b, { invitation, passkey: key.get(passkey) }, request());
  expect(opened).toMatchObject({ level: 'full', userId: user.userId, username: user.username });
  expect(decodeJwt(opened.access)).toMatchObject({ level: 'full', amr: ['pop', 'user', 'mfa'] });
  expect(Date.parse(opened.freshUntil)).toBeGreaterThan(a.now() + 200_000);
});

test('APP-08, AAL-25: passkeys are added, named and taken away by who has just proved one, and the last one stays', async () => {
  const { authenticatorId, confirmed } = await newcomer();
  const access = confirmed.access ?? '';
  const spare = new SoftwareAuthenticator(ORIGIN);
  const second = await enrol(a, { access, type: 'passkey', label: 'Spare' }, request());
  const answer = { access, authenticatorId: second.authenticatorId, passkey: spare.create(second.passkey ?? {}) };
  expect(await confirm(b, answer, request())).toEqual({ authenticatorId: second.authenticatorId, state: 'active' });
  await rename(a, { access, authenticatorId, label: 'Laptop' }, request());
  const labels = (await get(b, { access }, request())).factors.map(({ label }) => label);
  expect(labels.toSorted()).toEqual(['Laptop', 'Spare']);

  a.advance(301_000);
  expect(await codeOf(enrol(a, { access, type: 'passkey' }, request()))).toBe('STEP_UP_NEEDED');
  expect(await codeOf(remove(a, { access, authenticatorId }, request()))).toBe('STEP_UP_NEEDED');
  a.advance(-301_000);
  await remove(a, { access, authenticatorId }, request());
  const last = { access, authenticatorId: second.authenticatorId };
  expect(await codeOf(remove(b, last, request()))).toBe('LAST_AUTHENTICATOR');
});

test('R14: a hand-over is answered with a passkey, and the result is the application’s, for this request alone', async () => {
  const { user, key } = await newcomer();
  const policy = { handover: { returnUrls: [RETURN_URL] } };
  await set(a, { scope: 'global', expectedVersion: 0, document: policy }, requestOf());
  await b.policies.refresh();
  const { application } = requestOf();
  const applications = { all: () => [{ ...application, name: 'AD FS' }] };
  const handover = await a.evidence.issueHandover({
    applicationId: application.applicationId,
    applicationName: 'AD FS',
    username: user.username.toUpperCase(),
    returnUrl: RETURN_URL,
    state: 'x'.repeat(16),
    endsAt: a.now() + 600_000,
  });
  const on = (one: Desk) => ({ ...one, applications: applications as never });
  const started = await startHandover(on(a), { request: handover }, request());
  expect(started).toMatchObject({ method: 'passkey', application: 'AD FS' });
  const { challengeId, passkey = {} } = started;
  const other = await newcomer();
  const theirs = other.key.get(passkey, { credentialId: other.key.passkeys[0]?.credentialId ?? '' });
  const wrong = { request: handover, challengeId, passkey: theirs };
  expect(await codeOf(verifyHandover(on(a), wrong, request()))).toBe('CODE_REJECTED');
  const right = { request: handover, challengeId, passkey: key.get(passkey) };
  const { result, returnUrl } = await verifyHandover(on(b), right, request());
  expect(returnUrl).toBe(RETURN_URL);
  expect(decodeJwt(result)).toMatchObject({ aud: application.applicationId, sub: user.userId, challenge: challengeId });
  expect(decodeJwt(result)).toMatchObject({ state: 'x'.repeat(16), asked: user.username.toUpperCase() });
  expect(await codeOf(verifyHandover(on(a), right, request()))).toBe('CHALLENGE_CLOSED');
});
