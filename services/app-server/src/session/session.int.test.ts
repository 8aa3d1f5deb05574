import { randomBytes } from 'node:crypto';
import { MfaError, type PolicyDocument } from '@countersign/contracts';
import { base32Decode, totpCode, totpStep } from '@countersign/otp';
import { createMetrics } from '@countersign/telemetry';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as account from '../account/testing/calls.ts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { TrailEvent } from '../audit/trail.ts';
import { confirm as confirmAuthenticator } from '../authenticator/confirm.ts';
import { enrol as enrolAuthenticator } from '../authenticator/enrol.ts';
import { remove as removeAuthenticator } from '../authenticator/remove.ts';
import { get } from '../challenge/get.ts';
import { start } from '../challenge/start.ts';
import { verify } from '../challenge/verify.ts';
import { createBudgets } from '../dispatch/budget.ts';
import { createLimitStore } from '../dispatch/limit-store.ts';
import { ensureDispatchStreams } from '../dispatch/streams.ts';
import { grant } from '../enrolment/grant.ts';
import { withdraw } from '../enrolment/withdraw.ts';
import { relyingPartyOf } from '../passkey/relying-party.ts';
import { SoftwareAuthenticator } from '../passkey/testing/authenticator.ts';
import { set } from '../policy/set.ts';
import { requestOf, startHouse, type House, type Replica } from '../testing/house.ts';
import { block } from '../user/block.ts';
import { create } from '../user/create.ts';
import { unblock } from '../user/unblock.ts';
import { update } from '../user/update.ts';
import { confirm } from './confirm.ts';
import { end } from './end.ts';
import { open } from './open.ts';
import { natsSessions } from './sessions.ts';
import { ensureSessionStreams } from './stream.ts';

const ORIGIN = 'https://portal.example.com';
let house: House;
let a: Desk;
let b: Desk;
let trail: TrailEvent[] = [];
/** Codes that went out by SMS. */
let sent: string[] = [];
type Desk = ReturnType<typeof desk>;

function desk(replica: Replica) {
  return {
    ...replica,
    relyingParty: relyingPartyOf(ORIGIN),
    portalUrl: ORIGIN,
    randomBytes: (size: number) => randomBytes(size),
    settled: { number: 2 },
    sessions: natsSessions(replica.manager, replica.jetstream, replica.now),
    trail: { record: async (event: TrailEvent) => void trail.push(event) },
    budgets: { reserve: async () => ({ ok: true as const }) },
    dispatcher: { hand: async ({ code }: { code: string }) => void sent.push(code) },
    wake: {
      publish: () => undefined,
      subscribe: () => ({ next: async () => false, [Symbol.dispose]: () => undefined }),
    },
  };
}

const portal = requestOf({ scopes: ['portal', 'challenge'] }).application;
const stranger = requestOf({ scopes: ['portal', 'challenge'] }).application;
const request = (attemptId?: string, application = portal): AuthorisedRequest => ({
  ...requestOf(attemptId === undefined ? {} : { attemptId }),
  application,
});
let policyVersion = 0;
async function setPolicy(document: PolicyDocument): Promise<void> {
  await set(a, { scope: 'global', expectedVersion: policyVersion, document }, requestOf());
  policyVersion += 1;
  await Promise.all([a.policies.refresh(), b.policies.refresh()]);
}

beforeAll(async () => {
  house = await startHouse('session');
  [a, b] = [desk(await house.replica('a')), desk(await house.replica('b'))];
  await ensureSessionStreams(a.manager, 1);
});
afterAll(() => house.stop());

let counter = 0;
interface Someone {
  userId: string;
  username: string;
  secret?: string;
}
async function someone(has: 'phone' | 'totp' | 'nothing' = 'phone'): Promise<Someone> {
  const { userId, username } = await create(a, { username: `person-${counter++}` }, requestOf());
  if (has === 'phone') {
    await enrolAuthenticator(a, { userId, type: 'phone', phone: '+37120000011', verified: true }, requestOf());
  }
  if (has !== 'totp') return { userId, username };
  const { authenticatorId, secret = '' } = await enrolAuthenticator(a, { userId, type: 'totp' }, request());
  await confirmAuthenticator(a, { userId, authenticatorId, code: codeOf(secret, -1) }, request());
  return { userId, username, secret };
}
const codeOf = (secret: string, step = 0) => {
  const shape = { algorithm: 'SHA1', digits: 6, periodSeconds: 30 } as const;
  return totpCode({ ...shape, secret: base32Decode(secret)! }, totpStep(Date.now(), 30) + step);
};
const first = async ({ userId }: Someone, on = a, application = portal) =>
  (await on.evidence.issueFirstFactor({ userId, amr: ['pwd'], at: on.now() }, application)).firstFactor;
/** The result of a challenge. */
async function prove({ username, secret }: Someone, application = portal): Promise<string> {
  const by = () => request(undefined, application);
  const { challengeId } = await start(a, { username }, by());
  const code = secret === undefined ? (sent.at(-1) ?? '') : codeOf(secret);
  return (await verify(b, { challengeId, code }, by())).result;
}
async function signedIn(who: Someone) {
  const firstFactor = await first(who);
  return open(b, { firstFactor, proof: await prove(who) }, request());
}
const refusalOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: unknown) => (error instanceof MfaError ? error.code : String(error)),
  );

test('a prompt is in the language of the page, and a message in the person’s', async () => {
  const { userId, username } = await someone();
  await update(a, { userId, language: 'ru' }, requestOf());
  expect((await start(a, { username }, request())).prompt).toMatch(/^Введите код из SMS/);
  const languages: string[] = [];
  const dispatcher = { hand: async (job: { language: string }) => void languages.push(job.language) };
  const { prompt } = await start({ ...a, dispatcher }, { username, language: 'en' }, request());
  expect(prompt).toMatch(/^Enter the 6-digit code sent to/);
  expect(languages).toEqual(['ru']);
});

describe('a sign-in that has ended', () => {
  const report = ({ userId }: Someone) =>
    a.ledger.act(
      userId,
      crypto.randomUUID(),
      () => ({ append: { type: 'fraud.reported', applicationId: portal.applicationId, loginId: 'x' } }),
      request(),
    );

  test('DEV-33: nothing is asked, sent or told for it any more; a new one goes on', async () => {
    const who = await someone();
    const { username } = who;
    const evidence = await first(who);
    const { access } = await signedIn(who);
    const { challengeId } = await start(a, { username, evidence }, request());
    expect((await get(b, { challengeId, evidence }, request())).state).toBe('pending');
    await new Promise((resolve) => setTimeout(resolve, 5));
    await report(who);
    const before = sent.length;
    for (const shown of [evidence, access]) {
      expect(await refusalOf(start(b, { username, evidence: shown, method: 'sms' }, request()))).toBe('SIGN_IN_NEEDED');
      expect(await refusalOf(get(b, { challengeId, evidence: shown }, request()))).toBe('SIGN_IN_NEEDED');
    }
    expect(sent).toHaveLength(before);
    expect(await refusalOf(start(b, { username, evidence: await first(who) }, request()))).toBe('none');
  });

  test('R14: that of somebody else, or of another application, asks nobody', async () => {
    const [alice, mallory] = [await someone(), await someone()];
    const { username } = alice;
    const { challengeId } = await start(a, { username }, request());
    for (const evidence of [await first(mallory), await first(alice, a, stranger), 'x']) {
      expect(await refusalOf(start(a, { username, evidence }, request()))).toBe('SIGN_IN_NEEDED');
      expect(await refusalOf(get(a, { challengeId, evidence }, request()))).toBe('SIGN_IN_NEEDED');
    }
  });
});

describe('session.open', () => {
  test('a first and a second factor open a session, on whichever replicas', async () => {
    const who = await someone();
    const opened = await signedIn(who);
    expect(opened).toMatchObject({ level: 'full', userId: who.userId, idleSeconds: 900, maxSessions: 5 });
    expect(Date.parse(opened.freshUntil) - Date.now()).toBeGreaterThan(290_000);
    expect(await account.get(a, { access: opened.access }, request())).toMatchObject({ username: who.username });
    expect(trail.at(-1)).toMatchObject({ type: 'session.opened', userId: who.userId });
  });

  test('INV-21: the same attempt opens the same session', async () => {
    const who = await someone();
    const input = { firstFactor: await first(who), proof: await prove(who) };
    const attempt = request();
    const [one, two] = [await open(a, input, attempt), await open(b, input, attempt)];
    const ids = await Promise.all([one, two].map(({ access }) => a.evidence.readAccess(access, portal)));
    expect(ids[0]?.sessionId).toBe(ids[1]?.sessionId);
  });

  test('R14, R16, R19: what was proved by another, for another, before, or not at all opens nothing', async () => {
    const [alice, mallory] = [await someone(), await someone()];
    const proof = await prove(mallory);
    const firstFactor = await first(alice);
    const old = await prove(alice);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const later = await first(alice);
    const elsewhere = await first(alice, a, stranger);
    const refused = {
      'of another person': { firstFactor, proof },
      'from before the password': { firstFactor: later, proof: old },
      'a first factor at another application': { firstFactor: elsewhere, proof: old },
      'no second factor': { firstFactor },
      'an access code in its place': { firstFactor, accessCode: '0000-0000-0000' },
      'a result in place of the first factor': { firstFactor: old, proof: old },
      nothing: { firstFactor: 'x', proof: 'x' },
    };
    for (const [what, input] of Object.entries(refused)) {
      expect(await refusalOf(open(a, input, request())), what).toBe('SIGN_IN_NEEDED');
    }
  });

  test('R17: nobody who is disabled or blocked comes in, nor goes on', async () => {
    for (const keepOut of [
      (userId: string) => update(a, { userId, status: 'disabled' }, requestOf()),
      (userId: string) => block(a, { userId, reason: 'lost phone' }, requestOf()),
    ]) {
      const who = await someone();
      const { access } = await signedIn(who);
      const [firstFactor, proof] = [await first(who), await prove(who)];
      await keepOut(who.userId);
      expect(await refusalOf(open(b, { firstFactor, proof }, request()))).toBe('SIGN_IN_NEEDED');
      expect(await refusalOf(account.get(b, { access }, request()))).toBe('SIGN_IN_NEEDED');
    }
  });

  test('APP-06: what was said before somebody was kept out, or signed out, counts no more when they are back', async () => {
    const by = requestOf();
    const ways: Record<string, (userId: string) => Promise<unknown>> = {
      disabled: async (userId) => {
        await update(a, { userId, status: 'disabled' }, by);
        await update(a, { userId, status: 'enabled' }, requestOf());
      },
      blocked: async (userId) => {
        await block(a, { userId, reason: 'lost phone' }, requestOf());
        await unblock(a, { userId, reason: 'found it' }, requestOf());
      },
      'signed out': (userId) => end(a, { userId, reason: 'asked for' }, requestOf()),
    };
    for (const [how, signOut] of Object.entries(ways)) {
      const who = await someone();
      const { access } = await signedIn(who);
      const [firstFactor, proof] = [await first(who), await prove(who)];
      await new Promise((resolve) => setTimeout(resolve, 5));
      await signOut(who.userId);
      expect(await refusalOf(account.get(b, { access }, request())), how).toBe('SIGN_IN_NEEDED');
      expect(await refusalOf(confirm(b, { access, proof: await prove(who) }, request())), how).toBe('SIGN_IN_NEEDED');
      expect(await refusalOf(open(b, { firstFactor, proof }, request())), how).toBe('SIGN_IN_NEEDED');
      const again = await signedIn(who);
      expect(await account.get(a, { access: again.access }, request()), how).toMatchObject({ userId: who.userId });
    }
  });

  test('APP-06: whoever signs everybody out ends a session that is just being opened, or rises', async () => {
    const signOut = (userId: string) => end(a, { userId, reason: 'asked for' }, requestOf());
    const lookingBy = (peek: Desk['ledger']['peek']) =>
      ({ peek, act: b.ledger.act.bind(b.ledger) }) as unknown as Desk['ledger'];
    for (const lastLook of [1, 2]) {
      const who = await someone();
      const [firstFactor, proof] = [await first(who), await prove(who)];
      await new Promise((resolve) => setTimeout(resolve, 5));
      let looks = 0;
      const peek: Desk['ledger']['peek'] = async (userId, ...rest) => {
        looks += 1;
        const seen = await b.ledger.peek(userId, ...rest);
        if (looks === lastLook) await signOut(userId);
        return seen;
      };
      const racing = { ...b, ledger: lookingBy(peek) };
      const opened = await open(racing, { firstFactor, proof }, request()).catch(() => undefined);
      expect(looks).toBeGreaterThanOrEqual(lastLook);
      const access = opened?.access ?? 'none';
      expect(await refusalOf(account.get(a, { access }, request())), `look ${lastLook}`).toBe('SIGN_IN_NEEDED');
    }

    const newcomer = await someone('nothing');
    const facts = {
      sessionId: 's',
      userId: newcomer.userId,
      level: 'enrolment',
      amr: ['pwd'],
      confirmedAt: 0,
    } as const;
    const times = { issuedAt: a.now(), endsAt: a.now() + 60_000 };
    const access = await a.evidence.issueAccess({ ...facts, ...times }, portal);
    const { authenticatorId, secret = '' } = await account.enrol(a, { access, type: 'totp' }, request());
    await new Promise((resolve) => setTimeout(resolve, 5));
    const peek: Desk['ledger']['peek'] = async (userId, ...rest) => {
      const seen = await b.ledger.peek(userId, ...rest);
      await signOut(userId);
      return seen;
    };
    const racing = { ...b, ledger: lookingBy(peek) };
    const rising = account.confirm(racing, { access, authenticatorId, code: codeOf(secret) }, request());
    const risen = (await rising.catch(() => undefined))?.access ?? 'none';
    expect(await refusalOf(account.get(a, { access: risen }, request()))).toBe('SIGN_IN_NEEDED');
  });

  test('portal.signIn: a first factor opens nothing where the policy does not offer it', async () => {
    const who = await someone();
    const input = { firstFactor: await first(who), proof: await prove(who) };
    await setPolicy({ portal: { signIn: ['passkey', 'provider'] } });
    try {
      expect(await refusalOf(open(b, input, request()))).toBe('NOT_ALLOWED');
      const { firstFactor } = await a.evidence.issueFirstFactor(
        { userId: who.userId, amr: ['fed'], at: a.now() },
        portal,
      );
      expect(await open(b, { ...input, firstFactor, proof: await prove(who) }, request())).toMatchObject({
        level: 'full',
      });
    } finally {
      await setPolicy({});
    }
  });

  test('a bypass lets in, and nothing sensitive follows from it', async () => {
    const who = await someone();
    await a.ledger.act(
      who.userId,
      crypto.randomUUID(),
      (_, now) => ({ append: { type: 'bypass.granted', expiresAt: now + 60_000, reason: 'test', by: 'test' } }),
      { deadline: Date.now() + 5000 },
    );
    const firstFactor = await first(who);
    const { result: proof = '' } = await start(a, { username: who.username }, request());
    const { access, level } = await open(a, { firstFactor, proof }, request());
    expect(level).toBe('full');
    expect(await refusalOf(account.enrol(a, { access, type: 'totp' }, request()))).toBe('STEP_UP_NEEDED');
  });
});

describe('the first factor', () => {
  test('R16, R18: takes an access code, which is good once, for one person, and for nothing else', async () => {
    const [alice, mallory] = [await someone('nothing'), await someone('nothing')];
    expect(await refusalOf(open(a, { firstFactor: await first(alice) }, request()))).toBe('ACCESS_CODE_NEEDED');
    const { accessCode } = await grant(a, { userId: alice.userId, reason: 'first day' }, requestOf());
    const theirs = { firstFactor: await first(mallory), accessCode };
    expect(await refusalOf(open(a, theirs, request()))).toBe('CODE_REJECTED');

    const input = { firstFactor: await first(alice), accessCode: accessCode.toLowerCase().replaceAll('-', ' ') };
    const { access, level } = await open(b, input, request());
    expect(level).toBe('enrolment');
    expect(await refusalOf(open(a, input, request()))).toBe('CODE_REJECTED');
    const view = await account.get(a, { access }, request());
    expect(view.may).toMatchObject({ remove: false, rename: false, seeHistory: false, bypassSeconds: 0 });
    for (const [name, call] of Object.entries(account.NOT_FOR_NEWCOMERS)) {
      expect(await refusalOf(call(a, access, request())), name).toBe('NOT_ALLOWED');
    }

    const enrolled = await account.enrol(a, { access, type: 'totp' }, request());
    const { authenticatorId, secret = '' } = enrolled;
    const confirmed = await account.confirm(b, { access, authenticatorId, code: codeOf(secret) }, request());
    const { factors, level: now } = await account.get(b, { access: confirmed.access ?? '' }, request());
    expect(now).toBe('full');
    expect(factors).toMatchObject([{ type: 'totp', state: 'active' }]);
    // The evidence from before enrols no second one.
    expect(await refusalOf(account.enrol(a, { access, type: 'totp' }, request()))).toBe('NOT_ALLOWED');
  });

  test('R16: of two who were let in to enrol the first, one does, and the other signs in with it or not at all', async () => {
    await setPolicy({ portal: { firstEnrolment: 'password' } });
    try {
      const owner = await someone('nothing');
      const letIn = async () => (await open(a, { firstFactor: await first(owner) }, request())).access;
      const [thief, theirs] = [await letIn(), await letIn()];
      const begun = await account.enrol(a, { access: thief, type: 'totp' }, request());
      const own = await account.enrol(b, { access: theirs, type: 'totp' }, request());
      const confirmed = await account.confirm(
        b,
        { access: theirs, authenticatorId: own.authenticatorId, code: codeOf(own.secret ?? '') },
        request(),
      );
      const late = { access: thief, authenticatorId: begun.authenticatorId, code: codeOf(begun.secret ?? '') };
      const attempt = request();
      for (const desk of [a, b]) {
        expect(await refusalOf(account.confirm(desk, late, attempt))).toBe('SIGN_IN_NEEDED');
      }
      const { factors } = await account.get(a, { access: confirmed.access ?? '' }, request());
      expect(factors.filter(({ state }) => state === 'active')).toMatchObject([
        { authenticatorId: own.authenticatorId },
      ]);
    } finally {
      await setPolicy({});
    }
  });

  test('R16: a new access code, and a factor that an administrator took away, end what was let in before', async () => {
    const who = await someone('nothing');
    const enter = async () => {
      const { accessCode } = await grant(a, { userId: who.userId, reason: 'first day' }, requestOf());
      return (await open(a, { firstFactor: await first(who), accessCode }, request())).access;
    };
    const before = await enter();
    const access = await enter();
    expect(await refusalOf(account.enrol(b, { access: before, type: 'totp' }, request()))).toBe('SIGN_IN_NEEDED');
    const { authenticatorId, secret = '' } = await account.enrol(b, { access, type: 'totp' }, request());
    const confirmed = await account.confirm(b, { access, authenticatorId, code: codeOf(secret) }, request());
    await removeAuthenticator(a, { userId: who.userId, authenticatorId }, requestOf());
    expect(await refusalOf(account.enrol(b, { access, type: 'totp' }, request()))).toBe('SIGN_IN_NEEDED');
    // Whoever proved a factor since is signed in as before.
    expect(await account.get(b, { access: confirmed.access ?? '' }, request())).toMatchObject({ level: 'full' });
  });

  test('R1: of 100 at once on two replicas one gets in with an access code', async () => {
    const who = await someone('nothing');
    const { accessCode } = await grant(a, { userId: who.userId, reason: 'first day' }, requestOf());
    const firstFactor = await first(who);
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, (_, n) =>
        refusalOf(open(n % 2 === 0 ? a : b, { firstFactor, accessCode }, request())),
      ),
    );
    expect(outcomes.filter((outcome) => outcome === 'none')).toHaveLength(1);
  });

  test('AAL-21: wrong access codes spend a budget of their own, and a withdrawn one is wrong', async () => {
    const who = await someone('nothing');
    const { accessCode } = await grant(a, { userId: who.userId, reason: 'first day' }, requestOf());
    await withdraw(a, { userId: who.userId }, requestOf());
    const firstFactor = await first(who);
    expect(await refusalOf(open(a, { firstFactor, accessCode }, request()))).toBe('CODE_REJECTED');
    const outcomes: string[] = [];
    for (let tries = 0; tries < 6; tries += 1) {
      outcomes.push(await refusalOf(open(b, { firstFactor, accessCode: '0000-0000-0000' }, request())));
    }
    expect(outcomes.slice(0, 4)).toEqual(Array.from({ length: 4 }, () => 'CODE_REJECTED'));
    expect(outcomes.at(-1)).toBe('TRY_LATER');
  });

  test('wrong access codes keep nobody from the next one that an administrator gives', async () => {
    const who = await someone('nothing');
    const firstFactor = await first(who);
    const use = (accessCode: string, on: Desk) => refusalOf(open(on, { firstFactor, accessCode }, request()));
    for (let tries = 0; tries < 6; tries += 1) await use('0000-0000-0000', tries % 2 === 0 ? a : b);
    expect(await use('0000-0000-0000', b)).toBe('TRY_LATER');
    const { accessCode } = await grant(a, { userId: who.userId, reason: 'mistyped' }, requestOf());
    expect(await use(accessCode, b)).toBe('none');
  });

  test('R18: by password alone only where the policy says so, and not after the account was forgotten', async () => {
    await setPolicy({ portal: { firstEnrolment: 'password', dormantDays: 30 } });
    try {
      const who = await someone('nothing');
      for (const [days, outcome] of [
        [0, 'none'],
        [29, 'none'],
        [31, 'ACCESS_CODE_NEEDED'],
      ] as const) {
        const forgotten = await someone('nothing');
        const later = desk(await house.replica(`later-${days}`));
        later.advance(days * 86_400_000);
        await later.policies.refresh();
        const firstFactor = await first(forgotten, later);
        expect(await refusalOf(open(later, { firstFactor }, request())), `${days} days`).toBe(outcome);
      }
      // Nor does it let in whoever has a factor.
      expect(await refusalOf(open(a, { firstFactor: await first(await someone()) }, request()))).toBe('SIGN_IN_NEEDED');
      expect(await open(a, { firstFactor: await first(who) }, request())).toMatchObject({ level: 'enrolment' });
    } finally {
      await setPolicy({});
    }
  });
});

describe('session.confirm', () => {
  test('APP-08: what is sensitive needs a second factor of the last minutes, asked once more', async () => {
    const who = await someone();
    const { access } = await signedIn(who);
    const late = desk(await house.replica('late'));
    late.advance(301_000);
    for (const [name, call] of Object.entries(account.SENSITIVE)) {
      expect(await refusalOf(call(late, access, request())), name).toBe('STEP_UP_NEEDED');
    }
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const again = await confirm(a, { access, proof: await prove(who) }, request());
    expect(Date.parse(again.freshUntil)).toBeGreaterThan(Date.now() + 295_000);
    const [before, after] = [
      await a.evidence.readAccess(access, portal),
      await a.evidence.readAccess(again.access, portal),
    ];
    expect([after.sessionId, after.endsAt]).toEqual([before.sessionId, before.endsAt]);
    expect(await account.enrol(a, { access: again.access, type: 'totp' }, request())).toMatchObject({
      state: 'pending',
    });
  });

  test('R14: of somebody else, or the one that signed in, it is none', async () => {
    const [alice, mallory] = [await someone(), await someone()];
    const firstFactor = await first(alice);
    const proof = await prove(alice);
    const { access } = await open(a, { firstFactor, proof }, request());
    expect(await refusalOf(confirm(a, { access, proof }, request()))).toBe('SIGN_IN_NEEDED');
    const theirs = await prove(mallory);
    expect(await refusalOf(confirm(a, { access, proof: theirs }, request()))).toBe('SIGN_IN_NEEDED');
  });
});

describe.each(Object.entries(account.ALL))('%s', (_, call) => {
  test('R14, R16: takes the evidence of a session and nothing else', async () => {
    const who = await someone();
    const { access } = await signedIn(who);
    const other = await someone();
    const wrong = { firstFactor: await first(who), proof: await prove(other), nothing: 'x' };
    for (const [what, token] of Object.entries(wrong)) {
      expect(await refusalOf(call(b, token, request())), what).toBe('SIGN_IN_NEEDED');
    }
    expect(await refusalOf(call(b, access, request(undefined, stranger)))).toBe('SIGN_IN_NEEDED');
    const over = desk(await house.replica('over'));
    over.advance(28_801_000);
    expect(await refusalOf(call(over, access, request()))).toBe('SIGN_IN_NEEDED');
  });
});

describe('account', () => {
  test('every switch of the policy is honoured here, whatever the page shows', async () => {
    const who = await someone();
    const { access } = await signedIn(who);
    const switches: [PolicyDocument, Promise<unknown> | (() => Promise<unknown>)][] = [
      [{ portal: { enrol: [] } }, () => account.enrol(a, { access, type: 'totp' }, request())],
      [{ portal: { enrol: ['totp'] } }, () => account.enrol(a, { access, type: 'passkey' }, request())],
      [{ portal: { enrol: ['totp'] } }, () => account.enrol(a, { access, type: 'recovery' }, request())],
      [
        { portal: { maxPhones: 0 } },
        () => account.enrol(a, { access, type: 'phone', phone: '+37120000012' }, request()),
      ],
      [
        { portal: { remove: false } },
        () => account.remove(a, { access, authenticatorId: crypto.randomUUID() }, request()),
      ],
      [
        { portal: { rename: false } },
        () => account.rename(a, { access, authenticatorId: crypto.randomUUID(), label: 'x' }, request()),
      ],
      [{ portal: { chooseMethod: false } }, () => account.update(a, { access, methods: ['totp'] }, request())],
      [{ portal: { chooseLanguage: false } }, () => account.update(a, { access, language: 'ru' }, request())],
      [{ portal: { bypassSeconds: 0 } }, () => account.bypass(a, { access, seconds: 60 }, request())],
      [{ portal: { bypassSeconds: 30 } }, () => account.bypass(a, { access, seconds: 60 }, request())],
      [
        { portal: { history: false } },
        () => account.history({ ...a, applications: { all: () => [] } }, { access }, request()),
      ],
    ];
    for (const [document, call] of switches) {
      await setPolicy(document);
      expect(await refusalOf(typeof call === 'function' ? call() : call), JSON.stringify(document)).toBe('NOT_ALLOWED');
    }
    await setPolicy({ portal: { bypassSeconds: 60 } });
    expect(await account.bypass(a, { access, seconds: 60 }, request())).toHaveProperty('expiresAt');
    await setPolicy({});
  });

  test('a phone is taken for what it is, and no more of them than allowed', async () => {
    const who = await someone('totp');
    const { access } = await signedIn(who);
    for (const phone of ['+3712000', '+99912345678', '+10000000000']) {
      expect(await refusalOf(account.enrol(a, { access, type: 'phone', phone }, request())), phone).toBe(
        'REQUEST_INVALID',
      );
    }
    sent = [];
    const { authenticatorId, notice } = await account.enrol(
      a,
      { access, type: 'phone', phone: '+37120000012' },
      request(),
    );
    expect(notice).toContain('intercepted');
    await account.confirm(b, { access, authenticatorId, code: sent[0] ?? '' }, request());
    await account.enrol(a, { access, type: 'phone', phone: '+37120000013' }, request());
    const third = account.enrol(a, { access, type: 'phone', phone: '+37120000014' }, request());
    expect(await refusalOf(third)).toBe('NOT_ALLOWED');
    const { factors, methods } = await account.get(a, { access }, request());
    expect(factors).toHaveLength(3);
    expect(methods).toEqual(['totp', 'sms']);
    expect(JSON.stringify(factors)).not.toContain('20000012');
  });

  test('no more phones than allowed, also of many that are begun at once on two replicas', async () => {
    const who = await someone('totp');
    const { access } = await signedIn(who);
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, (_, n) => {
        const phone = `+3712000002${n}`;
        return refusalOf(account.enrol(n % 2 === 0 ? a : b, { access, type: 'phone', phone }, request()));
      }),
    );
    expect(outcomes.toSorted()).toEqual([...Array.from({ length: 6 }, () => 'NOT_ALLOWED'), 'none', 'none']);
  });

  test('R23: who enrols one number after another, and takes each away, has the messages of one number', async () => {
    await ensureDispatchStreams(a.manager, 1);
    const metrics = createMetrics({ service: 'test', replica: 'r', processMetrics: false });
    const desks = [a, b].map((on) => ({
      ...on,
      budgets: createBudgets({ ...on, store: createLimitStore(on), metrics }),
    }));
    const who = await someone('totp');
    const { access } = await signedIn(who);
    sent = [];
    const outcomes: string[] = [];
    for (let n = 0; n < 12; n += 1) {
      const on = desks[n % 2]!;
      const phone = `+371200000${30 + n}`;
      const begun = account.enrol(on, { access, type: 'phone', phone }, request());
      outcomes.push(await refusalOf(begun));
      const { factors } = await account.get(on, { access }, request());
      for (const { authenticatorId } of factors.filter(({ state }) => state === 'pending')) {
        await account.remove(on, { access, authenticatorId }, request());
      }
    }
    expect(outcomes).toEqual(Array.from({ length: 12 }, (_, n) => (n < 5 ? 'none' : 'TRY_LATER')));
    expect(sent).toHaveLength(5);
  });

  test('a passkey is added and found, and another name and order hold on every replica', async () => {
    const who = await someone();
    const { access } = await signedIn(who);
    const key = new SoftwareAuthenticator(ORIGIN);
    const { authenticatorId, passkey = {} } = await account.enrol(
      a,
      { access, type: 'passkey', label: 'Laptop' },
      request(),
    );
    await account.confirm(b, { access, authenticatorId, passkey: key.create(passkey) }, request());
    await account.rename(a, { access, authenticatorId, label: 'My laptop' }, request());
    await account.update(b, { access, language: 'ru', methods: ['sms', 'passkey'] }, request());
    const view = await account.get(a, { access }, request());
    expect(view).toMatchObject({ language: 'ru', methods: ['sms', 'passkey'] });
    expect(view.factors.map(({ label }) => label)).toContain('My laptop');
    const asked = await start(a, { username: who.username, also: ['passkey'] }, request());
    expect(asked).toMatchObject({ method: 'sms', alternatives: ['passkey'] });
    const foreign = account.rename(a, { access, authenticatorId: crypto.randomUUID(), label: 'x' }, request());
    expect(await refusalOf(foreign)).toBe('AUTHENTICATOR_NOT_FOUND');
  });

  test('the last factor stays, also of two that are removed at the same moment', async () => {
    const who = await someone();
    const { access } = await signedIn(who);
    const [only] = (await account.get(a, { access }, request())).factors;
    const remove = (authenticatorId = '', on = a) =>
      refusalOf(account.remove(on, { access, authenticatorId }, request()));
    expect(await remove(only?.authenticatorId)).toBe('LAST_AUTHENTICATOR');
    const { authenticatorId, secret = '' } = await account.enrol(a, { access, type: 'totp' }, request());
    await account.confirm(a, { access, authenticatorId, code: codeOf(secret) }, request());
    const outcomes = await Promise.all([remove(only?.authenticatorId), remove(authenticatorId, b)]);
    expect(outcomes.toSorted()).toEqual(['LAST_AUTHENTICATOR', 'none']);
    expect((await account.get(b, { access }, request())).factors).toHaveLength(1);
  });

  test('signing out everywhere ends also what a list would not know yet', async () => {
    const who = await someone();
    const { access } = await signedIn(who);
    const elsewhere = await signedIn(who);
    const begun = { firstFactor: await first(who), proof: await prove(who) };
    await a.jetstream.publish(`sessions.${who.userId}.${randomBytes(32).toString('base64url')}`, 'sealed');
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await account.leave(b, { access }, request())).toEqual({ ended: 1 });
    for (const left of [access, elsewhere.access]) {
      expect(await refusalOf(account.get(a, { access: left }, request()))).toBe('SIGN_IN_NEEDED');
    }
    expect(await refusalOf(open(a, begun, request()))).toBe('SIGN_IN_NEEDED');
    expect(await signedIn(who)).toMatchObject({ level: 'full' });
  });

  test('"not me" ends every session at once, also of those that were begun elsewhere', async () => {
    const who = await someone();
    const { access } = await signedIn(who);
    const other = await someone();
    for (const owner of [who.userId, who.userId, other.userId]) {
      await a.jetstream.publish(`sessions.${owner}.${randomBytes(32).toString('base64url')}`, 'sealed');
    }
    expect(await account.report(b, { access, loginId: 'x' }, request())).toMatchObject({ sessionsEnded: 2 });
    expect((await a.ledger.peek(who.userId)).pushBlocked).toBeGreaterThan(0);
    expect(await end(a, { userId: other.userId, reason: 'asked for' }, requestOf())).toMatchObject({ ended: 1 });
    expect(await end(a, { userId: other.userId, reason: 'asked for' }, requestOf())).toMatchObject({ ended: 0 });
  });
});

describe('recovery codes', () => {
  test('AAL-25: ten of 60 bits, shown once, each good once, and void when there are new ones', async () => {
    const who = await someone();
    const { access } = await signedIn(who);
    const attempt = request();
    const issued = await account.enrol(a, { access, type: 'recovery' }, attempt);
    const again = await account.enrol(b, { access, type: 'recovery' }, attempt);
    expect(again).toEqual(issued);
    const { codes = [] } = issued;
    expect(new Set(codes).size).toBe(10);
    const use = async (code: string, on = b) => {
      const { challengeId, method } = await start(a, { username: who.username, method: 'recovery' }, request());
      expect(method).toBe('recovery');
      return refusalOf(verify(on, { challengeId, code }, request()));
    };
    expect(await use(codes[0]!.toLowerCase())).toBe('none');
    expect(await use(codes[0]!)).toBe('CODE_REJECTED');
    expect((await account.get(b, { access }, request())).factors.find(({ type }) => type === 'recovery')).toMatchObject(
      {
        codesLeft: 9,
      },
    );
    await account.enrol(a, { access, type: 'recovery' }, request());
    expect(await use(codes[1]!)).toBe('CODE_REJECTED');
    const rows = await a.router.read((db) => db.selectFrom('recovery_set').selectAll().execute());
    expect(JSON.stringify(rows)).not.toContain(codes[2]!.replaceAll('-', ''));
  });

  test('AAL-25: of those made at once on two replicas the last count, and no others', async () => {
    const who = await someone();
    const { access } = await signedIn(who);
    const sets = await Promise.all(
      Array.from({ length: 5 }, (_, n) => account.enrol(n % 2 === 0 ? a : b, { access, type: 'recovery' }, request())),
    );
    const { factors } = await account.get(b, { access }, request());
    const left = factors.filter(({ type }) => type === 'recovery');
    expect(left).toMatchObject([{ codesLeft: 10 }]);
    for (const { authenticatorId, codes = [] } of sets) {
      const { challengeId } = await start(a, { username: who.username, method: 'recovery' }, request());
      const outcome = await refusalOf(verify(b, { challengeId, code: codes[0]! }, request()));
      const isLast = authenticatorId === left[0]?.authenticatorId;
      expect(outcome === 'none', outcome).toBe(isLast);
    }
  });

  test('R1: of 100 at once on two replicas one gets in, and a wrong one spends no other', async () => {
    const who = await someone();
    const { access } = await signedIn(who);
    const { codes = [] } = await account.enrol(a, { access, type: 'recovery' }, request());
    const challenges: string[] = [];
    for (let n = 0; n < 4; n += 1) {
      challenges.push((await start(a, { username: who.username, method: 'recovery' }, request())).challengeId);
    }
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, (_, n) =>
        refusalOf(verify(n % 2 === 0 ? a : b, { challengeId: challenges[n % 4]!, code: codes[0]! }, request())),
      ),
    );
    expect(outcomes.filter((outcome) => outcome === 'none')).toHaveLength(1);
  });

  test('an answer that was lost on its way is given again, and is no second use', async () => {
    const who = await someone();
    const { access } = await signedIn(who);
    const { codes = [] } = await account.enrol(a, { access, type: 'recovery' }, request());
    const { challengeId } = await start(a, { username: who.username, method: 'recovery' }, request());
    const attempt = request();
    await verify(a, { challengeId, code: codes[3]! }, attempt);
    expect(await verify(b, { challengeId, code: codes[3]! }, attempt)).toMatchObject({ state: 'approved' });
  });

  test('with the primary away nobody is let in by them, and by others everybody is', async () => {
    const who = await someone();
    const { access } = await signedIn(who);
    const { codes = [] } = await account.enrol(a, { access, type: 'recovery' }, request());
    const { challengeId } = await start(a, { username: who.username, method: 'recovery' }, request());
    const attempt = request();
    await house.whileHung([house.pair.primary], async () => {
      expect(await refusalOf(verify(b, { challengeId, code: codes[0]! }, attempt))).toBe('PRIMARY_UNAVAILABLE');
      expect(await prove(who)).toContain('.');
    });
    // Whether it was spent nobody knew: whoever repeats the attempt, as callers do, finds out.
    expect(await refusalOf(verify(a, { challengeId, code: codes[0]! }, attempt))).toBe('none');
  });

  test('are asked for only when somebody says that they can take them', async () => {
    const who = await someone();
    const { access } = await signedIn(who);
    await account.enrol(a, { access, type: 'recovery' }, request());
    expect((await start(a, { username: who.username }, request())).alternatives).toEqual([]);
    const { method, alternatives } = await start(a, { username: who.username, also: ['recovery'] }, request());
    expect([method, alternatives]).toEqual(['sms', ['recovery']]);
  });
});
