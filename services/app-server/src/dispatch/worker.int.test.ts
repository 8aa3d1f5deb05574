import { randomBytes } from 'node:crypto';
import { jetstream } from '@nats-io/jetstream';
import { waitUntil } from '@countersign/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { loadKeyRing } from '../keys/ring.ts';
import { sealJob, type Message } from './job.ts';
import { DISPATCH, sendersOf } from './streams.ts';
import { QUICK, QUICK_PACE, startWorld, type World } from './testing/world.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld('worker');
});
afterAll(() => world.stop());
afterEach(() => world.clear());

const all = () => [...world.gateways.a.taken, ...world.gateways.b.taken];
const texts = ({ code }: Message) => all().filter(({ text }) => text.startsWith(code));
const trailed = (type: string) => world.trail.filter((event) => event.type === type);
const recorded = (type: string) => waitUntil(() => trailed(type).length > 0, { what: `${type} in the audit` });

describe('one message', () => {
  test('reaches the first carrier whole, is recorded without the code and the number, and is gone from the queue', async () => {
    const { dispatcher } = await world.startReplica();
    const message = world.message({ originHost: 'portal.example.com', language: 'ru', application: 'Портал' });
    await dispatcher.hand(message);
    await world.isSettled();
    await recorded('message.sent');
    expect(world.gateways.a.taken[0]?.text).toBe(
      `${message.code} - код для Портал, 5 мин. Никому не сообщайте.\n@portal.example.com #${message.code}`,
    );
    expect(trailed('message.sent')).toMatchObject([
      {
        challengeId: message.challengeId,
        userId: message.userId,
        detail: { messageId: message.messageId, carrier: 'a', providerId: 'm1', resend: false, segments: 2 },
      },
    ]);
    expect(JSON.stringify(world.trail)).not.toContain(message.code);
    expect(JSON.stringify(world.trail)).not.toContain('20000012');
  });

  test('R21: a decoy goes through the queue and to no carrier, and leaves no row', async () => {
    const { dispatcher } = await world.startReplica();
    const { phone: _, ...decoy } = world.message();
    await dispatcher.hand(decoy);
    await world.isSettled();
    expect([...world.gateways.a.requests, ...world.gateways.b.requests]).toEqual([]);
    expect(world.trail).toEqual([]);
  });

  test('AAL-26: a notice is sent as it is written, and after a silence once more', async () => {
    world.gateways.a.behave('die');
    const { dispatcher } = await world.startReplica({
      stillWanted: ({ challengeId }) => Promise.resolve(challengeId === undefined),
    });
    const { challengeId: _, ...message } = world.message({ code: '', application: 'House', originHost: null });
    await dispatcher.hand({ ...message, text: 'Добавлен телефон: {{application}}.' });
    await world.isSettled();
    await recorded('message.sent');
    expect(world.gateways.b.taken.map(({ text }) => text)).toEqual(['Добавлен телефон: House.']);
  });

  test('HA-51: one whose code has expired is dropped', async () => {
    const { dispatcher } = await world.startReplica();
    await dispatcher.hand(world.message({ expiresAt: 1 }));
    await world.isSettled();
    await recorded('message.dropped');
    expect(trailed('message.dropped')).toMatchObject([{ reason: 'expired' }]);
    expect(all()).toEqual([]);
  });
});

describe('TEL-10: when a carrier fails', () => {
  test.each([['stopped'], [500], [429], [400]])('%s: the next one sends it', async (fault) => {
    if (fault === 'stopped') await world.gateways.a.stop();
    else world.gateways.a.behave(fault as number);
    const { dispatcher } = await world.startReplica();
    const message = world.message();
    await dispatcher.hand(message);
    await world.isSettled();
    if (fault === 'stopped') await world.gateways.a.start();
    expect(world.gateways.a.taken).toEqual([]);
    expect(texts(message)).toHaveLength(1);
  });

  test.each(['hang', 'die', 'acceptAndDie', 'acceptAndHang'] as const)(
    '%s: nobody else in that delivery; later one resend of the same code by the other',
    async (fault) => {
      world.gateways.a.behave(fault);
      const { dispatcher } = await world.startReplica();
      const message = world.message();
      await dispatcher.hand(message);
      await waitUntil(() => trailed('message.unanswered').length === 1);
      expect(world.gateways.b.requests).toEqual([]);
      await world.isSettled();
      await recorded('message.sent');
      expect(world.gateways.a.requests).toHaveLength(1);
      expect(world.gateways.b.taken.map(({ text }) => text.slice(0, 6))).toEqual([message.code]);
      expect(trailed('message.sent')).toMatchObject([{ detail: { carrier: 'b', resend: true } }]);
      const keys = [...world.gateways.a.requests, ...world.gateways.b.requests].map(
        ({ headers }) => headers['idempotency-key'],
      );
      expect(new Set(keys).size).toBe(1);
    },
  );

  test('the resend is not sent when the challenge was closed meanwhile', async () => {
    world.gateways.a.behave('die');
    const asked: (string | undefined)[] = [];
    const { dispatcher } = await world.startReplica({
      stillWanted: async ({ challengeId }) => {
        asked.push(challengeId);
        return false;
      },
    });
    const message = world.message();
    await dispatcher.hand(message);
    await world.isSettled();
    await recorded('message.dropped');
    expect(asked).toEqual([message.challengeId]);
    expect(trailed('message.dropped')).toMatchObject([{ reason: 'not_wanted' }]);
    expect(world.gateways.b.requests).toEqual([]);
  });

  test('INV-15: nor beyond a budget', async () => {
    world.gateways.a.behave('die');
    const { dispatcher, budgets } = await world.startReplica();
    const limits = { prefixes: [], perNumberHour: 1, perNumberDay: 10, perPrefixHour: 100, perDay: 100 };
    const message = world.message({ limits });
    expect(await budgets.reserve('+37120000012', limits, Date.now())).toEqual({ ok: true });
    await dispatcher.hand(message);
    await world.isSettled();
    await recorded('message.dropped');
    expect(trailed('message.dropped')).toMatchObject([{ reason: 'number_hour' }]);
  });

  test('all refuse for a while: sent in a later round, once', async () => {
    world.gateways.a.behave(503, 'accept');
    world.gateways.b.behave(429, 'accept');
    const { dispatcher } = await world.startReplica();
    const message = world.message();
    await dispatcher.hand(message);
    await world.isSettled();
    expect(texts(message)).toHaveLength(1);
    expect(trailed('message.sent')).toMatchObject([{ detail: { resend: false } }]);
  });

  test('all refuse to the end: given up, with a row that says why', async () => {
    for (const gateway of Object.values(world.gateways)) gateway.behave(503);
    const { dispatcher } = await world.startReplica();
    await dispatcher.hand(world.message());
    await world.isSettled();
    await recorded('message.failed');
    expect(trailed('message.failed')).toMatchObject([{ reason: 'http_503_30503', detail: { carrier: 'b' } }]);
  });
});

describe('one message, several hands', () => {
  test('a carrier that takes longer than the wait for an acknowledgement: nobody else takes the message over', async () => {
    world.gateways.a.behave('accept after 600');
    const quick = { settings: { ...QUICK, ackWaitMs: 300 } };
    const { dispatcher } = await world.startReplica(quick);
    await world.startReplica(quick);
    const message = world.message();
    await dispatcher.hand(message);
    await world.isSettled();
    expect(texts(message)).toHaveLength(1);
  });

  test('four replicas share two hundred messages: each is sent once', async () => {
    const patient = { settings: { ...QUICK, ackWaitMs: 20_000 } };
    const replicas = await Promise.all([1, 2, 3, 4].map(() => world.startReplica(patient)));
    const messages = Array.from({ length: 200 }, () => world.message());
    await Promise.all(
      messages.map((message, n) => replicas[n % 4]?.dispatcher.hand(message) ?? Promise.reject(new Error())),
    );
    await world.isSettled();
    expect(all()).toHaveLength(200);
    expect(new Set(all().map(({ text }) => text)).size).toBe(200);
  });

  test('one that has not the key gives the message back to one that has', async () => {
    const newRing = loadKeyRing(`k2:${randomBytes(32).toString('base64')}`);
    await world.startReplica();
    const message = world.message();
    const { nats } = await world.nats.connect();
    await jetstream(nats).publish('dispatch.sms', sealJob(newRing, message), { msgID: message.messageId });
    await waitUntil(() => world.logged.some((line) => line.includes('message.open')));
    await world.startReplica({ ring: newRing });
    await world.isSettled(20_000);
    expect(texts(message)).toHaveLength(1);
  });

  test('a replica that stops finishes what it sends and gives back what waits, with nothing lost or sent twice', async () => {
    world.gateways.a.behave('accept after 400');
    world.gateways.b.behave(503);
    const first = await world.startReplica({ pace: { ...QUICK_PACE, roundPausesMs: [30_000] } });
    const under = world.message({ carriers: ['a'] });
    const parked = world.message({ carriers: ['b'] });
    await Promise.all([first.dispatcher.hand(under), first.dispatcher.hand(parked)]);
    await waitUntil(() => world.gateways.a.requests.length === 1 && world.gateways.b.requests.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const begun = performance.now();
    await first.drain();
    expect(performance.now() - begun).toBeLessThan(2000);
    world.gateways.b.behave('accept');
    await world.startReplica();
    await world.isSettled();
    expect(texts(under)).toHaveLength(1);
    expect(texts(parked)).toHaveLength(1);
  });

  test('messages that wait between two rounds keep nobody from sending others', async () => {
    world.gateways.a.behave(503);
    const { dispatcher } = await world.startReplica({
      settings: { ...QUICK, concurrency: 2 },
      pace: { ...QUICK_PACE, roundPausesMs: [60_000] },
    });
    for (let n = 0; n < 10; n++) await dispatcher.hand(world.message({ carriers: ['a'] }));
    const message = world.message({ carriers: ['b'] });
    await dispatcher.hand(message);
    await waitUntil(() => all().length > 0, { timeoutMs: 3000 });
    expect(texts(message)).toHaveLength(1);
  });

  test('a message whose replica died at every delivery is recorded, and its sealed code leaves the stream (KEY-10)', async () => {
    const settings = { ...QUICK, ackWaitMs: 300, maxDeliver: 2 };
    const first = await world.startReplica({ settings });
    await first.drain();
    const message = world.message();
    await first.dispatcher.hand(message);
    const watcher = await world.startReplica({ settings: { ...settings, concurrency: 0 } });
    const consumer = await world.connection.jetstream.consumers.get(DISPATCH, sendersOf('sms'));
    for (let n = 0; n < 2; n++) expect(await consumer.next({ expires: 2000 })).not.toBeNull();
    const more = consumer.next({ expires: 2000 });
    await recorded('message.failed');
    expect(trailed('message.failed')).toMatchObject([{ reason: 'replicas_died', challengeId: message.challengeId }]);
    await world.isSettled();
    expect(await more).toBeNull();
    await watcher.drain();
  });
});

describe('R26: faults around the queue', () => {
  test('the NATS server is killed twice while a hundred messages are under way: all arrive, none more than twice', async () => {
    for (const gateway of Object.values(world.gateways)) gateway.behave('accept after 50');
    const first = await world.startReplica({ settings: { ...QUICK, concurrency: 4 } });
    await world.startReplica({ settings: { ...QUICK, concurrency: 4 } });
    const messages = Array.from({ length: 100 }, () => world.message());
    const handed = Promise.all(messages.map((message) => first.dispatcher.hand(message)));
    for (let n = 0; n < 2; n++) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      await world.nats.server.kill();
      await world.nats.server.start();
    }
    await handed;
    await world.isSettled(30_000);
    for (const message of messages) {
      expect(texts(message).length).toBeGreaterThanOrEqual(1);
      expect(texts(message).length).toBeLessThanOrEqual(2);
    }
  });

  test('both carriers hang for a while: the queue empties by itself when they are back', async () => {
    for (const gateway of Object.values(world.gateways)) gateway.behave('hang');
    const { dispatcher, pool } = await world.startReplica();
    const messages = Array.from({ length: 30 }, () => world.message());
    await Promise.all(messages.map((message) => dispatcher.hand(message)));
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect(pool.states().some(({ phase }) => phase !== 'closed')).toBe(true);
    for (const gateway of Object.values(world.gateways)) gateway.behave('accept');
    await world.isSettled(20_000);
    for (const message of messages) expect(texts(message).length).toBeLessThanOrEqual(2);
    const late = world.message();
    await dispatcher.hand(late);
    await world.isSettled(20_000);
  });
});

test('R24: no code, number, text or token in any log line', async () => {
  world.gateways.a.behave(500, 'die', 400, 'accept');
  const { dispatcher } = await world.startReplica();
  const messages = Array.from({ length: 12 }, () => world.message({ application: 'Canary Portal' }));
  await Promise.all(messages.map((message) => dispatcher.hand(message)));
  await world.isSettled();
  const { nats } = await world.nats.connect();
  await jetstream(nats).publish('dispatch.sms', 'rubbish', { msgID: 'rubbish:1' });
  await waitUntil(() => world.logged.some((line) => line.includes('message.open')));
  const log = world.logged.join('');
  expect(log).toContain('message.again');
  for (const { code } of messages) expect(log).not.toContain(code);
  for (const secret of ['20000012', 'Canary Portal', 'bearer-token']) expect(log).not.toContain(secret);
});
