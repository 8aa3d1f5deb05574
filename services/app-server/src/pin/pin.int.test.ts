import { randomBytes } from 'node:crypto';
import { addressOfChallenge, DEFAULT_POLICY, MfaError, type PolicyDocument } from '@countersign/contracts';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { get as getAccount } from '../account/get.ts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { TrailEvent } from '../audit/trail.ts';
import { enrol as enrolAuthenticator } from '../authenticator/enrol.ts';
import { start } from '../challenge/start.ts';
import { verify } from '../challenge/verify.ts';
import { relyingPartyOf } from '../passkey/relying-party.ts';
import { set as setPolicy } from '../policy/set.ts';
import { open } from '../session/open.ts';
import { requestOf, startHouse, type House, type Replica } from '../testing/house.ts';
import { create } from '../user/create.ts';
import { remove as removeUser } from '../user/delete.ts';
import { choose } from './choose.ts';
import { forget } from './forget.ts';
import { formatPhc, parsePhc } from '../secret-hash/phc.ts';
import { remove } from './remove.ts';
import { set } from './set.ts';
import { pinOf } from './store.ts';

const ORIGIN = 'https://portal.example.com';
const RIGHT = '58203917';
let house: House;
let a: Desk;
let b: Desk;
let sent: string[] = [];
type Desk = ReturnType<typeof desk>;

function desk(replica: Replica) {
  return {
    ...replica,
    relyingParty: relyingPartyOf(ORIGIN),
    portalUrl: ORIGIN,
    randomBytes: (size: number) => randomBytes(size),
    trail: { record: async (_: TrailEvent) => undefined },
    budgets: { reserve: async () => ({ ok: true as const }) },
    dispatcher: { hand: async ({ code }: { code: string }) => void sent.push(code) },
    wake: { publish: () => undefined, subscribe: () => undefined as never },
  };
}

const portal = requestOf({ scopes: ['portal', 'challenge'] }).application;
const intranet = requestOf({ scopes: ['challenge'] }).application;
const by = (application = intranet): AuthorisedRequest => ({ ...requestOf(), application });
const versions = new Map<string, number>();
async function policy(document: PolicyDocument, scope = 'global'): Promise<void> {
  const expectedVersion = versions.get(scope) ?? 0;
  await setPolicy(a, { scope, expectedVersion, document }, requestOf());
  versions.set(scope, expectedVersion + 1);
  await Promise.all([a.policies.refresh(), b.policies.refresh()]);
}

beforeAll(async () => {
  house = await startHouse('pin');
  [a, b] = [desk(await house.replica('a')), desk(await house.replica('b'))];
  await policy({ pin: { methods: ['sms'] } });
});
afterAll(() => house.stop());
afterEach(async () => {
  await policy({ pin: { methods: ['sms'] } });
});

let counter = 0;
async function someone(): Promise<{ userId: string; username: string }> {
  const { userId, username } = await create(a, { username: `person-${counter++}` }, requestOf());
  await enrolAuthenticator(a, { userId, type: 'phone', phone: '+37120000012', verified: true }, requestOf());
  return { userId, username };
}
interface Asked {
  challengeId: string;
  code: string;
}
async function asked(username: string, application = intranet): Promise<Asked> {
  const { challengeId, pin, prompt } = await start(a, { username }, by(application));
  expect(pin).toBe(true);
  expect(prompt).toContain('PIN');
  return { challengeId, code: sent.at(-1) ?? '' };
}
const answer = ({ challengeId, code }: Asked, pin: string, application = intranet, on = b) =>
  verify(on, { challengeId, code, pin }, by(application));
const wrong = (code: string) => code.replace(/.$/, (last) => String((Number(last) + 1) % 10));
async function signIn({ userId, username }: { userId: string; username: string }, pin = ''): Promise<string> {
  const { firstFactor } = await a.evidence.issueFirstFactor({ userId, amr: ['pwd'], at: a.now() }, portal);
  const proof = (await answer(await asked(username, portal), pin, portal)).result;
  return (await open(b, { firstFactor, proof }, by(portal))).access;
}
async function withPin(pin = RIGHT) {
  const who = await someone();
  await choose(a, { access: await signIn(who), pin }, by(portal));
  return who;
}
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: unknown) => (error instanceof MfaError ? error.code : String(error)),
  );
const claimsOf = (jwt: string) =>
  JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;
const spent = async (userId: string) => (await a.ledger.peek(userId)).attempts.sms?.anywhere;

describe('a code that needs a PIN', () => {
  test('AAL-24: both right let in, on another replica, and the PIN is no method', async () => {
    const { username } = await withPin();
    const { result } = await answer(await asked(username), RIGHT);
    expect(claimsOf(result)['amr']).toEqual(['sms', 'otp']);
    expect(claimsOf(result)).not.toHaveProperty('pin');
  });

  test('whichever is wrong, it is one answer and one try', async () => {
    const { userId, username } = await withPin();
    const it = await asked(username);
    const refusals = await Promise.all(
      [
        [it.code, '58203918'],
        [wrong(it.code), RIGHT],
        [wrong(it.code), '58203918'],
        [it.code, ''],
      ].map(([code = '', pin = '']) => answer({ ...it, code }, pin).catch((error: unknown) => error)),
    );
    for (const refusal of refusals) {
      expect(refusal).toMatchObject({ code: 'CODE_REJECTED', detail: undefined, retryAfterSeconds: undefined });
    }
    expect(await spent(userId)).toMatchObject({ inARow: 4 });
    // OATH-25: none of that used the code up.
    expect(await codeOf(answer(it, RIGHT))).toBe('none');
    expect(await codeOf(answer(it, RIGHT))).toBe('CHALLENGE_CLOSED');
    expect(await spent(userId)).toMatchObject({ inARow: 0 });
  });

  test('without a PIN nothing is looked at and nothing is paid', async () => {
    const { userId, username } = await withPin();
    const { challengeId, code } = await asked(username);
    const refused = verify(b, { challengeId, code }, by());
    await expect(refused).rejects.toMatchObject({ code: 'REQUEST_INVALID', invalid: [{ pointer: '/pin' }] });
    expect((await spent(userId))?.inARow ?? 0).toBe(0);
  });

  test('however many guess at once, no more are looked at than the budget holds', async () => {
    const { username } = await withPin();
    const it = await asked(username);
    const outcomes = await Promise.all(
      Array.from({ length: 40 }, (_, index) => codeOf(answer(it, `7130${1000 + index}`, intranet, index % 2 ? a : b))),
    );
    expect(new Set(outcomes)).not.toContain('none');
    expect(outcomes.filter((outcome) => outcome === 'CODE_REJECTED').length).toBeLessThanOrEqual(
      DEFAULT_POLICY.attempts.free,
    );
  });

  test('INV-21: the same attempt on two replicas is one try, and one answer', async () => {
    const { userId, username } = await withPin();
    const { challengeId, code } = await asked(username);
    const request = by();
    const [one, two] = await Promise.all([a, b].map((on) => verify(on, { challengeId, code, pin: RIGHT }, request)));
    expect(one?.challengeId).toBe(two?.challengeId);
    expect(await spent(userId)).toMatchObject({ inARow: 0 });
  });

  test('R21: a name that nobody has is asked for one as well, and does the same work', async () => {
    const { username } = await withPin();
    const nobody = await start(a, { username: 'nobody-at-all', method: 'sms' }, by());
    expect(nobody.pin).toBe(true);
    const real = await asked(username);
    const hashed = vi.spyOn(b.pins, 'check');
    for (const { challengeId } of [nobody, real]) {
      expect(await codeOf(answer({ challengeId, code: wrong(real.code) }, '1'))).toBe('CODE_REJECTED');
      const { userId = '' } = addressOfChallenge(challengeId) ?? {};
      expect(await spent(userId)).toMatchObject({ inARow: 1 });
    }
    expect(hashed).toHaveBeenCalledTimes(2);
    hashed.mockRestore();
  });

  test('what was hashed with less is hashed anew when it is right', async () => {
    const { userId, username } = await withPin();
    const salt = Buffer.alloc(16, 9);
    const small = { memoryKib: 8192, passes: 1, parallelism: 1 };
    using place = a.pins.enter();
    const shape = { nonce: salt, memory: 8192, passes: 1, parallelism: 1, tagLength: 32 };
    const tag = await place.derive({ message: Buffer.from(RIGHT), ...shape });
    const hash = formatPhc({ ...small, salt, hash: a.ring.mac('pin-hash', userId, tag) });
    await a.router.write((db) => db.updateTable('user_pin').set({ hash }).where('user_id', '=', userId).execute());
    expect(await codeOf(answer(await asked(username), RIGHT))).toBe('none');
    await expect
      .poll(
        async () =>
          parsePhc((await a.router.read((db) => pinOf(db, userId), { from: 'primary' }))?.hash ?? '').memoryKib,
      )
      .toBe(19_456);
    expect(await codeOf(answer(await asked(username), RIGHT))).toBe('none');
  });
});

describe('whoever has none', () => {
  test('is told to set one, once the code was right; the code is used up', async () => {
    const { username } = await someone();
    const it = await asked(username);
    expect(await codeOf(answer({ ...it, code: wrong(it.code) }, ''))).toBe('CODE_REJECTED');
    expect(await codeOf(answer(it, '123'))).toBe('PIN_NEEDED');
    expect(await codeOf(answer(it, '123'))).toBe('CHALLENGE_CLOSED');
  });

  test('is let in at the portal, asked to set it there, and then let in elsewhere', async () => {
    const who = await someone();
    const access = await signIn(who);
    const view = await getAccount(a, { access }, by(portal));
    expect(view.pin).toEqual({
      isSet: false,
      isDue: false,
      isWanted: true,
      minLength: 8,
      mayChange: true,
      mayRemove: false,
    });
    await choose(a, { access, pin: RIGHT }, by(portal));
    expect((await getAccount(b, { access }, by(portal))).pin).toMatchObject({ isSet: true, isDue: false });
    expect(await codeOf(answer(await asked(who.username), RIGHT))).toBe('none');
  });

  test('also where one application alone asks for it', async () => {
    await policy({});
    const { applicationId } = intranet;
    await a.router.write((db) =>
      db
        .insertInto('application')
        .values({ application_id: applicationId, name: 'intranet', scopes: ['challenge'], created_at: new Date() })
        .execute(),
    );
    await policy({ pin: { methods: ['sms'] } }, applicationId);
    try {
      const who = await someone();
      const { pin } = await start(a, { username: who.username }, by(portal));
      expect(pin).toBeUndefined();
      expect(await codeOf(answer(await asked(who.username), ''))).toBe('PIN_NEEDED');
      expect(a.policies.wantPin()).toBe(true);
    } finally {
      await policy({}, applicationId);
    }
  });
});

describe('one that has to be changed', () => {
  test('as an administrator made it: lets in nowhere but at the portal, and only when it is right', async () => {
    const who = await someone();
    const { pin = '' } = await set(a, { userId: who.userId }, requestOf());
    expect(pin).toMatch(/^[0-9]{8}$/);
    const it = await asked(who.username);
    expect(await codeOf(answer(it, '58203917'))).toBe('CODE_REJECTED');
    expect(await codeOf(answer(it, pin))).toBe('PIN_NEEDED');
    expect(await codeOf(signIn(who, '58203917'))).toBe('CODE_REJECTED');
    const access = await signIn(who, pin);
    expect((await getAccount(a, { access }, by(portal))).pin).toMatchObject({ isSet: true, isDue: true });
    expect(await codeOf(choose(a, { access, pin }, by(portal)))).toBe('PIN_USED_BEFORE');
    await choose(a, { access, pin: RIGHT }, by(portal));
    expect(await codeOf(answer(await asked(who.username), RIGHT))).toBe('none');
  });

  test('INV-21: the same attempt shows the same PIN, and no PIN of an administrator says which ones were there before', async () => {
    const { userId } = await withPin();
    const request = requestOf();
    expect(await set(a, { userId }, request)).toEqual(await set(b, { userId }, request));
    expect(await codeOf(set(a, { userId, pin: RIGHT }, requestOf()))).toBe('none');
    expect(await codeOf(set(a, { userId, pin: '11111111' }, requestOf()))).toBe('PIN_WEAK');
  });

  test('after pin.lifeDays', async () => {
    const who = await withPin();
    const { userId } = who;
    await policy({ pin: { methods: ['sms'], lifeDays: 90 } });
    const setAt = new Date(Date.now() - 91 * 86_400_000);
    await a.router.write((db) =>
      db.updateTable('user_pin').set({ set_at: setAt }).where('user_id', '=', userId).execute(),
    );
    expect(await codeOf(answer(await asked(who.username), RIGHT))).toBe('PIN_NEEDED');
    const access = await signIn(who, RIGHT);
    expect((await getAccount(a, { access }, by(portal))).pin).toMatchObject({ isDue: true });
  });
});

describe('setting one’s own', () => {
  test('APP-08: takes a second factor of the last minutes', async () => {
    const access = await signIn(await someone());
    const stale = { ...a, now: () => Date.now() + 301_000 };
    expect(await codeOf(choose(stale, { access, pin: RIGHT }, by(portal)))).toBe('STEP_UP_NEEDED');
    expect(await codeOf(forget(stale, { access }, by(portal)))).toBe('STEP_UP_NEEDED');
  });

  test('takes none that is short, weak, or the end of one’s number', async () => {
    const access = await signIn(await someone());
    for (const [pin, code] of [
      ['5820391', 'REQUEST_INVALID'],
      ['12345678', 'PIN_WEAK'],
      ['20000012', 'PIN_WEAK'],
    ] as const) {
      expect(await codeOf(choose(a, { access, pin }, by(portal))), pin).toBe(code);
    }
  });

  test('takes none of the last few', async () => {
    await policy({ pin: { methods: ['sms'], history: 2 } });
    const who = await someone();
    const access = await signIn(who);
    const [one, two, three] = ['58203917', '60718293', '91827365'];
    const change = (pin: string) => codeOf(choose(a, { access, pin }, by(portal)));
    expect([await change(one), await change(one), await change(two), await change(one)]).toEqual([
      'none',
      'PIN_USED_BEFORE',
      'none',
      'PIN_USED_BEFORE',
    ]);
    expect([await change(three), await change(one)]).toEqual(['none', 'none']);
  });

  test('portal.setPin, and a policy that asks for none: not at all', async () => {
    const access = await signIn(await someone());
    await policy({ pin: { methods: ['sms'] }, portal: { setPin: false } });
    expect(await codeOf(choose(a, { access, pin: RIGHT }, by(portal)))).toBe('NOT_ALLOWED');
    await policy({});
    expect(await codeOf(choose(a, { access, pin: RIGHT }, by(portal)))).toBe('NOT_ALLOWED');
    expect((await getAccount(a, { access }, by(portal))).pin).toBeUndefined();
  });

  test('AAL-26: whoever has a phone is told when it is set, and when it is taken away', async () => {
    const kindsOf = async (userId: string) => {
      const rows = await a.router.read(
        (db) => db.selectFrom('notice').select('kind').where('user_id', '=', userId).execute(),
        {
          from: 'primary',
        },
      );
      return rows.map(({ kind }) => kind).filter((kind) => kind.startsWith('pin.'));
    };
    const { userId } = await withPin();
    expect(await kindsOf(userId)).toEqual(['pin.changed']);
    for (let times = 0; times < 3; times += 1) await remove(a, { userId, reason: 'forgotten' }, requestOf());
    expect(await kindsOf(userId), 'what is not there any more is removed once').toEqual(['pin.changed', 'pin.removed']);
  });

  test('removing it: not while it is asked for', async () => {
    const who = await withPin();
    const access = await signIn(who, RIGHT);
    expect(await codeOf(forget(a, { access }, by(portal)))).toBe('NOT_ALLOWED');
    await policy({});
    await forget(a, { access }, by(portal));
    expect(await codeOf(forget(a, { access }, by(portal))), 'there is none').toBe('NOT_ALLOWED');
    expect(await a.router.read((db) => pinOf(db, who.userId), { from: 'primary' })).toBeUndefined();
  });
});

test('an administrator takes it away, and it goes with its user', async () => {
  const [one, two] = [await withPin(), await withPin()];
  await remove(a, { userId: one.userId, reason: 'forgot it' }, requestOf());
  await remove(a, { userId: one.userId, reason: 'forgot it' }, requestOf());
  expect(await codeOf(answer(await asked(one.username), RIGHT))).toBe('PIN_NEEDED');
  await removeUser(a, { userId: two.userId }, requestOf());
  const rows = await a.router.read((db) => db.selectFrom('user_pin').select('user_id').execute(), { from: 'primary' });
  expect(rows.map((row) => row.user_id)).not.toContain(two.userId);
});

test('ADR 13: while the release before may run, which asks for none, no policy asks for one and none is set', async () => {
  const before = { ...a, settled: { ...a.settled, number: 1 } };
  const { userId } = await someone();
  const document = { pin: { methods: ['sms' as const] } };
  expect(await codeOf(setPolicy(before, { scope: 'global', expectedVersion: 0, document }, requestOf()))).toBe(
    'UPGRADE_UNFINISHED',
  );
  expect(await codeOf(set(before, { userId }, requestOf()))).toBe('UPGRADE_UNFINISHED');
});
