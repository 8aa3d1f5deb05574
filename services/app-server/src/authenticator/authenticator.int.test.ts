import { base32Decode, totpCode, totpStep, type OtpAlgorithm } from '@countersign/otp';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { decideStart, decideVerify } from '../challenge/decide.ts';
import { matcherFor } from '../challenge/match.ts';
import type { MessageDependencies } from '../challenge/message.ts';
import { isRemoved } from '../challenge/state.ts';
import { set } from '../policy/set.ts';
import { requestOf, startHouse, type House, type Replica } from '../testing/house.ts';
import { create } from '../user/create.ts';
import { get } from '../user/get.ts';
import { getLogin } from '../user/store.ts';
import { update } from '../user/update.ts';
import { confirm } from './confirm.ts';
import { enrol } from './enrol.ts';
import { remove } from './remove.ts';

type Job = Parameters<MessageDependencies['dispatcher']['hand']>[0];

let house: House;
let sent: Job[];
type Desk = Replica & Pick<MessageDependencies, 'budgets' | 'dispatcher'>;
let a: Desk;
let b: Desk;

beforeAll(async () => {
  house = await startHouse('authenticator');
  // What dispatch does with a message is tested there; here it is enough to see what was handed to it.
  const desk = async (name: string): Promise<Desk> => ({
    ...(await house.replica(name)),
    budgets: { reserve: async () => ({ ok: true }) },
    dispatcher: {
      hand: async (job) => {
        sent.push(job);
      },
    },
  });
  [a, b] = [await desk('a'), await desk('b')];
});
afterAll(() => house.stop());
beforeEach(() => {
  sent = [];
});

let counter = 0;
const fresh = async () => (await create(a, { username: `user-${counter++}` }, requestOf())).userId;
const application = requestOf().application;
const request = () => ({ ...requestOf(), application });
interface Shape {
  algorithm?: OtpAlgorithm;
  digits?: 6 | 8;
  periodSeconds?: 30 | 60;
}
/** What the app shows, now or some periods later. */
function codeOf(secret: string, shape: Shape = {}, later = 0): string {
  const totp = { algorithm: 'SHA1', digits: 6, periodSeconds: 30, ...shape, secret: base32Decode(secret)! } as const;
  return totpCode(totp, totpStep(Date.now(), totp.periodSeconds) + later);
}

describe('TOTP', () => {
  test.each([
    [{}, 20, ''],
    [{ algorithm: 'SHA256', digits: 8, periodSeconds: 60 }, 32, '&algorithm=SHA256&digits=8&period=60'],
    [{ algorithm: 'SHA512' }, 64, '&algorithm=SHA512'],
  ] as const)('OATH-60, OATH-61: %o enrols on one replica and is confirmed on another', async (shape, bytes, tail) => {
    const userId = await fresh();
    const enrolled = await enrol(a, { userId, type: 'totp', ...shape }, request());
    expect(enrolled.state).toBe('pending');
    expect(base32Decode(enrolled.secret!)).toHaveLength(bytes);
    expect(enrolled.uri).toMatch(/^otpauth:\/\/totp\/Countersign:user-\d+\?secret=[A-Z2-7]+&issuer=Countersign/);
    expect(enrolled.uri!.endsWith(`&issuer=Countersign${tail}`)).toBe(true);
    expect(enrolled.qr).toMatch(/^data:image\/png;base64,/);
    const life = Date.parse(enrolled.expiresAt!) - Date.now();
    expect(life).toBeGreaterThan(590_000);
    expect(life).toBeLessThanOrEqual(600_000);

    const { authenticatorId } = enrolled;
    const confirmed = await confirm(b, { userId, authenticatorId, code: codeOf(enrolled.secret!, shape) }, request());
    expect(confirmed).toEqual({ authenticatorId, state: 'active' });
    const view = await get(a, { userId });
    expect(view.authenticators).toMatchObject([{ authenticatorId, type: 'totp', state: 'active' }]);
    // Shown this once.
    expect(JSON.stringify(view)).not.toContain(enrolled.secret);
  });

  test('OATH-61: the code that confirmed is spent, so nobody logs in with it', async () => {
    const userId = await fresh();
    const { authenticatorId, secret } = await enrol(a, { userId, type: 'totp' }, request());
    const code = codeOf(secret!);
    await confirm(a, { userId, authenticatorId, code }, request());
    expect((await loginWith(b, userId, code)).type).toBe('code.rejected');
  });

  test('a wrong code leaves it pending and spends an attempt; the right one still counts', async () => {
    const userId = await fresh();
    const { authenticatorId, secret } = await enrol(a, { userId, type: 'totp' }, request());
    const right = codeOf(secret!);
    const wrong = String((Number(right) + 1) % 1_000_000).padStart(6, '0');
    await expect(confirm(a, { userId, authenticatorId, code: wrong }, request())).rejects.toMatchObject({
      code: 'CODE_REJECTED',
    });
    expect((await b.ledger.peek(userId)).attempts.totp?.anywhere?.inARow).toBe(1);
    expect((await get(b, { userId })).authenticators).toMatchObject([{ state: 'pending' }]);
    await confirm(b, { userId, authenticatorId, code: right }, request());
  });

  test('a pending one lets nobody in', async () => {
    const userId = await fresh();
    const { secret } = await enrol(a, { userId, type: 'totp' }, request());
    expect((await loginWith(b, userId, codeOf(secret!))).type).toBe('code.rejected');
  });

  test('INV-21: the same attempt shows the same secret and makes one row; a repeated confirmation is confirmed', async () => {
    const userId = await fresh();
    const attempt = request();
    const first = await enrol(a, { userId, type: 'totp' }, attempt);
    const again = await enrol(b, { userId, type: 'totp' }, attempt);
    expect(again).toMatchObject({ authenticatorId: first.authenticatorId, secret: first.secret, uri: first.uri });
    const confirmation = request();
    const input = { userId, authenticatorId: first.authenticatorId, code: codeOf(first.secret!) };
    await confirm(a, input, confirmation);
    // Something else happens to the user in between.
    await loginWith(a, userId, '000000');
    expect(await confirm(b, input, confirmation)).toMatchObject({ state: 'active' });
    await expect(confirm(b, input, request())).rejects.toMatchObject({ code: 'CHALLENGE_CLOSED' });
    expect((await get(a, { userId })).authenticators).toHaveLength(1);
  });

  test('INV-3: the code of one user’s authenticator confirms no other one', async () => {
    const [alice, mallory] = [await fresh(), await fresh()];
    const theirs = await enrol(a, { userId: alice, type: 'totp' }, request());
    const own = await enrol(a, { userId: mallory, type: 'totp' }, request());
    const crossed = { userId: mallory, authenticatorId: theirs.authenticatorId, code: codeOf(own.secret!) };
    await expect(confirm(a, crossed, request())).rejects.toMatchObject({ code: 'AUTHENTICATOR_NOT_FOUND' });
    const foreign = { userId: alice, authenticatorId: theirs.authenticatorId, code: codeOf(own.secret!) };
    await expect(confirm(a, foreign, request())).rejects.toMatchObject({ code: 'CODE_REJECTED' });
  });
});

describe('a phone', () => {
  test('is confirmed by the code that was sent to it', async () => {
    const userId = await fresh();
    const enrolled = await enrol(a, { userId, type: 'phone', phone: '+37120000012' }, request());
    expect(enrolled).toMatchObject({ state: 'pending', notice: expect.stringContaining('intercepted') });
    expect(enrolled).not.toHaveProperty('secret');
    expect(sent).toMatchObject([{ channel: 'sms', phone: '+37120000012', userId }]);
    const { authenticatorId } = enrolled;
    const { code } = sent[0]!;
    await confirm(b, { userId, authenticatorId, code }, request());
    const view = await get(a, { userId });
    expect(view.authenticators).toMatchObject([{ type: 'phone', state: 'active', phone: '+371 ••• ••12' }]);
    expect(JSON.stringify(view)).not.toContain('20000012');
  });

  test('somebody vouches for a number only as administrator', async () => {
    const userId = await fresh();
    const input = { userId, type: 'phone', phone: '+37120000013', verified: true } as const;
    const helpdesk = { ...request(), application: { ...application, scopes: ['authenticator.write'] as const } };
    await expect(enrol(a, input, helpdesk)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect((await get(a, { userId })).authenticators).toEqual([]);
    expect(await enrol(a, input, request())).toMatchObject({ state: 'active' });
    expect(sent).toEqual([]);
  });

  test('KEY-01: neither number nor secret is readable in the database', async () => {
    const userId = await fresh();
    await enrol(a, { userId, type: 'phone', phone: '+37120000014', verified: true }, request());
    const { secret } = await enrol(a, { userId, type: 'totp' }, request());
    const rows = await a.router.read((db) =>
      db.selectFrom('authenticator').selectAll().where('user_id', '=', userId).execute(),
    );
    const text = JSON.stringify(rows);
    expect(rows).toHaveLength(2);
    expect(text).not.toContain('20000014');
    expect(text).not.toContain(secret);
    expect(text).not.toContain(Buffer.from(base32Decode(secret!)!).toString('base64url'));
  });
});

describe('the limit', () => {
  test('holds for many at once, and what was never confirmed makes room when its time is over', async () => {
    await set(a, { scope: 'global', expectedVersion: 0, document: { users: { maxAuthenticators: 2 } } }, requestOf());
    await b.policies.refresh();
    const userId = await fresh();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, (_, index) => enrol(index % 2 === 0 ? a : b, { userId, type: 'totp' }, request())),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'AUTHENTICATOR_LIMIT' });
    }
    const later: Desk = { ...(await house.replica('later')), budgets: a.budgets, dispatcher: a.dispatcher };
    later.advance(601_000);
    await later.policies.refresh();
    const phone = { userId, type: 'phone', phone: '+37120000015', verified: true } as const;
    expect(await enrol(later, phone, request())).toMatchObject({ state: 'active' });
  });
});

describe('authenticator.remove', () => {
  test('HA-31: holds from the answer on, in the ledger before Postgres', async () => {
    const userId = await fresh();
    const { authenticatorId, secret } = await enrol(a, { userId, type: 'totp' }, request());
    const confirmation = { userId, authenticatorId, code: codeOf(secret!) };
    await confirm(a, confirmation, request());
    const lagging = (await getLogin(a.router, userId))!;
    const attempt = request();
    expect(await remove(a, { userId, authenticatorId }, attempt)).toEqual({ authenticatorId });
    expect(isRemoved(await b.ledger.peek(userId), authenticatorId)).toBe(true);
    expect((await get(b, { userId })).authenticators).toEqual([]);
    // A replica that still reads the old row does not get past the ledger.
    const next = codeOf(secret!, {}, 1);
    expect((await loginWith(b, userId, next, lagging)).type).toBe('code.rejected');

    // INV-21
    expect(await remove(b, { userId, authenticatorId }, attempt)).toEqual({ authenticatorId });
    await expect(remove(b, { userId, authenticatorId }, request())).rejects.toMatchObject({
      code: 'AUTHENTICATOR_NOT_FOUND',
    });
  });

  test('of somebody else’s authenticator removes nothing', async () => {
    const [alice, mallory] = [await fresh(), await fresh()];
    const phone = { userId: alice, type: 'phone', phone: '+37120000016', verified: true } as const;
    const { authenticatorId } = await enrol(a, phone, request());
    await expect(remove(a, { userId: mallory, authenticatorId }, request())).rejects.toMatchObject({
      code: 'AUTHENTICATOR_NOT_FOUND',
    });
    expect((await get(a, { userId: alice })).authenticators).toHaveLength(1);
  });
});

test('R17: a disabled user enrols nothing', async () => {
  const userId = await fresh();
  await update(a, { userId, status: 'disabled' }, request());
  await expect(enrol(a, { userId, type: 'totp' }, request())).rejects.toMatchObject({ code: 'USER_DISABLED' });
});

test('with the primary hung nothing is enrolled, and the answer says when to come back', async () => {
  const userId = await fresh();
  await house.whileHung([house.pair.primary], async () => {
    await expect(enrol(a, { userId, type: 'totp' }, request())).rejects.toMatchObject({
      code: 'PRIMARY_UNAVAILABLE',
      retryAfterSeconds: 5,
    });
  });
});

/** A login by TOTP, without the layers around it: what the ledger records of this code. */
async function loginWith(desk: Desk, userId: string, code: string, known?: Awaited<ReturnType<typeof getLogin>>) {
  const user = known ?? (await getLogin(desk.router, userId));
  const policy = desk.policies.effective(application.applicationId);
  const key = crypto.randomUUID().replaceAll('-', '').slice(0, 22);
  const common = {
    key,
    applicationId: application.applicationId,
    purpose: 'login',
    attempts: policy.attempts,
  } as const;
  const opens = { method: 'totp', digits: 6, lifeMs: 60_000, cost: 1, attemptId: '', reveal: false } as const;
  const options = { deadline: Date.now() + 5000 };
  await desk.ledger.act(
    userId,
    crypto.randomUUID(),
    (state, now) => decideStart(state, { ...common, ...opens }, now),
    options,
  );
  const matcher = matcherFor(desk, user, policy.totp, 'challenge', code);
  const { event } = await desk.ledger.act(
    userId,
    crypto.randomUUID(),
    (state, now) =>
      decideVerify(
        state,
        {
          ...common,
          attemptId: '',
          code,
          otherDigits: matcher.otherDigits,
          cost: matcher.cost,
          floor: desk.continuity.floor(),
          matches: (challenge) => matcher.matches(state, challenge, now),
        },
        now,
      ),
    options,
  );
  return event;
}
