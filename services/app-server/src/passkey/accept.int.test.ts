import { randomBytes } from 'node:crypto';
import { DEFAULT_POLICY, MfaError } from '@countersign/contracts';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { TrailEvent } from '../audit/trail.ts';
import { remove } from '../authenticator/remove.ts';
import { invite } from '../session/invite.ts';
import { requestOf, startHouse, type House, type Replica } from '../testing/house.ts';
import { create } from '../user/create.ts';
import { get } from '../user/get.ts';
import { update } from '../user/update.ts';
import { acceptPasskey } from './accept.ts';
import { confirmPasskey } from './confirm.ts';
import { enrolPasskey } from './enrol.ts';
import { relyingPartyOf } from './relying-party.ts';
import { SoftwareAuthenticator, type Switches } from './testing/authenticator.ts';

const ORIGIN = 'https://portal.example.com';
const relyingParty = relyingPartyOf(ORIGIN);
let house: House;
let a: Desk;
let b: Desk;
let trail: TrailEvent[];

type Desk = ReturnType<typeof desk>;

function desk(replica: Replica) {
  return {
    ...replica,
    relyingParty,
    randomBytes,
    settled: { number: 2 },
    trail: { record: async (event: TrailEvent) => void trail.push(event) },
  };
}

beforeAll(async () => {
  house = await startHouse('accept');
  [a, b] = [desk(await house.replica('a')), desk(await house.replica('b'))];
});
afterAll(() => house.stop());
beforeEach(() => {
  trail = [];
});

let counter = 0;
const portal = requestOf().application;
const request = (attemptId?: string): AuthorisedRequest => ({
  ...requestOf(attemptId === undefined ? {} : { attemptId }),
  application: portal,
});

async function enrolled(switches: Switches = {}) {
  const user = await create(a, { username: `guest-${counter++}` }, requestOf());
  const key = new SoftwareAuthenticator(ORIGIN);
  const { authenticatorId, passkey } = await enrolPasskey(a, { user }, request());
  await confirmPasskey(a, { user, authenticatorId, passkey: key.create(passkey ?? {}, switches) }, request());
  return { user, key, authenticatorId };
}

/** What the browser posts after it was invited. */
async function answered(key: SoftwareAuthenticator, switches: Switches = {}) {
  const { invitation, passkey } = await invite(a, {}, request());
  return { invitation, passkey: key.get(passkey, switches) };
}

const accept = (on: Desk, input: Parameters<typeof acceptPasskey>[3], by = request()) =>
  acceptPasskey(on, relyingParty, DEFAULT_POLICY.passkeys, input, by);
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'ok',
    (error: unknown) => (error instanceof MfaError ? error.code : String(error)),
  );

test('somebody whom nobody named is told by their passkey, on whichever replica', async () => {
  const { user, key, authenticatorId } = await enrolled();
  const { invitation, passkey } = await invite(a, {}, request());
  expect(passkey).toMatchObject({ rpId: 'portal.example.com', userVerification: 'required', allowCredentials: [] });
  const accepted = await accept(b, { invitation, passkey: key.get(passkey) });
  expect(accepted).toMatchObject({ user: { userId: user.userId, username: user.username }, authenticatorId });
});

test('R1, WEB-02: 50 posts of one answer to two replicas, and one is let in; a late one is not', async () => {
  const { key } = await enrolled();
  const input = await answered(key);
  const outcomes = await Promise.all(
    Array.from({ length: 50 }, (_, index) => codeOf(accept(index % 2 === 0 ? a : b, input))),
  );
  expect(outcomes.filter((outcome) => outcome === 'ok')).toHaveLength(1);
  expect(outcomes.filter((outcome) => !['ok', 'CHALLENGE_CLOSED', 'UNAVAILABLE'].includes(outcome))).toEqual([]);
  for (let later = 0; later < 6; later += 1) await accept(a, await answered(key));
  expect(await codeOf(accept(b, input))).toBe('CHALLENGE_CLOSED');
});

test('INV-21: an attempt that is repeated on another replica hears that it was let in', async () => {
  const { key } = await enrolled();
  const input = await answered(key);
  const first = await accept(a, input, request('once'));
  expect(await accept(b, input, request('once'))).toEqual(first);
  // However much happens between.
  const by = { append: { type: 'user.unblocked', reason: 'none', by: 'desk' } } as const;
  for (let count = 0; count < 10; count += 1) {
    await a.ledger.act(first.user.userId, crypto.randomUUID(), () => by, requestOf());
  }
  expect(await accept(b, input, request('once'))).toEqual(first);
});

test.each<[string, Switches]>([
  ['that was not unlocked', { uv: false }],
  ['that names nobody', { userHandle: null }],
  ['that names somebody else', { userHandle: Buffer.alloc(64, 1).toString('base64url') }],
  ['to another question', { challenge: Buffer.alloc(32, 1).toString('base64url') }],
  ['of another page', { origin: 'https://evil.example' }],
  ['with another signature', { spoiled: true }],
])('WEB-04, WEB-05: an answer %s is refused, audited, and writes nothing to the ledger', async (_name, switches) => {
  const { user, key } = await enrolled();
  const before = await a.ledger.peek(user.userId);
  expect(await codeOf(accept(a, await answered(key, switches)))).toBe('CREDENTIALS_REJECTED');
  expect(trail).toMatchObject([{ type: 'session.refused', userId: user.userId, method: 'passkey' }]);
  expect(await a.ledger.peek(user.userId)).toEqual(before);
});

test('a passkey that nobody has is refused in the same way', async () => {
  const { key } = await enrolled();
  const input = await answered(key);
  input.passkey.id = input.passkey.rawId = randomBytes(32).toString('base64url');
  expect(await codeOf(accept(a, input))).toBe('CREDENTIALS_REJECTED');
  expect(trail).toMatchObject([{ type: 'session.refused', reason: 'credential' }]);
});

test('WEB-02: an invitation of another application, or of five minutes ago, is none', async () => {
  const { key } = await enrolled();
  const input = await answered(key);
  expect(await codeOf(accept(a, input, requestOf()))).toBe('CHALLENGE_CLOSED');
  b.advance(301_000);
  expect(await codeOf(accept(b, input))).toBe('CHALLENGE_CLOSED');
  b.advance(-301_000);
});

test('R17: whoever is disabled, blocked or has lost the passkey hears what a stranger hears', async () => {
  const ends: ((userId: string, authenticatorId: string) => Promise<unknown>)[] = [
    (userId) => update(a, { userId, status: 'disabled' }, requestOf()),
    (userId) =>
      a.ledger.act(
        userId,
        crypto.randomUUID(),
        () => ({ append: { type: 'user.blocked', reason: 'lost', by: 'desk' } }),
        requestOf(),
      ),
    (userId, authenticatorId) => remove(a, { userId, authenticatorId }, requestOf()),
  ];
  for (const end of ends) {
    const { user, key, authenticatorId } = await enrolled();
    const input = await answered(key);
    await end(user.userId, authenticatorId);
    const refusal = await accept(b, input).catch((error: unknown) => error as MfaError);
    expect(refusal).toMatchObject({ code: 'CREDENTIALS_REJECTED', detail: 'The passkey was not accepted.' });
  }
});

test('WEB-06: the counter counts here as well', async () => {
  const { key } = await enrolled({ signCount: 4 });
  expect(await codeOf(accept(a, await answered(key, { signCount: 4 })))).toBe('CREDENTIALS_REJECTED');
  expect(await codeOf(accept(a, await answered(key, { signCount: 5 })))).toBe('ok');
});

test('nobody is invited where the policy or the configuration has no passkey alone', async () => {
  const policies = {
    effective: () => ({ ...DEFAULT_POLICY, portal: { ...DEFAULT_POLICY.portal, signIn: ['password'] } }),
  };
  expect(await codeOf(invite({ ...a, policies: policies as never }, {}, request()))).toBe('NOT_ALLOWED');
  expect(await codeOf(invite({ ...a, relyingParty: undefined }, {}, request()))).toBe('NOT_ALLOWED');
});

test('HA-31: a passkey is seen and taken away as any authenticator, from the ledger first', async () => {
  const { user, authenticatorId } = await enrolled();
  const { userId } = user;
  expect((await get(b, { userId })).authenticators).toMatchObject([
    { authenticatorId, type: 'passkey', state: 'active' },
  ]);
  await remove(a, { userId, authenticatorId }, requestOf());
  expect((await get(b, { userId })).authenticators).toEqual([]);
  expect(await codeOf(remove(a, { userId, authenticatorId }, requestOf()))).toBe('AUTHENTICATOR_NOT_FOUND');
});
