import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { MfaError, PHONE_HINTS, type Method, type SignedRequest, type StartedChallenge } from '@countersign/contracts';
import { generateKeyPair, signRotation, thumbprintOf, type Answer, type Prompt } from '@countersign/device-protocol';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { confirm as confirmOwn } from '../account/confirm.ts';
import { enrol as enrolOwn } from '../account/enrol.ts';
import * as activation from '../activation/find.ts';
import { redeem } from '../activation/redeem.ts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { create as createApplication } from '../application/create.ts';
import type { TrailEvent } from '../audit/trail.ts';
import { enrol } from '../authenticator/enrol.ts';
import { remove as removeAuthenticator } from '../authenticator/remove.ts';
import { cancel } from '../challenge/cancel.ts';
import type { UserEvent } from '../challenge/events.ts';
import { claim } from '../challenge/claim.ts';
import { get } from '../challenge/get.ts';
import { start } from '../challenge/start.ts';
import { verify } from '../challenge/verify.ts';
import { natsWake } from '../challenge/wake.ts';
import { memoryStore } from '../dispatch/testing/memory-store.ts';
import { addPhoneKeySet } from '../keys/phone-keys.ts';
import { phones as keysOfPhones } from '../keys/phones.ts';
import { set } from '../policy/set.ts';
import { requestOf, startHouse, type House, type Replica } from '../testing/house.ts';
import { create as createUser } from '../user/create.ts';
import { remove as deleteUser } from '../user/delete.ts';
import { block } from '../user/block.ts';
import { unblock } from '../user/unblock.ts';
import { update as updateUser } from '../user/update.ts';
import { viewUser } from '../user/view.ts';
import { answer } from './answer.ts';
import { enrol as enrolPasskey } from './enrol.ts';
import { look } from './look.ts';
import { poll } from './poll.ts';
import { remove } from './remove.ts';
import { rotate } from './rotate.ts';
import { Phone, redemption } from './testing/phone.ts';
import { update } from './update.ts';

let house: House;
let a: Desk;
let b: Desk;
let application: AuthorisedRequest['application'];
let other: AuthorisedRequest['application'];
const trailed: TrailEvent[] = [];
type Desk = ReturnType<typeof desk>;
const limits = memoryStore();

function desk(replica: Replica) {
  return {
    ...replica,
    limits,
    relyingParty: undefined,
    randomBytes: (size: number) => randomBytes(size),
    trail: { record: async (event: TrailEvent) => void trailed.push(event) },
    budgets: { reserve: async () => ({ ok: true as const }) },
    dispatcher: { hand: async () => undefined },
    wake: natsWake(replica.nats),
  };
}

const asApplication = (of = application): AuthorisedRequest => ({ ...requestOf(), application: of });
const asEdge = () => ({ ...requestOf({ scopes: ['device'] }), deadline: Date.now() + 30_000 });
const refusalOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: unknown) => (error instanceof MfaError ? error.code : String(error)),
  );
let names = 0;

beforeAll(async () => {
  house = await startHouse('phone');
  [a, b] = [desk(await house.replica('a')), desk(await house.replica('b'))];
  const make = async (name: string) => {
    const made = await createApplication(a, { name, scopes: ['challenge'] }, requestOf());
    return { applicationId: made.applicationId, name, scopes: ['challenge' as const] };
  };
  [application, other] = [await make('Intranet'), await make('Payroll')];
  // More than one test would use up the prompts of another.
  await set(a, { scope: 'global', expectedVersion: 0, document: { app: { activationSeconds: 60 } } }, requestOf());
  await Promise.all([a, b].flatMap(({ applications, policies }) => [applications.refresh(), policies.refresh()]));
});
afterAll(() => house.stop());
beforeEach(() => {
  trailed.length = 0;
});

interface Person {
  userId: string;
  username: string;
}

async function person(): Promise<Person> {
  names += 1;
  const username = `person${names}`;
  const { userId } = await createUser(a, { username }, requestOf());
  return { userId, username };
}

const begin = ({ userId }: Person) => enrol(a, { userId, type: 'app' }, requestOf());

async function phoneOf(owner: Person): Promise<Phone> {
  const { uri = '' } = await begin(owner);
  const redeemed = await redemption(uri);
  const { activated } = await redeem(b, redeemed.input, asEdge());
  return Phone.of(activated, redeemed);
}

async function withPhone(): Promise<{ owner: Person; phone: Phone }> {
  const owner = await person();
  return { owner, phone: await phoneOf(owner) };
}

interface StartOptions {
  on?: Desk;
  by?: AuthorisedRequest['application'];
  method?: Method;
}
const startFor = ({ username }: Person, { on = a, by = application, method = 'app' }: StartOptions = {}) =>
  start(
    on,
    { username, method, context: { ip: '203.0.113.7', location: 'Riga', device: 'Firefox' } },
    asApplication(by),
  );

/** As the edge has it: whoever is to wait hears hints, and then any replica looks. */
async function polled(phone: Phone, { on = b, wait = 0, known = [] as string[] } = {}): Promise<Prompt[]> {
  const { request, nonce } = await phone.sign('/v1/device/poll', { keySet: phone.keySet.version, wait, known });
  let told = await poll(on, { request }, asEdge());
  while ('noNews' in told) {
    const { hint, forMs, ticket, answer: inTheEnd } = told.noNews;
    const isHinted = await hinted(hint, forMs);
    if (!isHinted && inTheEnd !== undefined) return phone.read(inTheEnd, nonce);
    told = await look(on === b ? a : b, { ticket, isHinted });
  }
  return phone.read(told, nonce);
}

/** Whether there was a hint in this time. */
async function hinted(name: string, withinMs: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const subscription = b.nats.subscribe(`${PHONE_HINTS}.${name}`, { callback: () => resolve(true) });
  const timer = setTimeout(() => resolve(false), withinMs);
  const was = await promise;
  clearTimeout(timer);
  subscription.unsubscribe();
  return was;
}

async function answered(phone: Phone, prompt: Prompt, said: Answer, on = b) {
  const decision = await phone.decide(prompt, said);
  const { request, nonce } = await phone.sign('/v1/device/answer', { decision, keySet: phone.keySet.version });
  const { outcome, keySets } = await answer(on, { request }, asEdge());
  await phone.follow(keySets);
  return phone.outcome(outcome, prompt.challengeId, nonce);
}

const stateOf = async (challengeId: string) => (await get(b, { challengeId }, asApplication())).state;

async function prompted(owner: Person, phone: Phone, options: StartOptions = {}) {
  const started = await startFor(owner, options);
  const prompt = (await polled(phone)).find(({ challengeId }) => challengeId === started.challengeId);
  if (prompt === undefined) throw new Error('the phone was not asked');
  return { ...started, number: started.number ?? '', prompt };
}

describe('activation', () => {
  test('DEV-10: a code makes one device, also of two phones that redeem it on two replicas at once', async () => {
    const owner = await person();
    const { uri = '' } = await begin(owner);
    const phones = await Promise.all([redemption(uri), redemption(uri)]);
    const tried = await Promise.all([
      refusalOf(redeem(a, phones[0]?.input ?? ({} as never), asEdge())),
      refusalOf(redeem(b, phones[1]?.input ?? ({} as never), asEdge())),
    ]);
    expect(tried.toSorted()).toEqual(['ACTIVATION_NOT_FOUND', 'none']);
    expect(await refusalOf(redeem(a, (await redemption(uri)).input, asEdge()))).toBe('ACTIVATION_NOT_FOUND');
  });

  test('the same redemption, repeated on another replica, gets the same device', async () => {
    const { uri = '' } = await begin(await person());
    const redeemed = await redemption(uri);
    const request = asEdge();
    const first = await Phone.of((await redeem(a, redeemed.input, request)).activated, redeemed);
    const again = await Phone.of((await redeem(b, redeemed.input, request)).activated, redeemed);
    expect(again.deviceId).toBe(first.deviceId);
  });

  test('DEV-11: without the private half of the key, or for another server, there is no device', async () => {
    const { uri = '' } = await begin(await person());
    const { input } = await redemption(uri);
    const stranger = await redemption(uri);
    const elsewhere = await redemption(uri, { link: { serverKeyThumbprint: 'A'.repeat(43) } });
    const wrong = [{ ...input, proof: stranger.input.proof }, { ...input, key: stranger.input.key }, elsewhere.input];
    for (const one of wrong) expect(await refusalOf(redeem(b, one, asEdge()))).toBe('SIGNATURE_INVALID');
    const code = `A${input.code.slice(1) === input.code ? 'B' : input.code.slice(1)}`;
    const guessed = code === input.code ? `B${code.slice(1)}` : code;
    expect(await refusalOf(redeem(b, { ...input, code: guessed }, asEdge()))).toBe('ACTIVATION_NOT_FOUND');
    expect(await refusalOf(redeem(b, input, asEdge())), 'and the right one still').toBe('none');
  });

  test('a code that is over makes no device', async () => {
    const { uri = '' } = await begin(await person());
    const { input } = await redemption(uri);
    b.advance(61_000);
    try {
      expect(await refusalOf(redeem(b, input, asEdge()))).toBe('ACTIVATION_NOT_FOUND');
    } finally {
      b.advance(-61_000);
    }
  });

  test('DEV-10: the typed code leads to the link; five wrong ones of one address, and it has to wait', async () => {
    const { uri, activationCode = '' } = await begin(await person());
    const from = (address: string, code: string) => activation.find(b, { activationCode: code, address });
    expect(await from('198.51.100.1', activationCode)).toEqual({ link: uri });
    const wrong = activationCode === '000000000000' ? '000000000001' : '000000000000';
    for (let tries = 0; tries < 5; tries += 1) {
      expect(await refusalOf(from('198.51.100.2', wrong))).toBe('ACTIVATION_NOT_FOUND');
    }
    expect(await refusalOf(from('198.51.100.2', activationCode))).toBe('TRY_LATER');
    expect(await refusalOf(from('198.51.100.1', activationCode)), 'another address').toBe('none');
  });

  test('R26: what is counted of addresses has a bounded number of places, however many a stranger has', async () => {
    const records = new Map<string, unknown>();
    const on = { ...b, limits: memoryStore(records) };
    for (let net = 0; net < 100; net += 1) {
      const guess = { activationCode: '000000000000', address: `2001:db8:${net.toString(16)}::1` };
      await refusalOf(activation.find(on, guess));
    }
    const places = [...records.keys()].flatMap((key) => /^activation\.(.*)$/.exec(key)?.[1] ?? []);
    expect(places.length).toBeGreaterThan(90);
    expect(places.filter((place) => !/^\d+$/.test(place) || Number(place) >= 131_072)).toEqual([]);
  });

  test('guessing from everywhere stays hopeless, and shuts nobody out but of the codes that were guessed near', async () => {
    const near = await begin(await person());
    const code = near.activationCode ?? '';
    const beginning = code.slice(0, 4);
    let far = await begin(await person());
    while (far.activationCode?.startsWith(beginning) === true) far = await begin(await person());
    const from = (address: string, guess: string) => activation.find(b, { activationCode: guess, address });
    const heard: Record<string, number> = {};
    // As 60 addresses do, each as often as it may: once that was enough to shut everybody out.
    for (let tries = 0; tries < 300; tries += 1) {
      const guess = `${beginning}${String((Number(code.slice(4)) + 1 + tries) % 10 ** 8).padStart(8, '0')}`;
      const outcome = await refusalOf(from(`198.18.0.${Math.floor(tries / 5)}`, guess));
      heard[outcome] = (heard[outcome] ?? 0) + 1;
    }
    expect(heard).toEqual({ ACTIVATION_NOT_FOUND: 50, TRY_LATER: 250 });
    expect(await refusalOf(from('198.51.100.3', code))).toBe('TRY_LATER');
    expect(await from('198.51.100.3', far.activationCode ?? '')).toEqual({ link: far.uri });
    const redeemed = await redemption(near.uri ?? '');
    expect(await refusalOf(redeem(b, redeemed.input, asEdge())), 'the QR code goes on').toBe('none');
  });

  const newcomer = async (userId: string, session: string) => {
    const facts = {
      sessionId: session.padEnd(22, '.'),
      userId,
      level: 'enrolment' as const,
      amr: ['pwd'],
      confirmedAt: 0,
    };
    const times = { issuedAt: Date.now(), endsAt: Date.now() + 600_000 };
    return a.evidence.issueAccess({ ...facts, ...times }, application);
  };
  const enrolAs = (access: string) => enrolOwn(a, { access, type: 'app' }, asApplication());
  const confirmAs = (access: string, authenticatorId: string) =>
    confirmOwn(b, { access, authenticatorId, app: 'activated' }, asApplication());

  test('R16: as a first factor it lets in the session that began it, and no other that is at the same account', async () => {
    const { userId } = await person();
    const [mine, theirs] = [await newcomer(userId, 'mine'), await newcomer(userId, 'theirs')];
    const { uri = '', authenticatorId } = await enrolAs(mine);
    expect(await refusalOf(confirmAs(mine, authenticatorId)), 'not yet').toBe('CHALLENGE_NOT_FOUND');
    await redeem(b, (await redemption(uri)).input, asEdge());
    expect(await refusalOf(confirmAs(theirs, authenticatorId))).toBe('AUTHENTICATOR_NOT_FOUND');
    expect(await confirmAs(mine, authenticatorId)).toMatchObject({ state: 'active', access: expect.any(String) });
  });

  test('R16: of two that begin a first factor one gets it', async () => {
    const { userId } = await person();
    const begun = [await enrolAs(await newcomer(userId, 'one')), await enrolAs(await newcomer(userId, 'two'))];
    const outcomes = [];
    for (const { uri = '' } of begun)
      outcomes.push(await refusalOf(redeem(b, (await redemption(uri)).input, asEdge())));
    expect(outcomes).toEqual(['none', 'SIGN_IN_NEEDED']);
  });

  test('APP-06: what was begun before everybody was signed out makes no device', async () => {
    const { userId } = await person();
    const [first, second] = [await begin({ userId, username: '' }), await enrolAs(await newcomer(userId, 'early'))];
    await sleep(5);
    const by = 'desk';
    const out = (event: UserEvent) =>
      a.ledger.act(userId, crypto.randomUUID(), () => ({ append: event }), asApplication());
    await out({ type: 'enrolment.granted', codeMac: 'x', expiresAt: Date.now() + 60_000, reason: 'new code', by });
    const of = async ({ uri = '' }: { uri?: string }) => refusalOf(redeem(b, (await redemption(uri)).input, asEdge()));
    expect(await of(second)).toBe('ACTIVATION_NOT_FOUND');
    await out({ type: 'session.ended', reason: 'everywhere', by });
    expect(await of(first)).toBe('ACTIVATION_NOT_FOUND');
  });

  test('DEV-14: no more phones than the policy says', async () => {
    const owner = await person();
    for (let phones = 0; phones < 3; phones += 1) await phoneOf(owner);
    expect(await refusalOf(begin(owner))).toBe('AUTHENTICATOR_LIMIT');
  });
});

describe('a login', () => {
  test('starts on one replica, is shown by another to a phone that waits there, and is approved by the number', async () => {
    const { owner, phone } = await withPhone();
    const waiting = polled(phone, { on: b, wait: 20 });
    await sleep(300);
    const startedAt = performance.now();
    const { challengeId, number = '', prompt: sentence } = await startFor(owner);
    const [prompt] = await waiting;
    expect(performance.now() - startedAt).toBeLessThan(2000);
    if (prompt === undefined) throw new Error('the phone was not asked');
    expect(sentence).toContain(number);
    expect(prompt).toMatchObject({
      challengeId,
      displayed: { user: owner.username, application: 'Intranet', source: '203.0.113.7, Riga', digits: 3 },
    });
    const approval = get(a, { challengeId, waitSeconds: 10 }, { ...asApplication(), deadline: Date.now() + 15_000 });
    expect(await answered(phone, prompt, { decision: 'approve', number })).toMatchObject({
      state: 'approved',
      counted: true,
    });
    expect((await approval).state).toBe('approved');

    const request = asApplication();
    const claimed = await claim(b, { challengeId }, request);
    expect(claimed).toMatchObject({ state: 'approved', method: 'app' });
    expect((await claim(a, { challengeId }, request)).state, 'the same attempt').toBe('approved');
    expect(await refusalOf(claim(a, { challengeId }, asApplication())), 'once').toBe('CHALLENGE_CLOSED');
    expect(await refusalOf(claim(a, { challengeId }, asApplication(other)))).toBe('CHALLENGE_NOT_FOUND');
  });

  test('DEV-31: what was signed, and over what, is in the event', async () => {
    const { owner, phone } = await withPhone();
    const { challengeId, number, prompt } = await prompted(owner, phone);
    await answered(phone, prompt, { decision: 'approve', number });
    const { state } = await a.ledger.act(
      owner.userId,
      randomBytes(8).toString('hex'),
      () => ({
        append: { type: 'session.ended', reason: 'test', by: 'test' },
      }),
      asApplication(),
    );
    expect(state.closed.find(({ key }) => challengeId.endsWith(key))).toMatchObject({
      state: 'approved',
      method: 'app',
    });
  });

  test('a result that is not fetched in time is gone; one that nobody approved is not there', async () => {
    const { owner, phone } = await withPhone();
    const { challengeId, number, prompt } = await prompted(owner, phone);
    expect(await refusalOf(claim(a, { challengeId }, asApplication()))).toBe('REQUEST_INVALID');
    await answered(phone, prompt, { decision: 'approve', number });
    a.advance(61_000);
    try {
      expect(await refusalOf(claim(a, { challengeId }, asApplication()))).toBe('CHALLENGE_CLOSED');
    } finally {
      a.advance(-61_000);
    }
  });

  test('the number is no code: whoever sees it on the other screen cannot answer with it', async () => {
    const { owner, phone } = await withPhone();
    const { challengeId, number } = await prompted(owner, phone);
    const code = number.padStart(6, '0');
    expect(await refusalOf(verify(a as never, { challengeId, code }, asApplication()))).toBe('REQUEST_INVALID');
    expect(await stateOf(challengeId)).toBe('pending');
  });

  test('a wrong number ends it', async () => {
    const { owner, phone } = await withPhone();
    const { challengeId, number, prompt } = await prompted(owner, phone);
    const wrong = number === '111' ? '222' : '111';
    expect(await refusalOf(answered(phone, prompt, { decision: 'approve', number: wrong }))).toBe('NUMBER_WRONG');
    expect(await stateOf(challengeId)).toBe('denied');
    expect(await refusalOf(answered(phone, prompt, { decision: 'approve', number }))).toBe('CHALLENGE_CLOSED');
    expect(await refusalOf(claim(a, { challengeId }, asApplication()))).toBe('CHALLENGE_CLOSED');
  });

  test('an approval without a number is a wrong one', async () => {
    const { owner, phone } = await withPhone();
    const { prompt } = await prompted(owner, phone);
    expect(await refusalOf(answered(phone, prompt, { decision: 'approve' }))).toBe('NUMBER_WRONG');
  });

  test('DEV-32: of two answers one counts; the same one, sent again, hears the same', async () => {
    const { owner, phone } = await withPhone();
    const { challengeId, number, prompt } = await prompted(owner, phone);
    const decision = await phone.decide(prompt, { decision: 'deny' });
    const send = async (on: Desk) => {
      const { request, nonce } = await phone.sign('/v1/device/answer', { decision });
      return phone.outcome((await answer(on, { request }, asEdge())).outcome, challengeId, nonce);
    };
    expect((await send(a)).state).toBe('denied');
    expect((await send(b)).state).toBe('denied');
    expect(await refusalOf(answered(phone, prompt, { decision: 'approve', number }))).toBe('CHALLENGE_CLOSED');
    expect(trailed).toContainEqual(expect.objectContaining({ type: 'device.refused', reason: 'denied', challengeId }));
  });

  test('one that the application gives up vanishes from a phone that waits', async () => {
    const { owner, phone } = await withPhone();
    const { challengeId } = await prompted(owner, phone);
    const waiting = polled(phone, { on: b, wait: 20, known: [challengeId] });
    await sleep(300);
    const startedAt = performance.now();
    await cancel(a, { challengeId }, asApplication());
    expect(await waiting).toEqual([]);
    expect(performance.now() - startedAt, 'and not after the wait').toBeLessThan(10_000);
  });

  test('R26: what no phone shows makes none look, however often it is begun and given up', async () => {
    const { owner } = await withPhone();
    const hints: string[] = [];
    const hint = b.wakePhones.hintFor(owner.userId);
    b.nats.subscribe(`${PHONE_HINTS}.${hint}`, { callback: (_error, { subject }) => void hints.push(subject) });
    await b.nats.flush();
    const heard = async () => {
      for (const { nats } of [a, b]) await nats.flush();
      return hints.splice(0).length;
    };
    const { challengeId } = await startFor(owner, { method: 'totp' });
    await cancel(a, { challengeId }, asApplication());
    expect(await heard()).toBe(0);
    const prompt = await startFor(owner);
    await cancel(a, { challengeId: prompt.challengeId }, asApplication());
    expect(await heard(), 'begun and given up').toBe(2);
  });

  test('R22: the newest takes the place of the one before, and the other application has its own', async () => {
    const { owner, phone } = await withPhone();
    const first = await prompted(owner, phone);
    const elsewhere = await prompted(owner, phone, { by: other });
    const second = await prompted(owner, phone);
    const shown = (await polled(phone)).map(({ challengeId }) => challengeId);
    expect(shown.toSorted()).toEqual([elsewhere.challengeId, second.challengeId].toSorted());
    const late = answered(phone, first.prompt, { decision: 'approve', number: first.number });
    expect(await refusalOf(late)).toBe('CHALLENGE_CLOSED');
    expect(await stateOf(first.challengeId)).toBe('cancelled');
  });

  test('R22: the application that waits for one whose place was taken hears of it at once', async () => {
    const { owner } = await withPhone();
    const { challengeId } = await startFor(owner);
    const waiting = get(b, { challengeId, waitSeconds: 10 }, asApplication());
    await sleep(300);
    const startedAt = performance.now();
    await startFor(owner);
    expect((await waiting).state).toBe('cancelled');
    expect(performance.now() - startedAt, 'and not with the next look of its own').toBeLessThan(2000);
  });

  test('R22: starts of other methods do not take a prompt from the phone', async () => {
    const { owner, phone } = await withPhone();
    const { challengeId } = await startFor(owner);
    for (let count = 0; count < 6; count += 1) await startFor(owner, { method: 'totp' });
    expect((await polled(phone)).map((prompt) => prompt.challengeId)).toEqual([challengeId]);
  });

  test('what has expired is neither shown nor approved', async () => {
    const { owner, phone } = await withPhone();
    const { number, prompt } = await prompted(owner, phone);
    b.advance(50_000);
    b.advance(41_000);
    phone.aheadMs = 91_000;
    try {
      expect(await polled(phone)).toEqual([]);
      expect(await refusalOf(answered(phone, prompt, { decision: 'approve', number }))).toBe('CHALLENGE_CLOSED');
    } finally {
      b.advance(-91_000);
      phone.aheadMs = 0;
    }
  });

  test('DEV-30: an answer over something else than was meant does not count, and is audited', async () => {
    const { owner, phone } = await withPhone();
    const { challengeId, number, prompt } = await prompted(owner, phone);
    for (const change of [{ application: 'Payroll' }, { source: '192.0.2.1' }, { digits: 0 }, { user: 'eve' }]) {
      const altered = { ...prompt, displayed: { ...prompt.displayed, ...change } };
      const tried = answered(phone, altered, { decision: 'approve', number });
      expect(await refusalOf(tried), JSON.stringify(change)).toBe('DISPLAY_MISMATCH');
    }
    expect(trailed).toContainEqual(expect.objectContaining({ reason: 'display_mismatch', challengeId }));
    expect(await stateOf(challengeId)).toBe('pending');
  });

  test('somebody else’s phone neither sees nor answers it', async () => {
    const { owner, phone } = await withPhone();
    const { phone: stranger } = await withPhone();
    const { number, prompt } = await prompted(owner, phone);
    expect(await polled(stranger)).toEqual([]);
    const said = { decision: 'approve', number } as const;
    expect(await refusalOf(answered(stranger, prompt, said))).toBe('CHALLENGE_NOT_FOUND');
  });
});

describe('a request', () => {
  const later = (input: string, name: string, seconds: number) =>
    input.replace(
      new RegExp(`(${name})=(\\d+)`),
      (_, parameter: string, at: string) => `${parameter}=${Number(at) + seconds}`,
    );
  const components: [string, (request: SignedRequest) => SignedRequest][] = [
    ['the authority', (request) => ({ ...request, authority: 'phones.example.org' })],
    ['the path', (request) => ({ ...request, path: '/v1/device/answer' })],
    ['the query', (request) => ({ ...request, query: '?x' })],
    ['the body', (request) => ({ ...request, body: `${request.body} ` })],
    ['the digest', (request) => ({ ...request, contentDigest: request.contentDigest.replace(/=:$/, 'A:') })],
    ['the signature', (request) => ({ ...request, signature: request.signature.replace(/:.{4}/, ':AAAA') })],
    [
      'the nonce',
      (request) => ({ ...request, signatureInput: request.signatureInput.replace(/nonce=".{4}/, 'nonce="AAAA') }),
    ],
    ['its time', (request) => ({ ...request, signatureInput: later(request.signatureInput, 'created', 1) })],
    ['its end', (request) => ({ ...request, signatureInput: later(request.signatureInput, 'expires', -1) })],
    [
      'the tag',
      (request) => ({ ...request, signatureInput: request.signatureInput.replace('mfa-device-v1', 'mfa-device-v2') }),
    ],
  ];

  test.each(components)('DEV-20: with %s altered it is refused', async (_what, alter) => {
    const { phone } = await withPhone();
    const { request } = await phone.sign('/v1/device/poll', { keySet: 1, wait: 0 });
    expect(await refusalOf(poll(b, { request: alter(request) }, asEdge()))).toBe('SIGNATURE_INVALID');
    expect(await refusalOf(poll(b, { request }, asEdge())), 'as it was').toBe('none');
  });

  test('what was signed for one thing is taken for no other, also by an edge that lies', async () => {
    const { phone } = await withPhone();
    const { request } = await phone.sign('/v1/device/update', {});
    expect(await refusalOf(remove(b, { request }, asEdge()))).toBe('SIGNATURE_INVALID');
    expect(await polled(phone)).toEqual([]);
  });

  test('DEV-23: a copy is refused by another replica, and audited; a repeat by the edge is not', async () => {
    const { phone } = await withPhone();
    const { request } = await phone.sign('/v1/device/poll', { keySet: 1, wait: 0 });
    const first = asEdge();
    await poll(a, { request }, first);
    await poll(b, { request }, first);
    expect(await refusalOf(poll(b, { request }, asEdge()))).toBe('REPLAYED');
    expect(trailed).toContainEqual(expect.objectContaining({ type: 'device.refused', reason: 'REPLAYED' }));
  });

  test('DEV-23: with a clock that is three minutes off it is refused, whoever signed it', async () => {
    const { phone } = await withPhone();
    for (const aheadMs of [180_000, -180_000]) {
      phone.aheadMs = aheadMs;
      expect(await refusalOf(polled(phone))).toBe('CLOCK_WRONG');
    }
  });

  test('of a key that nobody enrolled, or with the key of another, it is refused', async () => {
    const { phone } = await withPhone();
    const { phone: stranger } = await withPhone();
    const { request } = await phone.sign('/v1/device/poll', { keySet: 1, wait: 0 }, { key: await generateKeyPair() });
    expect(await refusalOf(poll(b, { request }, asEdge()))).toBe('DEVICE_UNKNOWN');
    const mixed = { ...stranger.key, thumbprint: phone.key.thumbprint };
    const forged = await phone.sign('/v1/device/poll', { keySet: 1, wait: 0 }, { key: mixed });
    expect(await refusalOf(poll(b, { request: forged.request }, asEdge()))).toBe('SIGNATURE_INVALID');
  });

  test('DEV-14: a device that was taken away is refused at once on every replica', async () => {
    const { owner, phone } = await withPhone();
    const { number, prompt } = await prompted(owner, phone);
    await removeAuthenticator(a, { userId: owner.userId, authenticatorId: phone.deviceId }, requestOf());
    expect(await refusalOf(polled(phone))).toBe('DEVICE_UNKNOWN');
    expect(await refusalOf(answered(phone, prompt, { decision: 'approve', number }))).toBe('DEVICE_UNKNOWN');
  });

  test('DEV-23: what any replica goes on with after a wait is what one of ours has proven, and no longer than the wait', async () => {
    const { phone } = await withPhone();
    const { request, nonce } = await phone.sign('/v1/device/poll', { keySet: 1, wait: 20, known: [] });
    const told = await poll(a, { request }, asEdge());
    if (!('noNews' in told)) throw new Error('there is no news');
    const { ticket, forMs, answer: inTheEnd } = told.noNews;
    expect(forMs).toBeGreaterThan(19_000);
    expect(await phone.read(inTheEnd ?? { prompts: '', keySets: [] }, nonce), 'if nothing comes').toEqual([]);
    expect(await look(b, { ticket, isHinted: true })).toMatchObject({ noNews: { hint: told.noNews.hint } });
    const [encoded = '', mac = ''] = ticket.split('.');
    const said = JSON.parse(Buffer.from(encoded, 'base64url').toString()) as unknown[];
    const forged = (change: (said: unknown[]) => unknown[]) =>
      `${Buffer.from(JSON.stringify(change(said))).toString('base64url')}.${mac}`;
    const { phone: stranger } = await withPhone();
    for (const wrong of [
      forged(([, ...rest]) => [stranger.deviceId, ...rest]),
      forged((all) => [...all, 'a challenge']),
      `${encoded}.`,
      encoded,
      'x.y',
    ]) {
      expect(await refusalOf(look(b, { ticket: wrong, isHinted: false }))).toBe('REQUEST_INVALID');
    }
    expect(await refusalOf(poll(b, { request }, asEdge())), 'the request itself is taken').toBe('REPLAYED');
    const later = (ms: number) => look({ ...b, now: () => b.now() + ms }, { ticket, isHinted: false });
    expect(await later(21_000), 'an answer to the very request').toMatchObject({ prompts: expect.any(String) });
    expect(await refusalOf(later(36_000))).toBe('UNAVAILABLE');
  });

  test('a prompt that runs out vanishes from a phone that waits, and what it hears without news is dated when it hears it', async () => {
    const { owner, phone } = await withPhone();
    const { challengeId, prompt } = await prompted(owner, phone);
    const { request } = await phone.sign('/v1/device/poll', { keySet: 1, wait: 25, known: [challengeId] });
    const late = { ...b, now: () => prompt.displayed.expiresAt - 2000 };
    vi.useFakeTimers({ now: late.now(), toFake: ['Date'] });
    try {
      const signed = await phone.sign('/v1/device/poll', { keySet: 1, wait: 25, known: [challengeId] });
      const told = await poll(late, { request: signed.request }, asEdge());
      expect(told).toMatchObject({ noNews: { forMs: 2000 } });
      if (!('noNews' in told)) return;
      expect(told.noNews.answer, 'since another look is due').toBeUndefined();
      const { ticket } = told.noNews;
      const after = await look({ ...b, now: () => prompt.displayed.expiresAt }, { ticket, isHinted: false });
      if ('noNews' in after) throw new Error('it has run out');
      expect(await phone.read(after, signed.nonce)).toEqual([]);
    } finally {
      vi.useRealTimers();
    }
    const told = await poll(b, { request }, asEdge());
    if (!('noNews' in told)) throw new Error('there is no news');
    const [, payload = ''] = told.noNews.answer?.prompts.split('.') ?? [];
    const { at } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { at: number };
    expect(Math.abs(at - (Date.now() + told.noNews.forMs))).toBeLessThan(2000);
  });

  test('DEV-14: a phone that waits while it is taken away is told so, and is shown nothing that begins after', async () => {
    const { owner, phone } = await withPhone();
    const waiting = refusalOf(polled(phone, { on: b, wait: 20 }));
    await sleep(300);
    const startedAt = performance.now();
    await removeAuthenticator(a, { userId: owner.userId, authenticatorId: phone.deviceId }, requestOf());
    await phoneOf(owner);
    await startFor(owner);
    expect(await waiting).toBe('DEVICE_UNKNOWN');
    expect(performance.now() - startedAt, 'and not after the wait').toBeLessThan(10_000);
  });

  test('a phone names itself, and takes itself away', async () => {
    const { owner, phone } = await withPhone();
    const named = await phone.sign('/v1/device/update', { label: 'Old phone' });
    expect(await update(b, { request: named.request }, asEdge())).toEqual({ label: 'Old phone' });
    const keys = { p256dh: 'A'.repeat(87), auth: 'A'.repeat(22) };
    const inside = await phone.sign('/v1/device/update', { push: { endpoint: 'https://10.0.0.1/x', keys } });
    expect(await refusalOf(update(b, { request: inside.request }, asEdge())), 'into the house').toBe('REQUEST_INVALID');
    const outside = await phone.sign('/v1/device/update', { push: { endpoint: 'https://push.example.com/x', keys } });
    expect(await refusalOf(update(b, { request: outside.request }, asEdge()))).toBe('none');
    const removing = await phone.sign('/v1/device/remove', {});
    await remove(a, { request: removing.request }, asEdge());
    expect(await refusalOf(polled(phone))).toBe('DEVICE_UNKNOWN');
    expect(await refusalOf(startFor(owner).then(({ challengeId }) => stateOf(challengeId)))).toBe('none');
  });

  test('DEV-26: a new key takes the place of the old one, if both say so', async () => {
    const { phone } = await withPhone();
    const next = await generateKeyPair();
    const { deviceId, key } = phone;
    const said = { v: 1, deviceId, from: key.thumbprint, to: next.thumbprint, at: Date.now() } as const;
    for (const on of [a, b]) await polled(phone, { on });
    const send = async (rotation: string) => {
      const { request } = await phone.sign('/v1/device/rotate', { key: next.publicKey, rotation });
      return rotate(b, { request }, asEdge());
    };
    expect(await refusalOf(send(await signRotation(said, key.privateKey)))).toBe('SIGNATURE_INVALID');
    expect(await send(await signRotation(said, next.privateKey))).toEqual({ keyThumbprint: next.thumbprint });
    const { request } = await phone.sign('/v1/device/answer', { decision: 'x' });
    expect(await refusalOf(answer(a, { request }, asEdge()))).toBe('DEVICE_UNKNOWN');
    for (const on of [a, b]) {
      await expect.poll(() => refusalOf(polled(phone, { on })), { timeout: 5000 }).toBe('DEVICE_UNKNOWN');
    }
    phone.key = next;
    expect(await polled(phone, { on: a })).toEqual([]);
  });

  test('R17: whoever has the phone of somebody who is blocked changes nothing of it, so that it is theirs no more afterwards', async () => {
    const { owner, phone } = await withPhone();
    const { userId } = owner;
    const next = await generateKeyPair();
    const said = { v: 1, deviceId: phone.deviceId, from: phone.key.thumbprint, to: next.thumbprint, at: Date.now() };
    const rotation = await signRotation({ ...said, v: 1 }, next.privateKey);
    const change = async () => {
      const { request } = await phone.sign('/v1/device/rotate', { key: next.publicKey, rotation });
      return rotate(b, { request }, asEdge());
    };
    const beginPasskey = async () => {
      const { request } = await phone.sign('/v1/device/passkey/enrol', {});
      return enrolPasskey(b, { request }, asEdge());
    };
    await block(a, { userId, reason: 'the phone was stolen' }, requestOf());
    expect(await refusalOf(change())).toBe('USER_DISABLED');
    expect(trailed).toContainEqual(
      expect.objectContaining({ type: 'device.refused', reason: 'USER_DISABLED', userId }),
    );
    expect(await refusalOf(beginPasskey())).toBe('USER_DISABLED');
    await unblock(a, { userId, reason: 'it was found' }, requestOf());
    expect(await refusalOf(beginPasskey())).toBe('none');
    expect(await refusalOf(change())).toBe('none');
  });

  test('DEV-25: phones follow our keys from one to the next, and none that is not announced', async () => {
    const { owner, phone } = await withPhone();
    const before = phone.keySet.version;
    await anotherKeySet(a);
    const { challengeId } = await startFor(owner);
    const { request, nonce } = await phone.sign('/v1/device/poll', { keySet: before, wait: 0 });
    const told = await poll(a, { request }, asEdge());
    if ('noNews' in told) throw new Error('nobody waits for nothing');
    await expect(phone.read({ ...told, keySets: [] }, nonce)).rejects.toThrow('does not trust');
    expect((await phone.read(told, nonce)).map((prompt) => prompt.challengeId)).toEqual([challengeId]);
    expect(phone.keySet.version).toBe(before + 1);
    await expect(
      polled(phone, { on: b, known: [challengeId] }),
      'a replica that has not heard of it',
    ).resolves.toHaveLength(1);
    await b.phoneKeys.refresh('primary');
  });

  test('DEV-25: whoever polled before our key was changed can check what became of their answer', async () => {
    const { owner, phone } = await withPhone();
    const { challengeId, number, prompt } = await prompted(owner, phone);
    const keySet = phone.keySet.version;
    for (const _ of ['out of the set', 'that the phone knows']) await anotherKeySet(a);
    const decision = await phone.decide(prompt, { decision: 'approve', number });
    const { request, nonce } = await phone.sign('/v1/device/answer', { decision, keySet });
    const { outcome, keySets } = await answer(a, { request }, asEdge());
    await expect(phone.outcome(outcome, challengeId, nonce)).rejects.toThrow('does not trust');
    await phone.follow(keySets);
    expect((await phone.outcome(outcome, challengeId, nonce)).state).toBe('approved');
    expect(phone.keySet.version).toBe(keySet + 2);
    const { keys } = await keysOfPhones(b, {});
    expect(keys.slice(-3).map((one) => [one.keySet, one.trusted])).toEqual([
      [keySet, false],
      [keySet + 1, true],
      [keySet + 2, true],
    ]);
    expect(keys.at(-1)?.kid).toBe(await thumbprintOf(phone.keySet.keys[0]!));
  });

  test('DEV-25: a replica that has missed two changes hears of them from the phone', async () => {
    const { owner, phone } = await withPhone();
    // Within the time after which it reads again by itself.
    for (const _ of ['one', 'two']) await anotherKeySet(a);
    await polled(phone, { on: a });
    await expect(polled(phone, { on: b }), 'a poll').resolves.toEqual([]);
    const { number, prompt } = await prompted(owner, phone);
    for (const _ of ['three', 'four']) await anotherKeySet(a);
    await polled(phone, { on: a });
    const { state } = await answered(phone, prompt, { decision: 'approve', number });
    expect(state, 'an answer').toBe('approved');
  });
});

async function anotherKeySet({ router, ring, phoneKeys }: Desk): Promise<void> {
  await router.write((db) => db.transaction().execute((within) => addPhoneKeySet(within, ring, Date.now())));
  await phoneKeys.refresh('primary');
}

describe('a phone that asks without end', () => {
  test('is told when to ask again, before anything of it is kept; another of its owner goes on', async () => {
    const { owner, phone } = await withPhone();
    const second = await phoneOf(owner);
    const heard = new Set<string>();
    for (let count = 0; count < 200 && !heard.has('TRY_LATER'); count += 1) heard.add(await refusalOf(polled(phone)));
    expect([...heard]).toEqual(['none', 'TRY_LATER']);
    expect(await refusalOf(polled(second))).toBe('none');
  });

  test('cannot fill the audit by changing its name', async () => {
    const { phone } = await withPhone();
    const rename = async (label: string) => {
      const { request } = await phone.sign('/v1/device/update', { label });
      return update(b, { request }, asEdge());
    };
    for (let count = 0; count < 10; count += 1) await rename(`Phone ${count}`);
    expect(await refusalOf(rename('Once more'))).toBe('TRY_LATER');
    expect(await refusalOf(polled(phone)), 'and goes on being asked').toBe('none');
  });

  test('is not silenced by a stranger who knows the name of its key', async () => {
    const { phone } = await withPhone();
    for (let count = 0; count < 100; count += 1) {
      const { request } = await phone.sign('/v1/device/poll', { keySet: phone.keySet.version, wait: 0 });
      const forged = { ...request, body: '{}' };
      expect(await refusalOf(poll(b, { request: forged }, asEdge()))).toBe('SIGNATURE_INVALID');
    }
    expect(await refusalOf(polled(phone))).toBe('none');
  });
});

describe('fatigue (R22)', () => {
  test('of 100 logins three reach the phone; then it is quiet, and the person gets in in another way', async () => {
    const { owner, phone } = await withPhone();
    await enrol(a, { userId: owner.userId, type: 'phone', phone: '+37120000055', verified: true }, requestOf());
    const said: Record<string, number> = {};
    const seen = new Set<string>();
    for (let login = 0; login < 100; login += 1) {
      const outcome = await refusalOf(startFor(owner));
      said[outcome] = (said[outcome] ?? 0) + 1;
      for (const { challengeId } of login < 10 ? await polled(phone) : []) seen.add(challengeId);
    }
    expect(said).toEqual({ none: 3, TRY_LATER: 97 });
    expect(seen.size).toBe(3);
    const asked = await start(a, { username: owner.username, also: ['app'] }, asApplication());
    expect(asked.method).toBe('sms');
  });

  test('R10: a stranger who knows the name neither takes the prompt of a known browser away, nor keeps a phone from being enrolled', async () => {
    const { owner, phone } = await withPhone();
    const first = await prompted(owner, phone);
    await answered(phone, first.prompt, { decision: 'approve', number: first.number });
    const { challengeId } = await startFor(owner);
    const stranger = start(
      a,
      { username: owner.username, method: 'app', context: { ip: '192.0.2.9' } },
      asApplication(),
    );
    expect(await refusalOf(stranger)).toBe('TRY_LATER');
    expect(await stateOf(challengeId)).toBe('pending');
    const besieged = await person();
    for (let login = 0; login < 5; login += 1) await refusalOf(startFor(besieged));
    expect(await refusalOf(startFor(besieged))).toBe('TRY_LATER');
    expect(await refusalOf(begin(besieged))).toBe('none');
  });

  test('an approval ends the count', async () => {
    const { owner, phone } = await withPhone();
    for (let login = 0; login < 4; login += 1) {
      const { number, prompt } = await prompted(owner, phone);
      expect((await answered(phone, prompt, { decision: 'approve', number })).state).toBe('approved');
    }
  });

  test('R17: of whom is blocked, or says at the portal that it was not them, nothing is asked any more', async () => {
    const { owner, phone } = await withPhone();
    const { challengeId, prompt } = await prompted(owner, phone);
    const waiting = polled(phone, { wait: 20, known: [challengeId] });
    await sleep(300);
    await a.ledger.act(
      owner.userId,
      crypto.randomUUID(),
      () => ({
        append: { type: 'fraud.reported', applicationId: application.applicationId, loginId: 'x' },
      }),
      asApplication(),
    );
    a.wakePhones.of(owner.userId);
    expect(await waiting).toEqual([]);
    expect(await stateOf(challengeId)).toBe('denied');
    expect(await refusalOf(answered(phone, prompt, { decision: 'deny' }))).toBe('CHALLENGE_CLOSED');
  });

  test.each([
    ['disabled', ({ userId }: Person) => updateUser(a, { userId, status: 'disabled' }, requestOf())],
    ['deleted', ({ userId }: Person) => deleteUser(a, { userId }, requestOf())],
  ])('R17: a phone that shows a login of somebody who is %s hears at once that it is over', async (_, end) => {
    const { owner, phone } = await withPhone();
    const { challengeId } = await prompted(owner, phone);
    const waiting = polled(phone, { wait: 20, known: [challengeId] });
    await sleep(300);
    const startedAt = performance.now();
    await end(owner);
    expect(await waiting).toEqual([]);
    expect(performance.now() - startedAt, 'and not after the wait').toBeLessThan(3000);
  });

  test('DEV-33: whoever waits for another login hears of a report at once', async () => {
    const { owner, phone } = await withPhone();
    const { prompt } = await prompted(owner, phone);
    const { challengeId } = await startFor(owner, { by: other });
    const waiting = get(b, { challengeId, waitSeconds: 20 }, asApplication(other));
    // Between two of the looks that it takes by itself.
    await sleep(300);
    const startedAt = performance.now();
    await answered(phone, prompt, { decision: 'fraud' });
    expect((await waiting).state).toBe('denied');
    expect(performance.now() - startedAt, 'and not with its next look').toBeLessThan(2000);
  });

  test('DEV-33: where a report does not block, it brings the silence all the same', async () => {
    const version = 1;
    const document = { app: { activationSeconds: 60, reportBlocks: false } };
    await set(a, { scope: 'global', expectedVersion: version, document }, requestOf());
    await Promise.all([a, b].map(({ policies }) => policies.refresh()));
    const { owner, phone } = await withPhone();
    const { prompt } = await prompted(owner, phone);
    await answered(phone, prompt, { decision: 'fraud' });
    expect(await refusalOf(startFor(owner))).toBe('TRY_LATER');
    const strict = { app: { activationSeconds: 60 } };
    await set(a, { scope: 'global', expectedVersion: version + 1, document: strict }, requestOf());
    await Promise.all([a, b].map(({ policies }) => policies.refresh()));
  });

  test('R17: an approval from before a report is worth nothing after it', async () => {
    const { owner, phone } = await withPhone();
    const mine = await prompted(owner, phone);
    const theirs = await prompted(owner, phone, { by: other });
    await answered(phone, mine.prompt, { decision: 'approve', number: mine.number });
    await sleep(5);
    await answered(phone, theirs.prompt, { decision: 'fraud' });
    expect(await refusalOf(claim(a, { challengeId: mine.challengeId }, asApplication()))).toBe('CHALLENGE_CLOSED');
  });

  test('DEV-33: after "this was not me" everything under way ends and nothing more is sent until it is lifted', async () => {
    const { owner, phone } = await withPhone();
    await enrol(a, { userId: owner.userId, type: 'phone', phone: '+37120000056', verified: true }, requestOf());
    const theirs = await prompted(owner, phone);
    const bySms = await startFor(owner, { by: other, method: 'sms' });
    expect((await answered(phone, theirs.prompt, { decision: 'fraud' })).state).toBe('denied');
    expect((await get(b, { challengeId: bySms.challengeId }, asApplication(other))).state).toBe('denied');
    const { promptsStopped } = await viewUser(b, owner.userId);
    expect(Math.abs(Date.parse(promptsStopped?.at ?? '') - Date.now()), 'and whoever looks sees it').toBeLessThan(
      30_000,
    );
    expect(await refusalOf(startFor(owner))).toBe('none');
    expect(await polled(phone)).toEqual([]);
    expect((await start(a, { username: owner.username, also: ['app'] }, asApplication())).method).toBe('sms');
    await unblock(a, { userId: owner.userId, reason: 'talked to them' }, requestOf());
    expect(await refusalOf(startFor(owner))).toBe('none');
    expect(await viewUser(b, owner.userId)).not.toHaveProperty('promptsStopped');
    expect(await polled(phone)).toHaveLength(1);
  });

  test('R21: whoever asks for the app hears of somebody who reported a login what they hear of a name that nobody has', async () => {
    const { owner, phone } = await withPhone();
    const nobody = { userId: '', username: 'nobody-at-all' };
    const theirs = await prompted(owner, phone);
    await startFor(nobody);
    await answered(phone, theirs.prompt, { decision: 'fraud' });
    const shapeOf = ({ number, prompt, ...started }: StartedChallenge) => {
      const digits = number?.length;
      // What other ways a name has is its own, also where nobody has the name.
      return {
        ...started,
        challengeId: '',
        expiresAt: '',
        alternatives: [],
        digits,
        prompt: prompt.replace(/\d+/, ''),
      };
    };
    const heardOf = async (whom: Person) => {
      const heard: unknown[] = [];
      for (let login = 0; login < 4; login += 1) {
        const refused = ({ code, detail, retryAfterSeconds }: MfaError) => ({ code, detail, retryAfterSeconds });
        heard.push(await startFor(whom).then(shapeOf, refused));
      }
      return heard;
    };
    const [heard, ofNobody] = [await heardOf(owner), await heardOf(nobody)];
    expect(heard).toEqual(ofNobody);
    expect(heard).toMatchObject([{ state: 'pending' }, { state: 'pending' }, { code: 'TRY_LATER' }, {}]);
    expect(await polled(phone)).toEqual([]);
  });
});
