import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { MfaError, type PolicyDocument } from '@countersign/contracts';
import { base32Decode, totpCode, totpStep } from '@countersign/otp';
import { createMetrics, silentLogger } from '@countersign/telemetry';
import { waitUntil } from '@countersign/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { enrol as enrolForOneself } from '../account/enrol.ts';
import { startProjector } from '../audit/projector.ts';
import type { TrailEvent } from '../audit/trail.ts';
import { confirm } from '../authenticator/confirm.ts';
import { enrol } from '../authenticator/enrol.ts';
import { remove } from '../authenticator/remove.ts';
import { createBudgets } from '../dispatch/budget.ts';
import type { Message } from '../dispatch/job.ts';
import { memoryStore } from '../dispatch/testing/memory-store.ts';
import { grant } from '../enrolment/grant.ts';
import { UNDIVIDED } from '../ledger/partition.ts';
import { confirmPasskey } from '../passkey/confirm.ts';
import { enrolPasskey } from '../passkey/enrol.ts';
import { relyingPartyOf } from '../passkey/relying-party.ts';
import { SoftwareAuthenticator } from '../passkey/testing/authenticator.ts';
import { set } from '../policy/set.ts';
import { replaceSet } from '../recovery/store.ts';
import { requestOf, startHouse, type House, type Replica } from '../testing/house.ts';
import { create } from '../user/create.ts';
import type { Mail, MailOutcome } from './mail.ts';
import { NoticeSender } from './sender.ts';

const LEASE_MS = 120_000;
const ORIGIN = 'https://portal.example.com';

interface Desk extends Replica {
  sender: NoticeSender;
  /** What becomes of the next message that it hands over; it is stored unless said otherwise. */
  fate: () => Promise<void>;
  /** The same of mail. */
  mailFate: () => Promise<MailOutcome>;
}

let house: House;
let a: Desk;
let b: Desk;
let sent: Message[];
let mailed: Mail[];
let trail: TrailEvent[];
let problems: unknown[];
let policyVersion = 0;

beforeAll(async () => {
  house = await startHouse('notice');
  const store = memoryStore();
  const desk = async (name: string): Promise<Desk> => {
    const replica = await house.replica(name);
    const { router, ring, policies, now } = replica;
    const metrics = createMetrics({ service: 'test', replica: name, processMetrics: false });
    const self: Omit<Desk, 'sender'> = {
      ...replica,
      fate: () => Promise.resolve(),
      mailFate: () => Promise.resolve({ outcome: 'sent' }),
    };
    const sender: NoticeSender = new NoticeSender({
      router,
      ring,
      budgets: createBudgets({ store, ring, randomBytes: (size) => Buffer.alloc(size), metrics }),
      dispatcher: {
        hand: async (message) => {
          await desks.get(name)?.fate();
          sent.push(message);
        },
      },
      mailer: {
        send: async (mail) => {
          mailed.push(mail);
          return (await desks.get(name)?.mailFate()) ?? { outcome: 'sent' };
        },
      },
      policy: () => policies.global(),
      trail: { record: async (event) => void trail.push(event) },
      now,
      onProblem: (error) => void problems.push(error),
    });
    const whole = { ...self, sender };
    desks.set(name, whole);
    return whole;
  };
  const desks = new Map<string, Desk>();
  [a, b] = [await desk('a'), await desk('b')];
});
afterAll(() => house.stop());
beforeEach(async () => {
  [sent, mailed, trail, problems] = [[], [], [], []];
  for (const on of [a, b]) {
    on.fate = () => Promise.resolve();
    on.mailFate = () => Promise.resolve({ outcome: 'sent' });
  }
  await a.router.write((db) => db.deleteFrom('notice').execute());
  await setPolicy({ messages: { perNumberHour: 100, perNumberDay: 100 } });
});

async function setPolicy(document: PolicyDocument): Promise<void> {
  await set(a, { scope: 'global', expectedVersion: policyVersion, document }, requestOf());
  policyVersion += 1;
  await Promise.all([a, b].map(({ policies }) => policies.refresh()));
}

const { application } = requestOf();
const request = () => ({ ...requestOf(), application });
let counter = 0;
interface Somebody {
  language?: string;
  mail?: string;
}
async function somebody({ language = 'en', mail }: Somebody = {}): Promise<string> {
  const { userId } = await create(a, { username: `user-${counter++}`, language }, request());
  if (mail !== undefined) {
    await a.router.write((db) => db.updateTable('app_user').set({ mail }).where('user_id', '=', userId).execute());
  }
  return userId;
}

let number = 20_000_100;
const deps = () => ({ ...a, budgets: undefined as never, dispatcher: undefined as never });
async function addPhone(userId: string): Promise<{ phone: string; authenticatorId: string }> {
  const phone = `+371${number++}`;
  const input = { userId, type: 'phone', phone, verified: true } as const;
  return { phone, authenticatorId: (await enrol(deps(), input, request())).authenticatorId };
}
async function addApp(userId: string): Promise<string> {
  const { authenticatorId, secret } = await enrol(deps(), { userId, type: 'totp' }, request());
  const totp = { algorithm: 'SHA1', digits: 6, periodSeconds: 30, secret: base32Decode(secret ?? '')! } as const;
  await confirm(a, { userId, authenticatorId, code: totpCode(totp, totpStep(Date.now(), 30)) }, request());
  return authenticatorId;
}
/** Everything that is due by now, by one replica. */
async function flush(on: Desk = a): Promise<void> {
  for (const channel of ['sms', 'mail'] as const) while ((await on.sender.sendDue(channel)) > 0);
}
const told = () => sent.map(({ phone, text }) => `${phone} ${text?.replaceAll(/ (to|from|for) your account.*$/g, '')}`);
const waiting = () =>
  a.router.read((db) => db.selectFrom('notice').selectAll().orderBy('due_at').execute(), { from: 'primary' });

describe('AAL-26: who is told', () => {
  test('the phones that were there before, and one that was taken away; never the new one', async () => {
    const userId = await somebody();
    const first = await addPhone(userId);
    await flush();
    expect(sent).toEqual([]);
    const second = await addPhone(userId);
    await flush();
    expect(told()).toEqual([`${first.phone} A phone was added`]);
    sent = [];
    await remove(a, { userId, authenticatorId: second.authenticatorId }, request());
    await flush();
    expect(told().toSorted()).toEqual([first.phone, second.phone].map((phone) => `${phone} A phone was removed`));
    sent = [];
    // The only one that there is: whoever takes it away should not silence its owner by that.
    await remove(a, { userId, authenticatorId: first.authenticatorId }, request());
    await flush();
    expect(told()).toEqual([`${first.phone} A phone was removed`]);
    expect(await waiting()).toEqual([]);
  });

  test('of an app that was confirmed, and of none that was only begun', async () => {
    const userId = await somebody();
    const { phone } = await addPhone(userId);
    const { authenticatorId: begun } = await enrol(deps(), { userId, type: 'totp' }, request());
    await remove(a, { userId, authenticatorId: begun }, request());
    expect(await waiting()).toEqual([]);
    const authenticatorId = await addApp(userId);
    await flush();
    await remove(a, { userId, authenticatorId }, request());
    await flush();
    expect(told()).toEqual([`${phone} An authenticator app was added`, `${phone} An authenticator app was removed`]);
    expect(sent.every(({ code, challengeId }) => code === '' && challengeId === undefined)).toBe(true);
  });

  test('of a passkey, and of recovery codes that somebody makes for themselves', async () => {
    const userId = await somebody();
    const { phone } = await addPhone(userId);
    const key = new SoftwareAuthenticator(ORIGIN);
    const user = { userId, username: 'somebody' };
    const withKeys = {
      ...deps(),
      relyingParty: relyingPartyOf(ORIGIN),
      settled: { number: 2 },
      randomBytes: (size: number) => randomBytes(size),
    };
    const { authenticatorId, passkey } = await enrolPasskey(withKeys, { user }, request());
    await confirmPasskey(withKeys, { user, authenticatorId, passkey: key.create(passkey ?? {}) }, request());
    await flush();
    await remove(a, { userId, authenticatorId }, request());
    await flush();
    const at = a.now();
    const signedIn = { sessionId: 'x'.repeat(22), userId, level: 'full', amr: ['pwd', 'sms'] } as const;
    const access = await a.evidence.issueAccess(
      { ...signedIn, confirmedAt: at, issuedAt: at, endsAt: at + 600_000 },
      application,
    );
    const portal = { ...application, scopes: ['portal' as const] };
    await enrolForOneself(withKeys, { access, type: 'recovery' }, { ...request(), application: portal });
    await flush();
    expect(told().slice(0, 2)).toEqual([`${phone} A passkey was added`, `${phone} A passkey was removed`]);
    expect(sent[2]?.text).toMatch(/^New recovery codes were made for your account/);
    expect(sent).toHaveLength(3);
  });

  test('of recovery codes that were taken away', async () => {
    const userId = await somebody();
    const { phone } = await addPhone(userId);
    const setId = crypto.randomUUID();
    await a.router.write((db) =>
      db
        .transaction()
        .execute((transaction) =>
          replaceSet(transaction, { userId, setId, codeMacs: [Buffer.alloc(32)], createdAt: new Date() }),
        ),
    );
    await remove(a, { userId, authenticatorId: setId }, request());
    await flush();
    expect(sent.map((message) => message.phone)).toEqual([phone]);
    expect(sent[0]?.text).toMatch(/^The recovery codes of your account/);
  });

  test('of an access code, once it is in the audit', async () => {
    const userId = await somebody({ language: 'ru', mail: 'newcomer@example.com' });
    const projector = startProjector({
      ...a,
      partitions: [UNDIVIDED],
      logger: silentLogger(),
      metrics: createMetrics({ service: 'test', replica: 'a', processMetrics: false }),
    });
    try {
      await grant({ ...a, settled: { number: 2 } }, { userId, reason: 'new here' }, request());
      await waitUntil(async () => (await waiting()).length > 0, { what: 'the notice of an access code' });
    } finally {
      await projector.stop();
    }
    await flush();
    expect(mailed).toMatchObject([{ to: 'newcomer@example.com', subject: 'Countersign: изменение способа входа' }]);
    expect(mailed[0]?.text).toMatch(/^Для вашей учётной записи в Countersign создан код доступа/);
  });

  test('in their language, by mail as well, and once for an attempt that is repeated', async () => {
    const userId = await somebody({ language: 'ru', mail: 'ivan@example.com' });
    const { phone } = await addPhone(userId);
    const attempt = request();
    const input = { userId, type: 'phone', phone: '+37120009998', verified: true } as const;
    await flush();
    [sent, mailed, trail] = [[], [], []];
    for (const on of [a, b, a]) await enrol({ ...deps(), router: on.router }, input, attempt);
    await flush();
    expect(sent.map((one) => [one.phone, one.text])).toEqual([
      [
        phone,
        'К вашей учётной записи в {{application}} добавлен телефон. Если это были не вы, сразу сообщите в службу поддержки.',
      ],
    ]);
    expect(sent[0]).toMatchObject({ application: 'Countersign', language: 'ru' });
    expect(mailed).toHaveLength(1);
    expect(mailed[0]?.text).toMatch(
      /^К вашей учётной записи в Countersign добавлен телефон\.[^]*Учётная запись: user-/,
    );
    expect(trail.map(({ type, method }) => [type, method])).toEqual([
      ['notice.handed', 'sms'],
      ['notice.sent', 'mail'],
    ]);
    expect(JSON.stringify(trail)).not.toMatch(/ivan@|\+371/);
  });

  test('nobody where the policy says so', async () => {
    await setPolicy({ notices: { sms: false, mail: false } });
    const userId = await somebody({ mail: 'quiet@example.com' });
    await addPhone(userId);
    await addApp(userId);
    await flush();
    expect([sent, mailed, trail, await waiting()]).toEqual([[], [], [], []]);
  });
});

describe('whatever dies or refuses', () => {
  async function change(mail?: string) {
    const userId = await somebody(mail === undefined ? {} : { mail });
    const { phone } = await addPhone(userId);
    await a.router.write((db) => db.deleteFrom('notice').where('user_id', '=', userId).execute());
    await addApp(userId);
    return { userId, phone };
  }

  test('a replica that dies with a notice in hand leaves it to another, under the same id', async () => {
    const { phone } = await change();
    a.fate = () => new Promise<void>(() => {});
    void a.sender.sendDue('sms');
    await waitUntil(async () => (await waiting())[0]?.tries === 1, { what: 'the notice to be taken' });
    expect(await b.sender.sendDue('sms')).toBe(0);
    const [row] = await waiting();
    b.advance(LEASE_MS + 1000);
    try {
      expect(await b.sender.sendDue('sms')).toBe(1);
    } finally {
      b.advance(-LEASE_MS - 1000);
    }
    expect(sent.map((message) => [message.phone, message.messageId])).toEqual([[phone, `notice:${row?.notice_id}`]]);
    expect(await waiting()).toEqual([]);
  });

  test('one that dies after it sent, before it said so, sends no other message', async () => {
    await change();
    const write = a.router.write.bind(a.router);
    let writes = 0;
    a.router.write = (work, options) =>
      ++writes === 2 ? Promise.reject(new MfaError('PRIMARY_UNAVAILABLE')) : write(work, options);
    await a.sender.sendDue('sms').finally(() => {
      a.router.write = write;
    });
    expect(sent).toHaveLength(1);
    b.advance(LEASE_MS + 1000);
    await b.sender.sendDue('sms').finally(() => b.advance(-LEASE_MS - 1000));
    expect(new Set(sent.map(({ messageId }) => messageId)).size).toBe(1);
    expect(await waiting()).toEqual([]);
  });

  test('of many replicas at once each tells others', async () => {
    await Promise.all(Array.from({ length: 6 }, () => change()));
    await Promise.all([a, b, a, b].map((on) => on.sender.sendDue('sms')));
    expect(sent).toHaveLength(6);
    expect(new Set(sent.map(({ messageId }) => messageId)).size).toBe(6);
  });

  test('the change stands while nothing can be handed over, and the notice follows', async () => {
    a.fate = () => Promise.reject(new MfaError('UNAVAILABLE', { reason: 'dispatch queue full' }));
    await change();
    await flush();
    expect([sent, trail]).toEqual([[], []]);
    expect(problems).toHaveLength(1);
    a.fate = () => Promise.resolve();
    await flush();
    expect(sent).toEqual([]);
    b.advance(31_000);
    await flush(b).finally(() => b.advance(-31_000));
    expect(sent).toHaveLength(1);
  });

  test('what the budgets do not let through waits, and is given up after a day, in the audit', async () => {
    await setPolicy({ messages: { perNumberHour: 1, perNumberDay: 1 } });
    const { userId } = await change();
    await flush();
    await addApp(userId);
    await flush();
    expect(sent).toHaveLength(1);
    const [row] = await waiting();
    expect(row!.due_at.getTime() - Date.now()).toBeGreaterThan(59 * 60_000);
    await a.router.write((db) =>
      db
        .updateTable('notice')
        .set({ due_at: new Date(), created_at: new Date(Date.now() - 3_600_000 * 23.5) })
        .execute(),
    );
    await flush();
    expect(trail.filter(({ type }) => type === 'notice.failed')).toMatchObject([
      { userId, method: 'sms', reason: 'number_day', detail: { kind: 'totp.added' } },
    ]);
    expect(await waiting()).toEqual([]);
  });

  test('a number that is never sent to, and a mailbox that is not there, are in the audit at once', async () => {
    await setPolicy({ messages: { prefixes: ['+372'] } });
    a.mailFate = () => Promise.resolve({ outcome: 'refused', reason: 'EENVELOPE 550' });
    await change('nobody@example.com');
    await flush();
    expect(trail.map(({ type, method, reason }) => [type, method, reason])).toEqual([
      ['notice.failed', 'sms', 'destination_not_allowed'],
      ['notice.failed', 'mail', 'EENVELOPE 550'],
    ]);
    expect(await waiting()).toEqual([]);
  });

  test('while Postgres answers nothing it goes on afterwards', async () => {
    await change();
    await house.whileHung(house.pair.nodes, async () => {
      await expect(a.sender.sendDue('sms')).rejects.toThrow(MfaError);
    });
    await flush();
    expect(sent).toHaveLength(1);
  });

  test('by itself, within seconds, until it is told to stop', async () => {
    a.sender.start();
    await change();
    await waitUntil(() => Promise.resolve(sent.length === 1), { what: 'the notice', timeoutMs: 10_000 });
    await a.sender.stop();
    await change();
    await sleep(2500);
    expect(sent).toHaveLength(1);
  });
});
