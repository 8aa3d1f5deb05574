import { createHash, randomBytes } from 'node:crypto';
import {
  MfaError,
  type Method,
  type RadiusAnswer,
  type RadiusAttribute,
  type RadiusClientSettings,
} from '@countersign/contracts';
import { base32Decode, totpCode, totpStep } from '@countersign/otp';
import { ATTRIBUTE } from '@countersign/radius';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { create as createApplication } from '../application/create.ts';
import type { TrailEvent } from '../audit/trail.ts';
import { confirm } from '../authenticator/confirm.ts';
import { enrol } from '../authenticator/enrol.ts';
import type { MessageDependencies } from '../challenge/message.ts';
import { natsWake } from '../challenge/wake.ts';
import { activatedPhone, answerPrompt, promptsOf } from '../device/testing/owner.ts';
import type { Phone } from '../device/testing/phone.ts';
import { Directories } from '../directory/directories.ts';
import { DirectoryStatus } from '../directory/status.ts';
import { effectiveSettings } from '../radius-client/effective.ts';
import { requestOf, startHouse, type House, type Replica } from '../testing/house.ts';
import { block } from '../user/block.ts';
import { update } from '../user/update.ts';
import { create as createUser } from '../user/create.ts';
import { set } from '../policy/set.ts';
import type { EffectiveClient } from './clients.ts';
import { ensureRadiusStream, jetStreamKept, RADIUS } from './kept.ts';
import { login } from './login.ts';
import { wait } from './wait.ts';

type Job = Parameters<MessageDependencies['dispatcher']['hand']>[0];

let house: House;
let a: Desk;
let b: Desk;
let vpn: string;
let payroll: string;
const clients = new Map<string, EffectiveClient>();
const sent: Job[] = [];
const trailed: TrailEvent[] = [];
const upstream =
  vi.fn<(request: unknown) => Promise<{ outcome: 'accept' | 'reject' | 'challenge'; attributes: RadiusAttribute[] }>>();

type Desk = Awaited<ReturnType<typeof desk>>;
async function desk(name: string) {
  const replica: Replica = await house.replica(name);
  await ensureRadiusStream(replica.manager, 1);
  const directories = new Directories(replica.router, replica.ring, replica.now, () => undefined);
  return {
    ...replica,
    relyingParty: undefined,
    randomBytes: (size: number) => randomBytes(size),
    trail: {
      record: async (event: TrailEvent, { once = false } = {}) => {
        const before = trailed.some(({ type, attemptId }) => type === event.type && attemptId === event.attemptId);
        if (!once || !before) trailed.push(event);
      },
    },
    budgets: { reserve: async () => ({ ok: true as const }) },
    dispatcher: { hand: async (job: Job) => void sent.push(job) },
    wake: natsWake(replica.nats),
    directories,
    directoryStatus: new DirectoryStatus({
      directories,
      freshMs: () => 1000,
      now: replica.now,
      onProblem: () => undefined,
    }),
    kept: jetStreamKept(replica.jetstream, replica.manager, replica.ring, (size) => randomBytes(size)),
    radiusClients: { get: (clientId: string) => clients.get(clientId) },
    radiusUpstreams: { get: () => ({ ask: upstream }) as never },
  };
}

beforeAll(async () => {
  house = await startHouse('radius');
  [a, b] = [await desk('a'), await desk('b')];
  const make = async (name: string) =>
    (await createApplication(a, { name, scopes: ['challenge'] }, requestOf())).applicationId;
  [vpn, payroll] = [await make('VPN'), await make('Payroll')];
  const order: Method[] = ['app', 'totp', 'sms'];
  const app = { prompts: { burst: 100, refillSeconds: 1 }, unanswered: 20, activationSeconds: 60 };
  await set(a, { scope: 'global', expectedVersion: 0, document: { methods: { order }, app } }, requestOf());
  await Promise.all([a, b].flatMap(({ applications, policies }) => [applications.refresh(), policies.refresh()]));
});
afterAll(() => house.stop());
beforeEach(() => {
  sent.length = 0;
  trailed.length = 0;
  upstream.mockReset();
});

function clientWith(changes: Partial<RadiusClientSettings> = {}): string {
  const clientId = crypto.randomUUID();
  const settings: RadiusClientSettings = {
    networks: ['192.0.2.1'],
    applicationId: vpn,
    profile: 'generic',
    firstFactor: { by: 'none' },
    requireMessageAuthenticator: 'yes',
    limitProxyState: true,
    appended: { how: 'none' },
    allowPlainApproval: false,
    requireUserMatch: true,
    uniformChallenge: false,
    maxChallenges: 3,
    accounting: 'sessions',
    attributes: [{ name: 'Filter-Id', value: 'staff' }],
    groups: [],
    upstreamAttributes: ['Class'],
    ...changes,
  };
  const secret = Buffer.from('0123456789abcdef');
  clients.set(clientId, {
    clientId,
    name: 'gateway',
    version: 1,
    settings,
    secret,
    ...effectiveSettings(settings, false),
  });
  return clientId;
}

/** One Access-Request, as every replica has it that it reaches. */
interface Sent {
  clientId: string;
  username: string;
  password?: string;
  state?: string;
  mschap?: { challenge: string; response: string };
  eap?: string;
  station?: string;
  port?: string;
}
function packet({ station = '203.0.113.7', port = '1', ...rest }: Sent) {
  const accessServer = { callingStation: station, port };
  const input = { ...rest, source: '192.0.2.1', transport: 'udp', accessServer } as const;
  const attemptId = createHash('sha256').update(randomBytes(16)).digest('base64url');
  return {
    at: (on: Desk): Promise<RadiusAnswer> =>
      login(on, input, { ...requestOf({ scopes: ['radius'] }), attemptId, deadline: Date.now() + 10_000 }),
  };
}
const ask = (on: Desk, asked: Sent) => packet(asked).at(on);
const askedOnce = (
  on: Desk,
  clientId: string,
  answer: RadiusAnswer,
  waitSeconds: number,
  run: string = crypto.randomUUID(),
) =>
  wait(
    on,
    { clientId, ticket: answer.answer === 'wait' ? answer.ticket : '', run, waitSeconds },
    { ...requestOf({ scopes: ['radius'] }), deadline: Date.now() + 20_000 },
  );
/** As a radius-server does: it waits, and asks then what came. */
const waiting = async (
  on: Desk,
  clientId: string,
  answer: RadiusAnswer,
  waitSeconds = 5,
  run: string = crypto.randomUUID(),
) => {
  if (waitSeconds > 0) await askedOnce(on, clientId, answer, waitSeconds, run);
  return askedOnce(on, clientId, answer, 0, run);
};

const textOf = (answer: RadiusAnswer) =>
  'attributes' in answer
    ? answer.attributes
        .flatMap(({ type, value }) => (type === 18 ? Buffer.from(value, 'base64').toString() : []))
        .join('')
    : '';
const stateOf = (answer: RadiusAnswer) => (answer.answer === 'challenge' ? answer.state : '');

let names = 0;
const { application: administrator } = requestOf();
const byAdministrator = () => ({ ...requestOf(), application: administrator });
async function person({ totp = false, sms = false, app = false }: { totp?: boolean; sms?: boolean; app?: boolean }) {
  names += 1;
  const username = `person${names}`;
  const { userId } = await createUser(a, { username }, requestOf());
  let code: (later?: number) => string = () => '';
  if (totp) {
    const { authenticatorId, secret = '' } = await enrol(a, { userId, type: 'totp' }, byAdministrator());
    const shape = { algorithm: 'SHA1', digits: 6, periodSeconds: 30, secret: base32Decode(secret)! } as const;
    code = (later = 1) => totpCode(shape, totpStep(Date.now(), 30) + later);
    await confirm(a, { userId, authenticatorId, code: code(0) }, byAdministrator());
  }
  if (sms) await enrol(a, { userId, type: 'phone', phone: '+37120000012', verified: true }, requestOf());
  const phone = app ? await activatedPhone(a, userId) : undefined;
  return { userId, username, code, phone: phone as Phone };
}
/** What happened to somebody, in the order in which it was decided. */
async function eventsOf(userId: string): Promise<string[]> {
  const { lastSeq } = await a.manager.streams.info('AUTH').then(({ state }) => ({ lastSeq: state.last_seq }));
  const types: string[] = [];
  for (let seq = 1; seq <= lastSeq; seq += 1) {
    const message = await a.manager.streams.getMessage('AUTH', { seq });
    if (message?.subject !== `auth.${userId}`) continue;
    types.push((JSON.parse(message.string()) as { event: { type: string } }).event.type);
  }
  return types;
}

const approve = async ({ phone }: { phone: Phone }, number = '') => {
  const [prompt] = await promptsOf(b, phone);
  if (prompt === undefined) throw new Error('nothing is asked');
  await answerPrompt(b, phone, prompt, number === '' ? { decision: 'approve' } : { decision: 'approve', number });
};

describe('a code that comes with the login', () => {
  test('is accepted by one append, and says what the client returns; the same packet hears the same of another replica', async () => {
    const clientId = clientWith();
    const { userId, username, code } = await person({ totp: true });
    const before = (await eventsOf(userId)).length;
    const one = packet({ clientId, username, password: code() });
    const first = await one.at(a);
    expect(first).toEqual({
      answer: 'accept',
      attributes: [{ type: 11, value: Buffer.from('staff').toString('base64') }],
      send: true,
    });
    expect(await one.at(b)).toEqual(first);
    expect((await eventsOf(userId)).slice(before)).toEqual(['challenge.approved']);
    expect(await ask(b, { clientId, username, password: code() })).toMatchObject({ answer: 'reject' });
  });

  test('R1: sent at once in 12 packets to two replicas, lets in one', async () => {
    const clientId = clientWith();
    const { username, code } = await person({ totp: true });
    const tried = await Promise.all(
      Array.from({ length: 12 }, (_, index) => ask(index % 2 === 0 ? a : b, { clientId, username, password: code() })),
    );
    expect(tried.filter(({ answer }) => answer === 'accept')).toHaveLength(1);
  });

  test('RAD-41: refused, and sent once more to another replica, is refused once in the audit', async () => {
    const { username } = await person({ totp: true });
    const one = packet({ clientId: clientWith(), username, password: 'no code' });
    expect(await one.at(a)).toEqual(await one.at(b));
    expect(trailed.filter(({ type }) => type === 'radius.refused')).toHaveLength(1);
  });

  test('RAD-25: wrong, of nobody, of somebody without one, of somebody disabled: one and the same reject', async () => {
    const clientId = clientWith();
    const right = await person({ totp: true });
    const without = await person({ sms: true });
    const disabled = await person({ totp: true });
    await update(a, { userId: disabled.userId, status: 'disabled' }, requestOf());
    const wrong = right.code() === '000000' ? '000001' : '000000';
    const answers = [
      await ask(a, { clientId, username: right.username, password: wrong }),
      await ask(a, { clientId, username: 'nobody-at-all', password: '123456' }),
      await ask(a, { clientId, username: without.username, password: '123456' }),
      await ask(a, { clientId, username: disabled.username, password: disabled.code() }),
      await ask(a, { clientId, username: '  ', password: '123456' }),
    ];
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(answers[0]).toMatchObject({ answer: 'reject', send: true });
    expect(textOf(answers[0]!)).toBe('Sign-in refused.');
    expect(trailed.filter(({ type }) => type === 'radius.refused')).toHaveLength(5);
  });
});

describe('a challenge', () => {
  test('RAD-22: by SMS is begun on one replica and answered on another', async () => {
    const clientId = clientWith();
    const { username } = await person({ sms: true });
    const asked = await ask(a, { clientId, username, password: '' });
    expect(textOf(asked)).toBe('Enter the 6-digit code sent to ••• ••• 12.');
    expect(sent).toHaveLength(1);
    const answer = packet({ clientId, username, password: sent[0]?.code ?? '', state: stateOf(asked) });
    expect(await answer.at(b)).toMatchObject({ answer: 'accept' });
    // A retransmission that reaches the other replica hears the same; another packet with the State is nothing (R12).
    expect(await answer.at(a)).toMatchObject({ answer: 'accept' });
    const again = { clientId, username, password: sent[0]?.code ?? '', state: stateOf(asked) };
    expect(await ask(a, again)).toMatchObject({ answer: 'reject' });
  });

  test('RAD-21: each State is evaluated once, and asked at most as often as the client allows (R13)', async () => {
    const clientId = clientWith({ maxChallenges: 2 });
    const { userId, username } = await person({ sms: true });
    const first = await ask(a, { clientId, username, password: '' });
    const code = sent[0]?.code ?? '';
    const wrong = code === '000000' ? '000001' : '000000';
    const second = await ask(b, { clientId, username, password: wrong, state: stateOf(first) });
    expect(second).toMatchObject({ answer: 'challenge' });
    const looks = async () => (await eventsOf(userId)).filter((type) => type === 'code.rejected').length;
    expect(await looks()).toBe(1);
    // The State before is over, also with the right code.
    expect(await ask(a, { clientId, username, password: code, state: stateOf(first) })).toMatchObject({
      answer: 'reject',
    });
    expect(await looks()).toBe(1);
    expect(await ask(a, { clientId, username, password: wrong, state: stateOf(second) })).toMatchObject({
      answer: 'reject',
    });
    expect(await looks()).toBe(2);
  });

  test('RAD-21, RAD-23, R14: a State of another application, another user, or nobody is refused and nothing is tried', async () => {
    const clientId = clientWith({ firstFactor: { by: 'upstream', upstreamId: crypto.randomUUID() } });
    const elsewhere = clientWith({ applicationId: payroll });
    upstream.mockResolvedValue({ outcome: 'accept', attributes: [] });
    const [one, other] = [await person({ sms: true }), await person({ sms: true })];
    const asked = await ask(a, { clientId, username: one.username, password: 'secret' });
    const password = sent[0]?.code ?? '';
    const state = stateOf(asked);
    expect(upstream).toHaveBeenCalledTimes(1);
    const broken = Buffer.from(state, 'base64').fill(0, 60).toString('base64');
    for (const tried of [
      { clientId: elsewhere, username: one.username, password, state },
      { clientId, username: other.username, password, state },
      { clientId, username: one.username, password, state: broken },
      { clientId, username: one.username, password, state: randomBytes(18).toString('base64') },
    ]) {
      expect(await ask(b, tried)).toMatchObject({ answer: 'reject' });
    }
    expect(upstream).toHaveBeenCalledTimes(1);
    expect(await ask(b, { clientId, username: one.username, password, state })).toMatchObject({ answer: 'accept' });
  });

  test('is answered with the word for another way, which ends the one before', async () => {
    const clientId = clientWith();
    const { username, code } = await person({ sms: true, totp: true });
    const asked = await ask(a, { clientId, username, password: '' });
    expect(textOf(asked)).toBe('Enter the 6-digit code from your authenticator. Or type sms.');
    const instead = await ask(b, { clientId, username, password: 'SMS', state: stateOf(asked) });
    expect(sent).toHaveLength(1);
    const late = { clientId, username, password: code(), state: stateOf(asked) };
    expect(await ask(a, late)).toMatchObject({ answer: 'reject' });
    const right = { clientId, username, password: sent[0]?.code ?? '', state: stateOf(instead) };
    expect(await ask(a, right)).toMatchObject({ answer: 'accept' });
  });

  test('R22, R23: nothing is sent for a question that the client does not allow any more', async () => {
    const clientId = clientWith({ maxChallenges: 1 });
    const { username } = await person({ sms: true, totp: true });
    const asked = await ask(a, { clientId, username, password: '' });
    expect(await ask(a, { clientId, username, password: 'sms', state: stateOf(asked) })).toMatchObject({
      answer: 'reject',
    });
    expect(sent).toEqual([]);
  });

  test('AAL-51: looks the same after a wrong password where the client says so, and nothing is sent or right', async () => {
    const uniform = {
      firstFactor: { by: 'upstream', upstreamId: crypto.randomUUID() },
      uniformChallenge: true,
    } as const;
    const clientId = clientWith(uniform);
    const owner = await person({ sms: true, totp: true });
    const { userId, username } = owner;
    upstream.mockResolvedValueOnce({ outcome: 'reject', attributes: [] });
    const asked = await ask(a, { clientId, username, password: 'wrong' });
    const wrong = await ask(a, { clientId, username, password: 'sms', state: stateOf(asked) });
    expect(sent.every(({ phone }) => phone === undefined)).toBe(true);
    sent.length = 0;
    upstream.mockResolvedValueOnce({ outcome: 'accept', attributes: [] });
    const first = await ask(a, { clientId, username, password: 'right' });
    expect(textOf(asked)).toBe(textOf(first));
    const right = await ask(a, { clientId, username, password: 'sms', state: stateOf(first) });
    expect(textOf(wrong)).toBe(textOf(right));
    expect(stateOf(wrong)).toHaveLength(stateOf(right).length);
    const password = sent[0]?.code ?? '';
    const more = await ask(b, { clientId, username, password, state: stateOf(wrong) });
    expect(more).toMatchObject({ answer: 'challenge' });
    // Nor is there a way out of it by asking for another way.
    const other = await ask(b, { clientId, username, password: 'code', state: stateOf(more) });
    const code = { clientId, username, password: owner.code(), state: stateOf(other) };
    expect(await ask(a, code)).not.toMatchObject({ answer: 'accept' });
    expect(await ask(b, { clientId, username, password, state: stateOf(right) })).toMatchObject({ answer: 'accept' });
    // The enrolment, and what was asked after the right password.
    expect((await eventsOf(userId)).filter((type) => type === 'challenge.started')).toHaveLength(3);
  });

  test('R13: after as many as a client may have no further message is sent', async () => {
    const clientId = clientWith({ maxChallenges: 1 });
    const { username } = await person({ sms: true, totp: true });
    const asked = await ask(a, { clientId, username, password: '' });
    const more = { clientId, username, password: 'sms', state: stateOf(asked) };
    expect(await ask(b, more)).toMatchObject({ answer: 'reject' });
    expect(sent).toHaveLength(0);
  });

  test('takes only the kinds of password that the client may send', async () => {
    const clientId = clientWith({ passwords: ['mschapv2'] });
    const { username, code } = await person({ totp: true });
    expect(await ask(a, { clientId, username, password: code() })).toMatchObject({ answer: 'reject' });
  });

  test('AAL-51: looks the same in the language of the person', async () => {
    const firstFactor = { by: 'upstream', upstreamId: crypto.randomUUID() } as const;
    const clientId = clientWith({ firstFactor, uniformChallenge: true });
    const { userId, username, code } = await person({ totp: true });
    await update(a, { userId, language: 'ru' }, requestOf());
    const wrong = code() === '000000' ? '000001' : '000000';
    const texts: string[] = [];
    for (const outcome of ['reject', 'accept'] as const) {
      upstream.mockResolvedValueOnce({ outcome, attributes: [] });
      const asked = await ask(a, { clientId, username, password: 'secret' });
      const again = await ask(a, { clientId, username, password: wrong, state: stateOf(asked) });
      texts.push(`${textOf(asked)} ${textOf(again)}`);
    }
    expect(texts[0]).toContain('Ответ не принят.');
    expect(texts[0]).toBe(texts[1]);
  });

  test('RAD-24: is never sent where the client does not show it', async () => {
    const clientId = clientWith({ profile: 'nps-rd-gateway' });
    const { username } = await person({ sms: true, totp: true });
    expect(await ask(a, { clientId, username, password: '' })).toMatchObject({ answer: 'reject' });
    expect(sent).toHaveLength(0);
  });
});

describe('an approval in the app', () => {
  const numberIn = (answer: RadiusAnswer) => /type ([0-9]+)\./.exec(textOf(answer))?.[1] ?? '';

  test('RAD-52: shows the number first, and waits for the phone once Enter was pressed; one of two replicas tells it', async () => {
    const clientId = clientWith();
    const owner = await person({ app: true, totp: true });
    const asked = await ask(a, { clientId, username: owner.username, password: '' });
    expect(textOf(asked)).toContain('Then press Enter here. Or type code.');
    const enter = packet({ clientId, username: owner.username, password: '', state: stateOf(asked) });
    const [one, other] = [await enter.at(a), await enter.at(b)];
    expect(one).toMatchObject({ answer: 'wait' });
    const both = Promise.all([waiting(a, clientId, one), waiting(b, clientId, other)]);
    await approve(owner, numberIn(asked));
    const told = await both;
    expect(told.map(({ answer }) => answer)).toEqual(['accept', 'accept']);
    expect(told.filter((answer) => 'send' in answer && answer.send)).toHaveLength(1);
    const events = await eventsOf(owner.userId);
    expect(events.filter((type) => type === 'challenge.claimed')).toHaveLength(1);
    // Another packet with the same State has no part in it.
    const late = await ask(a, { clientId, username: owner.username, password: '', state: stateOf(asked) });
    expect(await waiting(b, clientId, late)).toMatchObject({ answer: 'reject' });
  });

  test('RAD-43: is not handed to a replica that was killed while it waited', async () => {
    const clientId = clientWith();
    const owner = await person({ app: true });
    const asked = await ask(a, { clientId, username: owner.username, password: '' });
    const enter = packet({ clientId, username: owner.username, password: '', state: stateOf(asked) });
    const [killed, other] = [await enter.at(a), await enter.at(b)];
    const both = Promise.all([askedOnce(a, clientId, killed, 5), askedOnce(b, clientId, other, 5)]);
    await approve(owner, numberIn(asked));
    expect(await both).toMatchObject([{ answer: 'wait' }, { answer: 'wait' }]);
    const accepted = await askedOnce(b, clientId, other, 0);
    expect(accepted).toMatchObject({ answer: 'accept', send: true });
    // It is back; and the answer was lost.
    const again = await enter.at(a);
    expect(await waiting(a, clientId, again)).toEqual(accepted);
    expect(await waiting(a, clientId, killed), 'who had it before is not to tell it').toMatchObject({ send: false });
    expect((await eventsOf(owner.userId)).filter((type) => type === 'challenge.claimed')).toHaveLength(1);
  });

  test('is asked for in the language of the person, and the client may have one for all', async () => {
    const [theirs, english] = [clientWith(), clientWith({ language: 'en' })];
    const owner = await person({ app: true });
    await update(a, { userId: owner.userId, language: 'ru' }, requestOf());
    const asked = await ask(a, { clientId: theirs, username: owner.username, password: '' });
    expect(textOf(asked)).toMatch(/^Откройте приложение .* Затем нажмите здесь Enter\.$/);
    const inEnglish = await ask(a, { clientId: english, username: owner.username, password: '' });
    expect(textOf(inEnglish)).toMatch(/ Then press Enter here\.$/);
  });

  test('is ended by a wrong number, and by "not me"', async () => {
    const clientId = clientWith();
    const owner = await person({ app: true });
    const asked = await ask(a, { clientId, username: owner.username, password: '' });
    const answer = await ask(b, { clientId, username: owner.username, password: '', state: stateOf(asked) });
    const told = waiting(a, clientId, answer);
    const number = numberIn(asked);
    await approve(owner, String((Number(number) + 1) % 1000).padStart(3, '0')).catch(() => undefined);
    expect(await told).toMatchObject({ answer: 'reject' });
  });

  test('RAD-43: whose answer was lost on its way is told to whoever waits for it, and asks again', async () => {
    const clientId = clientWith({ profile: 'windows-rras', passwords: ['pap'], allowPlainApproval: true });
    const owner = await person({ app: true });
    const answer = await ask(a, { clientId, username: owner.username, password: '' });
    await approve(owner);
    for (const on of [a, b]) {
      expect(await waiting(on, clientId, answer, 5, 'run of one')).toMatchObject({ answer: 'accept', send: true });
    }
    expect(await waiting(b, clientId, answer, 5, 'run of another')).toMatchObject({ answer: 'accept', send: false });
  });

  test('RAD-45: is for whoever pressed Enter last, whichever replica still waits for one before', async () => {
    const clientId = clientWith();
    const owner = await person({ app: true });
    const asked = await ask(a, { clientId, username: owner.username, password: '' });
    const enter = { clientId, username: owner.username, password: '', state: stateOf(asked) };
    const before = waiting(b, clientId, await ask(b, enter));
    const last = await ask(a, enter);
    await approve(owner, numberIn(asked));
    expect(await before).toMatchObject({ answer: 'reject', send: false });
    expect(await waiting(a, clientId, last)).toMatchObject({ answer: 'accept', send: true });
  });

  test('is had by Enter also where it was approved before', async () => {
    const clientId = clientWith();
    const owner = await person({ app: true });
    const asked = await ask(a, { clientId, username: owner.username, password: '' });
    await approve(owner, numberIn(asked));
    const enter = await ask(b, { clientId, username: owner.username, password: '', state: stateOf(asked) });
    expect(await waiting(b, clientId, enter)).toMatchObject({ answer: 'accept', send: true });
  });

  test('R17: is nothing for whoever was blocked since', async () => {
    const clientId = clientWith({ profile: 'windows-rras', passwords: ['pap'], allowPlainApproval: true });
    const owner = await person({ app: true });
    const answer = await ask(a, { clientId, username: owner.username, password: '' });
    await approve(owner);
    await block(a, { userId: owner.userId, reason: 'phone stolen' }, requestOf());
    expect(await waiting(b, clientId, answer)).toMatchObject({ answer: 'reject', send: true });
    expect(trailed.at(-1)).toMatchObject({ type: 'radius.refused', reason: 'blocked' });
  });

  test('RAD-45: is withdrawn from the phone once the client was asked as often as it may be', async () => {
    const clientId = clientWith({ timeoutSeconds: 4, tries: 1, maxChallenges: 1 });
    const owner = await person({ app: true });
    const asked = await ask(a, { clientId, username: owner.username, password: '' });
    const enter = await ask(a, { clientId, username: owner.username, password: '', state: stateOf(asked) });
    expect(await waiting(b, clientId, enter)).toMatchObject({ answer: 'reject' });
    expect(await promptsOf(a, owner.phone)).toEqual([]);
  });

  test('is as good as a code that is typed in its place, and over then', async () => {
    const clientId = clientWith();
    const owner = await person({ app: true, totp: true });
    const asked = await ask(a, { clientId, username: owner.username, password: '' });
    const typed = { clientId, username: owner.username, password: owner.code(), state: stateOf(asked) };
    expect(await ask(b, typed)).toMatchObject({ answer: 'accept' });
    expect(await promptsOf(a, owner.phone)).toEqual([]);
  });

  test('RAD-52: without a number counts only where the client may, and the audit names it', async () => {
    const [refuses, allows] = [
      clientWith({ profile: 'windows-rras', passwords: ['pap'] }),
      clientWith({ profile: 'windows-rras', passwords: ['pap'], allowPlainApproval: true }),
    ];
    const owner = await person({ app: true });
    expect(await ask(a, { clientId: refuses, username: owner.username, password: '' })).toMatchObject({
      answer: 'reject',
    });
    const answer = await ask(a, { clientId: allows, username: owner.username, password: '' });
    expect(answer).toMatchObject({ answer: 'wait' });
    const told = waiting(b, allows, answer);
    await approve(owner);
    expect(await told).toMatchObject({ answer: 'accept', send: true });
    const last = await a.manager.streams.getMessage('AUTH', { last_by_subj: `auth.${owner.userId}` });
    expect(JSON.parse(last?.string() ?? '{}')).toMatchObject({ event: { assurance: 'oob-nonconformant' } });
  });

  test('RAD-46: a client that fails over to another server finds its prompt, and the approval goes there', async () => {
    const clientId = clientWith({ profile: 'windows-rras', passwords: ['pap'], allowPlainApproval: true });
    const owner = await person({ app: true });
    const login1 = { clientId, username: owner.username, password: '' };
    const given = await ask(a, login1);
    const [prompt] = await promptsOf(a, owner.phone);
    const anew = await ask(b, login1);
    expect((await promptsOf(a, owner.phone)).map(({ challengeId }) => challengeId)).toEqual([prompt?.challengeId]);
    const both = Promise.all([waiting(a, clientId, given), waiting(b, clientId, anew)]);
    await approve(owner);
    expect(await both).toMatchObject([
      { answer: 'reject', send: false },
      { answer: 'accept', send: true },
    ]);
    expect((await eventsOf(owner.userId)).slice(-4)).toEqual([
      'challenge.started',
      'challenge.joined',
      'challenge.approved',
      'challenge.claimed',
    ]);
  });

  test.each([
    ['at another place', { station: '198.51.100.9' }, {}],
    ['behind the same address', { port: '2' }, {}],
    ['at RD Gateway, which names no place', { station: 'UserAuthType:PW' }, { station: 'UserAuthType:PW' }],
  ])('RAD-46: somebody with the same password %s never shares it', async (_where, theirWay, ownWay) => {
    const clientId = clientWith({ profile: 'windows-rras', passwords: ['pap'], allowPlainApproval: true });
    const owner = await person({ app: true });
    const thief = await ask(b, { clientId, username: owner.username, password: '', ...theirWay });
    const own = await ask(a, { clientId, username: owner.username, password: '', ...ownWay });
    const both = Promise.all([waiting(a, clientId, own), waiting(b, clientId, thief)]);
    await approve(owner);
    const [ours, theirs] = await both;
    expect(theirs).toMatchObject({ answer: 'reject' });
    expect(ours).toMatchObject({ answer: 'accept' });
    expect(await eventsOf(owner.userId)).not.toContain('challenge.joined');
  });

  test('RAD-45: is over when the client gives up: what is approved after that changes nothing', async () => {
    const clientId = clientWith({
      profile: 'windows-rras',
      passwords: ['pap'],
      allowPlainApproval: true,
      timeoutSeconds: 4,
      tries: 1,
    });
    const owner = await person({ app: true });
    const answer = await ask(a, { clientId, username: owner.username, password: '' });
    const [prompt] = await promptsOf(a, owner.phone);
    expect(await waiting(b, clientId, answer)).toMatchObject({ answer: 'reject' });
    await expect(answerPrompt(a, owner.phone, prompt!, { decision: 'approve' })).rejects.toThrow(MfaError);
    expect(await waiting(a, clientId, answer, 0)).toMatchObject({ answer: 'reject' });
  });

  test('R13, RAD-45: is over with the last question that the client allows, on the phone as well', async () => {
    const clientId = clientWith({ timeoutSeconds: 4, tries: 1, maxChallenges: 1 });
    const owner = await person({ app: true });
    const asked = await ask(a, { clientId, username: owner.username, password: '' });
    const enter = await ask(b, { clientId, username: owner.username, password: '', state: stateOf(asked) });
    expect(await waiting(a, clientId, enter)).toMatchObject({ answer: 'reject' });
    expect(await promptsOf(a, owner.phone)).toEqual([]);
  });

  test('that nobody has answered yet is waited for again, or a code taken, as often as the client allows', async () => {
    const clientId = clientWith({ timeoutSeconds: 4, tries: 1 });
    const owner = await person({ app: true, totp: true });
    const asked = await ask(a, { clientId, username: owner.username, password: '' });
    const answer = await ask(a, { clientId, username: owner.username, password: '', state: stateOf(asked) });
    const again = await waiting(b, clientId, answer);
    expect(textOf(again)).toContain('Not approved yet.');
    const enter = await ask(b, { clientId, username: owner.username, password: '', state: stateOf(again) });
    const told = waiting(a, clientId, enter);
    await approve(owner, numberIn(asked));
    expect(await told).toMatchObject({ answer: 'accept' });
  });
});

describe('an upstream server', () => {
  const viaUpstream = (changes: Partial<RadiusClientSettings> = {}) =>
    clientWith({ firstFactor: { by: 'upstream', upstreamId: crypto.randomUUID() }, ...changes });
  const CLASS = { type: 25, value: Buffer.from('sales').toString('base64') };
  const KEY = { vendor: 311, type: 16, value: randomBytes(16).toString('base64'), hidden: 'mppe' as const };

  test('INV-13: is asked once for a packet that reaches two replicas, and both say what it returned (RAD-61)', async () => {
    const clientId = viaUpstream({ allowPlainApproval: true });
    const owner = await person({ app: true });
    upstream.mockResolvedValue({ outcome: 'accept', attributes: [CLASS, { type: 24, value: 'AAAA' }, KEY] });
    const mschap = { challenge: randomBytes(16).toString('base64'), response: randomBytes(50).toString('base64') };
    const one = packet({ clientId, username: owner.username, mschap });
    const [first, second] = await Promise.all([one.at(a), one.at(b)]);
    expect(upstream).toHaveBeenCalledTimes(1);
    expect(upstream.mock.calls[0]?.[0]).toMatchObject({
      mschap: { challenge: Buffer.from(mschap.challenge, 'base64'), response: Buffer.from(mschap.response, 'base64') },
    });
    const both = Promise.all([waiting(a, clientId, first), waiting(b, clientId, second)]);
    await approve(owner);
    for (const answer of await both) {
      expect(answer).toMatchObject({ answer: 'accept' });
      expect('attributes' in answer && answer.attributes).toEqual(expect.arrayContaining([CLASS, KEY]));
      expect('attributes' in answer && answer.attributes).toHaveLength(3);
    }
  });

  test('R22: no push for an MS-CHAPv2 that nobody checks, nor for any kind of password that the settings leave out', async () => {
    const owner = await person({ app: true });
    const mschap = { challenge: randomBytes(16).toString('base64'), response: randomBytes(50).toString('base64') };
    const ofNobody = clientWith({ allowPlainApproval: true });
    const ofTunnels = viaUpstream({ allowPlainApproval: true, passwords: ['mschapv2'] });
    upstream.mockResolvedValue({ outcome: 'accept', attributes: [] });
    for (const sent of [
      { clientId: ofNobody, mschap },
      { clientId: ofTunnels, password: 'secret' },
    ]) {
      expect(await ask(a, { username: owner.username, ...sent })).toMatchObject({ answer: 'reject' });
    }
    expect(upstream).not.toHaveBeenCalled();
    expect(await promptsOf(a, owner.phone)).toEqual([]);
  });

  test('that refuses is no more than a reject, and nobody is asked in the app', async () => {
    const clientId = viaUpstream();
    const owner = await person({ app: true });
    upstream.mockResolvedValue({ outcome: 'reject', attributes: [] });
    expect(await ask(a, { clientId, username: owner.username, password: 'wrong' })).toMatchObject({ answer: 'reject' });
    expect(await promptsOf(a, owner.phone)).toEqual([]);
  });

  test('RAD-44: that does not answer is no answer, and the same packet does not ask it again', async () => {
    const clientId = viaUpstream();
    const { username } = await person({ totp: true });
    upstream.mockRejectedValue(new MfaError('RADIUS_UPSTREAM_UNAVAILABLE'));
    const one = packet({ clientId, username, password: 'secret' });
    await expect(one.at(a)).rejects.toMatchObject({ code: 'RADIUS_UPSTREAM_UNAVAILABLE' });
    // Nobody could say, and nobody can now: that is no reject.
    for (const on of [a, b]) await expect(one.at(on)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(upstream).toHaveBeenCalledTimes(1);
  });

  test('R26: is asked for newcomers also when strangers have filled what is kept of its answers', async () => {
    const clientId = viaUpstream();
    upstream.mockResolvedValue({ outcome: 'reject', attributes: [KEY, KEY, KEY, KEY] });
    const { config } = await a.manager.streams.info(RADIUS);
    await a.manager.streams.update(RADIUS, { ...config, max_bytes: 8192 });
    for (let tried = 0; tried < 60; tried += 1) {
      const answer = await ask(a, { clientId, username: `nobody${tried}`, password: 'guess' });
      expect(answer, String(tried)).toMatchObject({ answer: 'reject' });
    }
    await a.manager.streams.update(RADIUS, config);
  });

  test('R17: whoever is disabled here is refused whatever it says', async () => {
    const clientId = viaUpstream();
    const { userId, username } = await person({ totp: true });
    await update(a, { userId, status: 'disabled' }, requestOf());
    upstream.mockResolvedValue({ outcome: 'accept', attributes: [] });
    expect(await ask(b, { clientId, username, password: 'secret' })).toMatchObject({ answer: 'reject' });
  });

  test('lets in whoever is no user here only where the client says so', async () => {
    const [strict, lax] = [viaUpstream(), viaUpstream({ requireUserMatch: false })];
    upstream.mockResolvedValue({ outcome: 'accept', attributes: [CLASS] });
    const asked = await ask(a, { clientId: strict, username: 'guest', password: 'secret' });
    expect(asked.answer).not.toBe('accept');
    expect(await ask(a, { clientId: lax, username: 'guest', password: 'secret' })).toMatchObject({ answer: 'accept' });
    expect(trailed.at(-1)).toMatchObject({ type: 'radius.accepted', detail: { username: 'guest' } });
  });

  test('R3: takes no user for a stranger whom it knows by more names than are known here', async () => {
    const clientId = viaUpstream({ requireUserMatch: false });
    const { username } = await person({ totp: true });
    upstream.mockResolvedValue({ outcome: 'accept', attributes: [] });
    const names = [`EXAMPLE\\${username}`, `${username}@example.com`, `example.com/${username}`, `X\\${username}@y.z`];
    for (const name of names) {
      const answer = await ask(a, { clientId, username: name, password: 'secret' });
      expect(answer, name).toMatchObject({ answer: 'reject' });
    }
    // As the directory, which is asked whose the name is, knows them.
    const known = { objectId: 'x', dn: 'x', username, names: ['short'], phones: [], status: 'enabled' } as const;
    const person1 = { ...known, names: [...known.names], phones: [] };
    const directory = { directoryId: crypto.randomUUID(), mayKnow: () => true, find: async () => person1 };
    const all = vi.spyOn(a.directories, 'all').mockReturnValue([directory as never]);
    const answer = await ask(a, { clientId, username: 'short', password: 'secret' });
    all.mockRestore();
    expect(answer).toMatchObject({ answer: 'reject' });
  });

  test('R14: says whom it accepted behind a tunnel, and nobody where it names two or is called another user outside', async () => {
    const clientId = viaUpstream({ allowPlainApproval: true });
    const owner = await person({ app: true });
    const other = await person({ app: true });
    const named = (...names: string[]) =>
      names.map((name) => ({ type: ATTRIBUTE.userName, value: Buffer.from(name).toString('base64') }));
    const eap = Buffer.from([2, 9, 0, 6, 21, 0]).toString('base64');
    const request = { clientId, username: other.username, eap };
    upstream.mockResolvedValue({ outcome: 'accept', attributes: named(other.username, owner.username) });
    expect(await ask(a, request)).toMatchObject({ answer: 'reject' });
    upstream.mockResolvedValue({ outcome: 'accept', attributes: named(owner.username) });
    expect(await ask(a, request)).toMatchObject({ answer: 'reject' });
    expect(await ask(a, { ...request, username: 'anonymous' })).toMatchObject({ answer: 'wait' });
    expect(await promptsOf(a, other.phone)).toEqual([]);
    expect(await promptsOf(a, owner.phone)).toHaveLength(1);
  });

  test('RAD-51: hears the password without what was typed behind it, once', async () => {
    const clientId = viaUpstream({ appended: { how: 'digits', digits: 6 } });
    const { username, code } = await person({ totp: true });
    upstream.mockResolvedValue({ outcome: 'accept', attributes: [] });
    expect(await ask(a, { clientId, username, password: `secret${code()}` })).toMatchObject({ answer: 'accept' });
    expect(upstream.mock.calls.map(([request]) => request)).toEqual([expect.objectContaining({ password: 'secret' })]);
  });

  describe('EAP, where the name that was proved is inside a tunnel', () => {
    /** The last response of PEAP, and of MS-CHAPv2 without a tunnel (RFC 3748 section 4). */
    const [PEAP, MSCHAPV2] = [
      [2, 7, 0, 6, 25, 0],
      [2, 7, 0, 6, 26, 3],
    ].map((octets) => Buffer.from(octets).toString('base64'));
    const SUCCESS = { type: 79, value: Buffer.from([3, 7, 0, 4]).toString('base64') };
    const named = (name: string) => ({ type: 1, value: Buffer.from(name).toString('base64') });
    const accepted = (...more: RadiusAttribute[]) =>
      upstream.mockResolvedValue({ outcome: 'accept', attributes: [SUCCESS, KEY, CLASS, ...more] });

    test('asks whoever the server says it was, and the client hears that name too', async () => {
      const clientId = viaUpstream({ allowPlainApproval: true });
      const owner = await person({ app: true });
      accepted(named(owner.username));
      const answer = await ask(a, { clientId, username: 'anonymous', eap: PEAP! });
      const told = waiting(b, clientId, answer);
      await approve(owner);
      const accept = await told;
      expect(accept).toMatchObject({ answer: 'accept' });
      expect('attributes' in accept && accept.attributes).toEqual(
        expect.arrayContaining([SUCCESS, KEY, CLASS, named(owner.username)]),
      );
    });

    test('R22: lets nobody ask the phone of another with a password of their own', async () => {
      const clientId = viaUpstream({ allowPlainApproval: true });
      const [owner, thief] = [await person({ app: true }), await person({ app: true })];
      // A server that does not say who it was, and one that does.
      accepted();
      expect(await ask(a, { clientId, username: owner.username, eap: PEAP! })).toMatchObject({ answer: 'reject' });
      accepted(named(thief.username));
      expect(await ask(a, { clientId, username: owner.username, eap: PEAP! })).toMatchObject({ answer: 'reject' });
      expect(await promptsOf(a, owner.phone)).toEqual([]);
      expect(await promptsOf(a, thief.phone)).toEqual([]);
      // Without a tunnel the name of the packet is the one that was proved.
      accepted();
      expect(await ask(a, { clientId, username: owner.username, eap: MSCHAPV2! })).toMatchObject({ answer: 'wait' });
    });

    test('lets in no stranger: people who are users here may call themselves anything outside the tunnel', async () => {
      const clientId = viaUpstream({ allowPlainApproval: true, requireUserMatch: false });
      accepted(named('anonymous'));
      expect((await ask(a, { clientId, username: 'anonymous', eap: PEAP! })).answer).not.toBe('accept');
      accepted();
      expect((await ask(a, { clientId, username: 'anonymous', eap: PEAP! })).answer).not.toBe('accept');
    });
  });
});
