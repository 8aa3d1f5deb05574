import { randomBytes } from 'node:crypto';
import { MfaError, type DeviceAssertion, type PasskeyOptions, type PolicyDocument } from '@countersign/contracts';
import {
  generateKeyPair,
  passkeyChallenge,
  passkeyThumbprint,
  removalChallenge,
  signRotation,
  verifyEvidence,
  type Answer,
  type Prompt,
} from '@countersign/device-protocol';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { redeem } from '../activation/redeem.ts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { create as createApplication } from '../application/create.ts';
import { projectLedger } from '../audit/of-ledger.ts';
import type { TrailEvent } from '../audit/trail.ts';
import { enrol as enrolAuthenticator } from '../authenticator/enrol.ts';
import { get } from '../challenge/get.ts';
import { start } from '../challenge/start.ts';
import { natsWake } from '../challenge/wake.ts';
import { memoryStore } from '../dispatch/testing/memory-store.ts';
import { UNDIVIDED } from '../ledger/partition.ts';
import { SoftwareAuthenticator, type Switches } from '../passkey/testing/authenticator.ts';
import { set } from '../policy/set.ts';
import { requestOf, startHouse, type House, type Replica } from '../testing/house.ts';
import { create as createUser } from '../user/create.ts';
import { answer } from './answer.ts';
import { confirm } from './confirm.ts';
import { enrol } from './enrol.ts';
import { forget } from './forget.ts';
import { heldPasskey } from './held-passkey.ts';
import { poll } from './poll.ts';
import { rotate } from './rotate.ts';
import { readByThumbprint } from './store.ts';
import { Phone, redemption } from './testing/phone.ts';

const ORIGIN = 'https://phones.example.com';
let house: House;
let a: Desk;
let b: Desk;
let application: AuthorisedRequest['application'];
const trailed: TrailEvent[] = [];
type Desk = ReturnType<typeof desk>;

function desk(replica: Replica) {
  return {
    ...replica,
    limits: memoryStore(),
    relyingParty: undefined,
    randomBytes: (size: number) => randomBytes(size),
    trail: { record: async (event: TrailEvent) => void trailed.push(event) },
    budgets: { reserve: async () => ({ ok: true as const }) },
    dispatcher: { hand: async () => undefined },
    wake: natsWake(replica.nats),
  };
}

const asApplication = (): AuthorisedRequest => ({ ...requestOf(), application });
const asEdge = () => ({ ...requestOf({ scopes: ['device'] }), deadline: Date.now() + 30_000 });
const refusalOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: unknown) => (error instanceof MfaError ? error.code : String(error)),
  );
let names = 0;
let version = 0;

async function policy(document: PolicyDocument): Promise<void> {
  await set(a, { scope: 'global', expectedVersion: version, document }, requestOf());
  version += 1;
  await Promise.all([a, b].map(({ policies }) => policies.refresh()));
}

beforeAll(async () => {
  house = await startHouse('device-passkey');
  [a, b] = [desk(await house.replica('a')), desk(await house.replica('b'))];
  const made = await createApplication(a, { name: 'Intranet', scopes: ['challenge'] }, requestOf());
  application = { applicationId: made.applicationId, name: 'Intranet', scopes: ['challenge'] };
  await Promise.all([a, b].map(({ applications }) => applications.refresh()));
});
afterAll(() => house.stop());
beforeEach(() => {
  trailed.length = 0;
});

interface Owner {
  userId: string;
  username: string;
}

async function withPhone(): Promise<{ owner: Owner; phone: Phone; browser: SoftwareAuthenticator }> {
  names += 1;
  const username = `person${names}`;
  const { userId } = await createUser(a, { username }, requestOf());
  // Where notices go.
  const phoneNumber = `+3712000${1000 + names}`;
  await enrolAuthenticator(a, { userId, type: 'phone', phone: phoneNumber, verified: true }, requestOf());
  const { uri = '' } = await enrolAuthenticator(a, { userId, type: 'app' }, requestOf());
  const redeemed = await redemption(uri);
  const { activated } = await redeem(b, redeemed.input, asEdge());
  const phone = await Phone.of(activated, redeemed);
  return { owner: { userId, username }, phone, browser: new SoftwareAuthenticator(ORIGIN) };
}

async function optionsFor(phone: Phone, on = a) {
  const { request } = await phone.sign('/v1/device/passkey/enrol', {});
  return enrol(on, { request }, asEdge());
}

/** On one replica and another. */
async function addPasskey(phone: Phone, browser: SoftwareAuthenticator, how: Switches = {}, lateMs = 0) {
  const { enrolment } = await optionsFor(phone);
  if (enrolment === undefined) throw new Error('it has one');
  const registration = browser.create(enrolment.options, how);
  const issuedAt = enrolment.issuedAt - lateMs;
  const { request } = await phone.sign('/v1/device/passkey/confirm', { issuedAt, registration });
  return confirm(b, { request }, asEdge());
}

async function withPasskey(how: Switches = {}) {
  const made = await withPhone();
  const { credentialId, keyThumbprint } = await addPasskey(made.phone, made.browser, how);
  return { ...made, credentialId, keyThumbprint };
}

async function prompted({ username }: Owner, phone: Phone) {
  const { challengeId, number = '' } = await start(a, { username, method: 'app' }, asApplication());
  const { request, nonce } = await phone.sign('/v1/device/poll', { keySet: phone.keySet.version, wait: 0 });
  const said = await poll(b, { request }, asEdge());
  if ('noNews' in said) throw new Error('the phone was not asked');
  const prompts = await phone.read(said, nonce);
  const prompt = prompts.find((one) => one.challengeId === challengeId);
  if (prompt === undefined) throw new Error('the phone was not asked');
  return { challengeId, number, prompt };
}

function asserted(browser: SoftwareAuthenticator, challenge: string, how: Switches = {}): DeviceAssertion {
  const options = { challenge, rpId: 'phones.example.com' } as unknown as PasskeyOptions;
  const { id, response } = browser.get(options, how);
  const { clientDataJSON, authenticatorData, signature } = response;
  return { credentialId: id, clientDataJSON, authenticatorData, signature };
}

async function send(phone: Phone, decision: string, passkey?: DeviceAssertion, on = b) {
  const { request, nonce } = await phone.sign('/v1/device/answer', { decision, passkey });
  const { outcome } = await answer(on, { request }, asEdge());
  return { outcome, nonce };
}

/** Confirmed by whatever is in the browser, unless it is said otherwise. */
async function approved(phone: Phone, prompt: Prompt, number: string, browser?: SoftwareAuthenticator, how?: Switches) {
  const decision = await phone.decide(prompt, { decision: 'approve', number });
  const passkey = browser === undefined ? undefined : asserted(browser, await passkeyChallenge(decision), how);
  const { outcome, nonce } = await send(phone, decision, passkey);
  return phone.outcome(outcome, prompt.challengeId, nonce);
}

async function said(phone: Phone, prompt: Prompt, answered: Answer) {
  const { outcome, nonce } = await send(phone, await phone.decide(prompt, answered));
  return phone.outcome(outcome, prompt.challengeId, nonce);
}

const stateOf = async (challengeId: string) => (await get(b, { challengeId }, asApplication())).state;

/** As the audit has the last event of a person. */
async function lastEvent({ userId }: Owner) {
  const { prefix } = UNDIVIDED;
  const message = await a.manager.streams.getMessage(UNDIVIDED.stream, { last_by_subj: prefix + userId });
  if (message === null) throw new Error('nothing was appended');
  const { row } = projectLedger(prefix)({
    sequence: message.seq,
    subject: message.subject,
    data: message.data,
    storedAt: message.time.getTime(),
  });
  return row as typeof row & { detail: { evidence?: unknown; userVerified?: boolean } };
}

async function administration({ userId }: Owner): Promise<{ type: string; detail: unknown }[]> {
  const rows = await a.router.read(
    (db) =>
      db
        .selectFrom('audit_event')
        .select(['type', 'detail'])
        .where('user_id', '=', userId)
        .where('stream', '=', 'administration')
        .orderBy('at')
        .execute(),
    { from: 'primary' },
  );
  return rows.map(({ type, detail }) => ({ type, detail }));
}

const noticesOf = async ({ userId }: Owner) =>
  (
    await a.router.read((db) => db.selectFrom('notice').select('kind').where('user_id', '=', userId).execute(), {
      from: 'primary',
    })
  ).map(({ kind }) => kind);

describe('a phone gets a passkey', () => {
  test('by one replica and another; its owner is told, and it is in the audit', async () => {
    const { owner, phone, browser } = await withPhone();
    const { enrolment } = await optionsFor(phone);
    expect(enrolment?.options).toMatchObject({
      rp: { id: 'phones.example.com' },
      user: { name: owner.username },
      authenticatorSelection: { userVerification: 'required', residentKey: 'discouraged' },
    });
    const added = await addPasskey(phone, browser);
    expect(added.credentialId).toBe(browser.passkeys[0]?.credentialId);
    expect(await noticesOf(owner)).toContain('app-passkey.added');
    expect((await administration(owner)).at(-1)).toMatchObject({
      type: 'device.confirm',
      detail: { deviceId: phone.deviceId, passkeyThumbprint: added.keyThumbprint },
    });
    expect(await optionsFor(phone, b), 'and is told of it when it asks again').toEqual({ passkey: added });
  });

  test('the same one, handed over again, stays; another one is refused', async () => {
    const { owner, phone, browser } = await withPhone();
    const { enrolment } = await optionsFor(phone);
    const [first, second] = [browser.create(enrolment?.options ?? {}), browser.create(enrolment?.options ?? {})];
    const hand = async (registration: typeof first) => {
      const { request } = await phone.sign('/v1/device/passkey/confirm', {
        issuedAt: enrolment?.issuedAt ?? 0,
        registration,
      });
      return confirm(b, { request }, asEdge());
    };
    expect(await hand(first)).toEqual(await hand(first));
    expect(await refusalOf(hand(second))).toBe('REQUEST_INVALID');
    expect((await noticesOf(owner)).filter((kind) => kind === 'app-passkey.added')).toHaveLength(1);
  });

  test.each<[string, Switches]>([
    ['on a page of another origin', { origin: 'https://phones.example.com:8443' }],
    ['on another host', { rpId: 'example.com' }],
    ['by nobody who was verified', { uv: false }],
    ['to another challenge', { challenge: 'A'.repeat(43) }],
    ['in a frame', { crossOrigin: true }],
  ])('not one that was made %s', async (_, how) => {
    const { phone, browser } = await withPhone();
    expect(await refusalOf(addPasskey(phone, browser, how))).toBe('PASSKEY_REJECTED');
    expect(await optionsFor(phone)).toHaveProperty('enrolment');
  });

  test('not by what was made for another phone, or too long ago', async () => {
    const { phone, browser } = await withPhone();
    const { phone: another } = await withPhone();
    const { enrolment } = await optionsFor(another);
    const { issuedAt = 0, options = {} } = enrolment ?? {};
    const body = { issuedAt, registration: browser.create(options) };
    const { request } = await phone.sign('/v1/device/passkey/confirm', body);
    expect(await refusalOf(confirm(b, { request }, asEdge()))).toBe('PASSKEY_REJECTED');
    expect(await refusalOf(addPasskey(phone, browser, {}, 1)), 'issued at another time').toBe('PASSKEY_REJECTED');
    const late = await another.sign('/v1/device/passkey/confirm', body);
    b.advance(300_001);
    another.aheadMs = 300_001;
    try {
      const again = await another.sign('/v1/device/passkey/confirm', body);
      expect(await refusalOf(confirm(b, { request: again.request }, asEdge()))).toBe('PASSKEY_REJECTED');
    } finally {
      b.advance(-300_001);
    }
    expect(await refusalOf(confirm(b, { request: late.request }, asEdge())), 'in time').toBe('none');
  });

  test('no two phones have one', async () => {
    const { browser, credentialId } = await withPasskey();
    const { phone: another } = await withPhone();
    expect(await refusalOf(addPasskey(another, browser, { credentialId }))).toBe('PASSKEY_REJECTED');
  });

  test('not one of a kind that the policy does not take', async () => {
    await policy({ passkeys: { syncable: false } });
    try {
      const { phone, browser } = await withPhone();
      expect(await refusalOf(addPasskey(phone, browser, { be: true }))).toBe('KEY_NOT_ACCEPTED');
      expect(await refusalOf(addPasskey(phone, browser))).toBe('none');
    } finally {
      await policy({});
    }
  });

  test('where the app has no name there is none', async () => {
    const { phone } = await withPhone();
    const nameless = { ...a, deviceUrl: 'https://192.0.2.1:8443' };
    expect(await refusalOf(optionsFor(phone, nameless))).toBe('NOT_ALLOWED');
  });
});

describe('DEV-35: an approval', () => {
  test('is confirmed by the passkey, and anybody can check that later without us', async () => {
    const { owner, phone, browser, keyThumbprint } = await withPasskey();
    const { challengeId, number, prompt } = await prompted(owner, phone);
    expect(await approved(phone, prompt, number, browser)).toMatchObject({ state: 'approved', counted: true });
    const { type, detail } = await lastEvent(owner);
    expect({ type, userVerified: detail.userVerified }).toEqual({ type: 'challenge.approved', userVerified: true });
    const evidence: unknown = JSON.parse(JSON.stringify(detail.evidence));
    expect(await verifyEvidence(evidence, { challengeId })).toMatchObject({
      outcome: 'verified',
      keyThumbprint: phone.key.thumbprint,
      passkeyThumbprint: keyThumbprint,
    });
    const elsewhere = detail.evidence as { passkey: { origin: string } };
    const moved = { ...elsewhere, passkey: { ...elsewhere.passkey, origin: 'https://evil.example' } };
    expect(await verifyEvidence(moved, { challengeId })).toMatchObject({ reason: 'passkey_origin' });
  });

  const wrong: [string, string, Switches][] = [
    ['another hash', 'passkey_challenge', { challenge: 'A'.repeat(43) }],
    ['a registration', 'passkey_challenge', { type: 'webauthn.create' }],
    ['another origin', 'passkey_origin', { origin: 'https://portal.example.com' }],
    ['a page in a frame', 'passkey_origin', { crossOrigin: true }],
    ['another relying party', 'passkey_relying_party', { rpId: 'example.com' }],
    ['nobody who was verified', 'passkey_not_verified', { uv: false }],
    ['nobody who was there', 'passkey_not_verified', { up: false }],
    ['another signature', 'passkey_not_signed', { spoiled: true }],
    ['a key that says now that it can be copied', 'passkey_backup', { be: true }],
  ];
  test.each(wrong)(
    'DEV-34: is refused with the assertion of %s, audited, and can be repeated',
    async (_, reason, how) => {
      const { owner, phone, browser } = await withPasskey();
      const { challengeId, number, prompt } = await prompted(owner, phone);
      expect(await refusalOf(approved(phone, prompt, number, browser, how))).toBe('PASSKEY_REJECTED');
      expect(trailed).toContainEqual(expect.objectContaining({ type: 'device.refused', reason, challengeId }));
      expect(await stateOf(challengeId)).toBe('pending');
      expect((await approved(phone, prompt, number, browser)).state).toBe('approved');
    },
  );

  test('is refused with the passkey of somebody else, or of nobody', async () => {
    const { owner, phone } = await withPasskey();
    const { browser: theirs } = await withPasskey();
    const { challengeId, number, prompt } = await prompted(owner, phone);
    expect(await refusalOf(approved(phone, prompt, number, theirs))).toBe('PASSKEY_REJECTED');
    expect(trailed).toContainEqual(expect.objectContaining({ reason: 'passkey_unknown', challengeId }));
    const bare = await withPhone();
    const asked = await prompted(bare.owner, bare.phone);
    expect(await refusalOf(approved(bare.phone, asked.prompt, asked.number, theirs))).toBe('PASSKEY_REJECTED');
  });

  test('with an assertion over another answer to the same prompt is refused', async () => {
    const { owner, phone, browser } = await withPasskey();
    const { number, prompt } = await prompted(owner, phone);
    const other = await phone.decide(prompt, { decision: 'approve', number: number === '111' ? '222' : '111' });
    const passkey = asserted(browser, await passkeyChallenge(other));
    const decision = await phone.decide(prompt, { decision: 'approve', number });
    expect(await refusalOf(send(phone, decision, passkey))).toBe('PASSKEY_REJECTED');
  });

  test('of a phone that has a passkey needs it, also where the policy does not, and whatever the number', async () => {
    const { owner, phone, browser } = await withPasskey();
    const { challengeId, number, prompt } = await prompted(owner, phone);
    const wrongNumber = number === '111' ? '222' : '111';
    expect(await refusalOf(approved(phone, prompt, number))).toBe('PASSKEY_NEEDED');
    expect(await refusalOf(approved(phone, prompt, wrongNumber)), 'the number is not told').toBe('PASSKEY_NEEDED');
    expect(await stateOf(challengeId)).toBe('pending');
    expect((await approved(phone, prompt, number, browser)).state).toBe('approved');
  });

  test('of a phone that got a passkey needs it also of who remembers the phone without one, while no node answers', async () => {
    const { owner, phone, browser } = await withPhone();
    const { challengeId, number, prompt } = await prompted(owner, phone);
    // By one replica and another, which have seen it without.
    await addPasskey(phone, browser);
    for (const { nats } of [b, a]) await nats.flush();
    const decision = await phone.decide(prompt, { decision: 'approve', number });
    await house.whileHung(house.pair.nodes, async () => {
      for (const on of [a, b]) {
        expect(await refusalOf(send(phone, decision, undefined, on))).toMatch(/^(PRIMARY_)?UNAVAILABLE$/);
      }
    });
    expect(await stateOf(challengeId)).toBe('pending');
    expect((await approved(phone, prompt, number, browser)).state).toBe('approved');
  });

  test('of a phone whose passkey is of a kind that this release does not know counts for nothing', async () => {
    const { owner, phone } = await withPhone();
    const { challengeId, number, prompt } = await prompted(owner, phone);
    await a.router.write((db) =>
      db
        .updateTable('device')
        .set({
          passkey_credential_id: randomBytes(16),
          passkey_key: JSON.stringify({ kty: 'OKP', crv: 'Ed448', x: 'A'.repeat(76) }),
          passkey_backup_eligible: false,
        })
        .where('device_id', '=', phone.deviceId)
        .execute(),
    );
    expect(await refusalOf(approved(phone, prompt, number))).toMatch(/^TypeError/);
    expect(await stateOf(challengeId)).toBe('pending');
  });

  test('is confirmed by a passkey that only the primary has heard of yet', async () => {
    const { phone, browser, keyThumbprint } = await withPasskey();
    const device = await readByThumbprint(a.router, phone.key.thumbprint, { from: 'primary' });
    if (device === undefined) throw new Error('no device');
    const challenge = 'c'.repeat(43);
    const held = await heldPasskey(b, { ...device, passkey: undefined }, asserted(browser, challenge), challenge);
    expect('key' in held && (await passkeyThumbprint(held.key))).toBe(keyThumbprint);
  });

  test('sent again is answered as it was', async () => {
    const { owner, phone, browser } = await withPasskey();
    const { challengeId, number, prompt } = await prompted(owner, phone);
    const decision = await phone.decide(prompt, { decision: 'approve', number });
    const passkey = asserted(browser, await passkeyChallenge(decision));
    for (const on of [a, b]) {
      const { outcome, nonce } = await send(phone, decision, passkey, on);
      expect((await phone.outcome(outcome, challengeId, nonce)).state).toBe('approved');
    }
  });

  test('needs none to be denied or reported', async () => {
    const { owner, phone } = await withPasskey();
    const first = await prompted(owner, phone);
    expect((await said(phone, first.prompt, { decision: 'deny' })).state).toBe('denied');
    const second = await prompted(owner, phone);
    expect((await said(phone, second.prompt, { decision: 'fraud' })).state).toBe('denied');
  });

  test('goes on with the passkey after the key of the phone was changed', async () => {
    const { owner, phone, browser } = await withPasskey();
    const next = await generateKeyPair();
    const change = { v: 1, deviceId: phone.deviceId, from: phone.key.thumbprint, to: next.thumbprint, at: Date.now() };
    const rotation = await signRotation({ ...change, v: 1 }, next.privateKey);
    const { request } = await phone.sign('/v1/device/rotate', { key: next.publicKey, rotation });
    await rotate(b, { request }, asEdge());
    expect(await noticesOf(owner), 'AAL-26: of which its owner is told').toContain('app.changed');
    phone.key = next;
    const { number, prompt } = await prompted(owner, phone);
    expect(await refusalOf(approved(phone, prompt, number))).toBe('PASSKEY_NEEDED');
    expect((await approved(phone, prompt, number, browser)).state).toBe('approved');
  });
});

describe('DEV-34: where the policy demands it', () => {
  beforeAll(() => policy({ app: { userVerification: 'passkey' } }));
  afterAll(() => policy({}));

  test('a phone without a passkey approves nothing until it has one, and denies all the same', async () => {
    const { owner, phone, browser } = await withPhone();
    const { challengeId, number, prompt } = await prompted(owner, phone);
    expect(await refusalOf(approved(phone, prompt, number))).toBe('PASSKEY_NEEDED');
    expect(trailed).toContainEqual(expect.objectContaining({ reason: 'passkey_needed', challengeId }));
    await addPasskey(phone, browser);
    expect((await approved(phone, prompt, number, browser)).state).toBe('approved');
    const bare = await withPhone();
    const asked = await prompted(bare.owner, bare.phone);
    expect((await said(bare.phone, asked.prompt, { decision: 'deny' })).state).toBe('denied');
  });
});

describe('a passkey is taken away', () => {
  async function removal(phone: Phone, browser: SoftwareAuthenticator, how: Switches & { lateMs?: number } = {}) {
    const credentialId = browser.passkeys[0]?.credentialId ?? '';
    const at = Date.now() - (how.lateMs ?? 0);
    const challenge = await removalChallenge({ v: 1, deviceId: phone.deviceId, forget: credentialId, at });
    const body = { at, passkey: asserted(browser, challenge, how) };
    const { request } = await phone.sign('/v1/device/passkey/forget', body);
    return forget(b, { request }, asEdge());
  }

  test('by itself, once; then the phone approves without it, and its owner is told', async () => {
    const { owner, phone, browser } = await withPasskey();
    expect(await removal(phone, browser)).toEqual({ deviceId: phone.deviceId });
    expect(await removal(phone, browser), 'again').toEqual({ deviceId: phone.deviceId });
    expect((await noticesOf(owner)).filter((kind) => kind === 'app-passkey.removed')).toHaveLength(1);
    expect((await administration(owner)).map(({ type }) => type)).toContain('device.forget');
    const { number, prompt } = await prompted(owner, phone);
    expect((await approved(phone, prompt, number)).state).toBe('approved');
  });

  test('and not by whoever has the key of the phone alone', async () => {
    const { owner, phone, browser } = await withPasskey();
    expect(await refusalOf(removal(phone, browser, { uv: false }))).toBe('PASSKEY_REJECTED');
    expect(await refusalOf(removal(phone, browser, { spoiled: true }))).toBe('PASSKEY_REJECTED');
    expect(await refusalOf(removal(phone, browser, { lateMs: 301_000 }))).toBe('PASSKEY_REJECTED');
    const { challengeId, number, prompt } = await prompted(owner, phone);
    expect(await refusalOf(approved(phone, prompt, number)), `${challengeId} still needs it`).toBe('PASSKEY_NEEDED');
  });

  test('an approval is not taken for it', async () => {
    const { owner, phone, browser } = await withPasskey();
    const { number, prompt } = await prompted(owner, phone);
    const decision = await phone.decide(prompt, { decision: 'approve', number });
    const passkey = asserted(browser, await passkeyChallenge(decision));
    const { request } = await phone.sign('/v1/device/passkey/forget', { at: Date.now(), passkey });
    expect(await refusalOf(forget(b, { request }, asEdge()))).toBe('PASSKEY_REJECTED');
  });
});
