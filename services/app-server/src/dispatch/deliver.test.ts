import { randomBytes } from 'node:crypto';
import { MfaError } from '@countersign/contracts';
import { createMetrics, noTracing } from '@countersign/telemetry';
import { describe, expect, test } from 'vitest';
import { loadKeyRing } from '../keys/ring.ts';
import type { Reserved } from './budget.ts';
import type { OutgoingMessage, SendOutcome } from './carriers/carrier.ts';
import { createCarrierPool } from './carriers/pool.ts';
import { createClaims } from './claims.ts';
import { deliver, type DeliveryContext } from './deliver.ts';
import type { Job } from './job.ts';
import { memoryStore } from './testing/memory-store.ts';
import { SMS_TEXTS } from './texts.ts';

const NOW = 1_800_000_000_000;
const ring = loadKeyRing(`k1:${randomBytes(32).toString('base64')}`);
const job: Job = {
  messageId: 'c1:1',
  channel: 'sms',
  phone: '+37120000012',
  code: '049203',
  application: 'Intranet',
  originHost: null,
  text: SMS_TEXTS['en'] ?? '',
  carriers: ['a', 'b'],
  limits: { prefixes: [], perNumberHour: 5, perNumberDay: 10, perPrefixHour: 100, perDay: 100 },
  expiresAt: NOW + 300_000,
  userId: 'u1',
  challengeId: 'c1',
};
const accepted: SendOutcome = { outcome: 'accepted', providerId: 'p1' };
const busy: SendOutcome = { outcome: 'refused', retriable: true, reason: 'http_503' };
const badNumber: SendOutcome = { outcome: 'refused', retriable: false, reason: 'http_400' };
const silence: SendOutcome = { outcome: 'unknown', reason: 'timeout' };

/** A world of two carriers that answer by script; the last answer of a script is repeated. */
function world(scripts: Record<string, SendOutcome[]>) {
  const sent: { carrier: string; message: OutgoingMessage }[] = [];
  const pauses: number[] = [];
  const reserved: string[] = [];
  const state = { now: NOW, answerMs: 0, wanted: true, stopping: false, budget: { ok: true } as Reserved | MfaError };
  const records = new Map<string, unknown>();
  const store = memoryStore(records);
  const claims = () => [...records.values()] as { claims: unknown[]; unanswered: string[] }[];
  const carriers = Object.entries(scripts).map(([name, script]) => ({
    name,
    send: async (message: OutgoingMessage) => {
      sent.push({ carrier: name, message });
      state.now += state.answerMs;
      return (script.length > 1 ? script.shift() : script[0]) ?? silence;
    },
  }));
  const metrics = createMetrics({ service: 'test', replica: 'r', processMetrics: false });
  const deps = {
    pool: createCarrierPool({ carriers, now: () => state.now, metrics, tracing: noTracing }),
    claims: createClaims(store, ring),
    budgets: {
      reserve: async (target: unknown) => {
        reserved.push(String(target));
        if (state.budget instanceof MfaError) throw state.budget;
        return state.budget;
      },
    },
    ring,
    now: () => state.now,
    pace: { roundPausesMs: [1000, 2000], resendAfterMs: 20_000, freshClaimMs: 10_000 },
    stillWanted: async () => state.wanted,
  };
  let tries = 0;
  const context = (redelivered = false): DeliveryContext => ({
    redelivered,
    claimId: `try-${++tries}`,
    pause: async (ms) => {
      pauses.push(ms);
      state.now += ms;
      return !state.stopping;
    },
  });
  const runJob = (whole: Job, redelivered = false) => deliver(deps, whole, context(redelivered));
  const run = (redelivered = false, change: Partial<Job> = {}) => runJob({ ...job, ...change }, redelivered);
  return { run, runJob, sent, pauses, reserved, state, claims };
}

const carriersOf = (sent: { carrier: string }[]) => sent.map(({ carrier }) => carrier);

describe('TEL-10: one delivery', () => {
  test.each([
    ['the first takes it', { a: [accepted], b: [accepted] }, ['a'], 'sent'],
    ['a definite no sends on to the next', { a: [busy], b: [accepted] }, ['a', 'b'], 'sent'],
    ['so does one that lies with the message', { a: [badNumber], b: [accepted] }, ['a', 'b'], 'sent'],
    ['a silence sends on to nobody', { a: [silence], b: [accepted] }, ['a'], 'again'],
    ['a silence after a no neither', { a: [busy], b: [silence] }, ['a', 'b'], 'again'],
    ['all say no to the message: no other round', { a: [badNumber], b: [badNumber] }, ['a', 'b'], 'failed'],
    ['all are busy: rounds, then the end', { a: [busy], b: [busy] }, ['a', 'b', 'a', 'b', 'a', 'b'], 'failed'],
    ['busy for one round', { a: [busy], b: [busy, accepted] }, ['a', 'b', 'a', 'b'], 'sent'],
  ] as const)('%s', async (_, scripts, asked, end) => {
    const { run, sent } = world(scripts as unknown as Record<string, SendOutcome[]>);
    expect(await run()).toMatchObject({ end });
    expect(carriersOf(sent)).toEqual(asked);
  });

  test('the carrier gets the text, the rest of the life and an opaque reference', async () => {
    const { run, sent } = world({ a: [accepted] });
    expect(await run()).toEqual({
      end: 'sent',
      carrier: 'a',
      providerId: 'p1',
      reference: expect.stringMatching(/^[A-Za-z0-9_-]{22}$/),
      resend: false,
      segments: 1,
    });
    expect(sent[0]?.message).toMatchObject({ to: job.phone, lifeSeconds: 300 });
    expect(sent[0]?.message.text).toContain('049203 is your code for Intranet');
    expect(sent[0]?.message.reference).not.toContain('c1');
  });

  test('a decoy goes the same way and is thrown away at the last step', async () => {
    const { runJob, sent, claims } = world({ a: [accepted] });
    const { phone: _, ...decoy } = job;
    expect(await runJob(decoy)).toEqual({ end: 'decoy' });
    expect(sent).toEqual([]);
    // Claimed like any other, so that its redelivery ends as theirs do.
    expect(claims()[0]?.claims.length).toBe(1);
  });

  test('no carrier configured: failed at once, and the claim is given back', async () => {
    const { run, claims } = world({});
    expect(await run()).toEqual({ end: 'failed', reason: 'no_carrier' });
    expect(claims()[0]?.claims.length).toBe(0);
  });

  test('a definite no costs no claim, a silence costs one', async () => {
    const refused = world({ a: [badNumber] });
    await refused.run();
    expect(refused.claims()[0]?.claims.length).toBe(0);
    const unanswered = world({ a: [silence] });
    await unanswered.run();
    expect(unanswered.claims()).toMatchObject([{ claims: [{ at: NOW }], unanswered: ['a'] }]);
  });

  test('a process that stops gives a waiting message back, with its claim', async () => {
    const { run, state, claims } = world({ a: [busy] });
    state.stopping = true;
    expect(await run()).toEqual({ end: 'again', afterMs: 0, reason: 'stopping' });
    expect(claims()[0]?.claims.length).toBe(0);
  });
});

describe('HA-61, INV-15: the one automatic resend', () => {
  const later = 20_000;

  test('after a silence: same code, same key of idempotency, the other carrier first, budget reserved', async () => {
    const { run, sent, reserved, state } = world({ a: [silence], b: [accepted] });
    expect(await run()).toMatchObject({ end: 'again', afterMs: later, unanswered: { carrier: 'a' } });
    expect(reserved).toEqual([]);
    state.now += later;
    expect(await run(true)).toMatchObject({ end: 'sent', carrier: 'b', resend: true });
    expect(carriersOf(sent)).toEqual(['a', 'b']);
    const codes = sent.map(({ message }) => message.text.slice(0, 6));
    expect(codes).toEqual(['049203', '049203']);
    expect(sent[1]?.message.idempotencyKey).toBe(sent[0]?.message.idempotencyKey);
    expect(reserved).toEqual([job.phone]);
  });

  test('never a third, whatever the queue delivers', async () => {
    const { run, sent, state } = world({ a: [silence], b: [silence] });
    expect(await run()).toMatchObject({ end: 'again' });
    state.now += later;
    expect(await run(true)).toMatchObject({ end: 'unanswered', resend: true });
    for (let n = 0; n < 5; n++) {
      state.now += later;
      expect(await run(n % 2 === 0)).toEqual({ end: 'dropped', reason: 'sent_twice' });
    }
    expect(sent).toHaveLength(2);
  });

  test('two hands at once: one sends, the others leave the message in the queue', async () => {
    const { run, sent } = world({ a: [accepted] });
    const endings = await Promise.all([run(), run(true), run(true), run()]);
    expect(sent).toHaveLength(1);
    expect(endings.map(({ end }) => end).toSorted()).toEqual(['again', 'again', 'again', 'sent']);
    expect(endings).toContainEqual({ end: 'again', afterMs: 10_000, reason: 'in_other_hands' });
  });

  test('a clock that is ahead of ours does not make us send at once, nor wait for ever', async () => {
    const { run, sent, state } = world({ a: [silence] });
    state.now += 8000;
    await run();
    state.now -= 8000;
    expect(await run(true)).toEqual({ end: 'again', afterMs: 10_000, reason: 'in_other_hands' });
    expect(sent).toHaveLength(1);
  });

  test.each([true, false])(
    'not when the challenge was closed meanwhile (known as redelivered: %s)',
    async (redelivered) => {
      const { run, sent, state } = world({ a: [silence], b: [accepted] });
      await run();
      state.now += later;
      state.wanted = false;
      expect(await run(redelivered)).toEqual({ end: 'dropped', reason: 'not_wanted' });
      expect(sent).toHaveLength(1);
    },
  );

  test('not beyond a budget', async () => {
    const { run, sent, state } = world({ a: [silence], b: [accepted] });
    await run();
    state.now += later;
    state.budget = { ok: false, reason: 'number_hour', retryAfterSeconds: 60 };
    expect(await run(true)).toEqual({ end: 'dropped', reason: 'number_hour' });
    expect(sent).toHaveLength(1);
  });

  test('R6: nor when the budgets cannot be asked; the claim is given back for a later try', async () => {
    const { run, sent, state, claims } = world({ a: [silence], b: [accepted] });
    await run();
    state.now += later;
    state.budget = new MfaError('UNAVAILABLE');
    await expect(run(true)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(sent).toHaveLength(1);
    expect(claims()[0]?.claims).toHaveLength(1);
  });

  test('a delivery that died before its claim is no send: no budget is asked, and two are left', async () => {
    const { run, reserved, state } = world({ a: [silence], b: [accepted] });
    state.budget = { ok: false, reason: 'number_hour', retryAfterSeconds: 60 };
    expect(await run(true)).toMatchObject({ end: 'again', afterMs: later });
    expect(reserved).toEqual([]);
  });
});

describe('HA-51: never after the code has expired', () => {
  test.each([
    ['expired', -1],
    ['at its end', 0],
    ['too late to be typed', 4999],
  ])('%s', async (_, leftMs) => {
    const { run, sent } = world({ a: [accepted] });
    expect(await run(false, { expiresAt: NOW + leftMs })).toEqual({ end: 'dropped', reason: 'expired' });
    expect(sent).toEqual([]);
  });

  test('nor in a later round, nor at the next carrier', async () => {
    const { run, sent } = world({ a: [busy], b: [busy] });
    expect(await run(false, { expiresAt: NOW + 5500 })).toEqual({ end: 'dropped', reason: 'expired' });
    expect(sent).toHaveLength(2);
    const slow = world({ a: [busy], b: [accepted] });
    slow.state.answerMs = 300_000;
    expect(await slow.run()).toEqual({ end: 'dropped', reason: 'expired' });
    expect(carriersOf(slow.sent)).toEqual(['a']);
  });
});

test('TEL-10: a carrier that fails again and again is not asked for a while, and is tried out afterwards', async () => {
  const { run, sent, state } = world({ a: [busy], b: [accepted] });
  for (let n = 0; n < 8; n++) await run(false, { messageId: `c${n}:1` });
  expect(carriersOf(sent).filter((name) => name === 'a')).toHaveLength(5);
  state.now += 5000;
  await run(false, { messageId: 'c9:1' });
  expect(carriersOf(sent).filter((name) => name === 'a')).toHaveLength(6);
});
