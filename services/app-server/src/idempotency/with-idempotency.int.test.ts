import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { challengeStart, challengeVerify, MfaError } from '@countersign/contracts';
import { startNats, type NatsServer } from '@countersign/testkit';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { loadKeyRing } from '../keys/ring.ts';
import { createAnswers, type Answers } from './answers.ts';
import { ensureIdempotencyStream, IDEMPOTENCY, idempotencySubject } from './stream.ts';
import { withIdempotency } from './with-idempotency.ts';

const folder = mkdtempSync(join(tmpdir(), 'idempotency-'));
const ring = loadKeyRing(`first:${Buffer.alloc(32, 7).toString('base64')}`);
let nats: NatsServer;
let connections: NatsConnection[];
/** Two instances of app-server, each with its own connection. */
let first: Answers;
let second: Answers;

beforeAll(async () => {
  nats = await startNats({ storeDir: folder });
  connections = await Promise.all([connect({ servers: nats.url }), connect({ servers: nats.url })]);
  [first, second] = (await Promise.all(connections.map(instance))) as [Answers, Answers];
  await ensureIdempotencyStream(await jetstreamManager(connections[0]!), 1);
});
afterAll(async () => {
  await Promise.all(connections.map((connection) => connection.close()));
  await nats.kill();
  rmSync(folder, { recursive: true, force: true });
});

async function instance(connection: NatsConnection): Promise<Answers> {
  const manager = await jetstreamManager(connection, { timeout: 1000 });
  return createAnswers({ jetstream: jetstream(connection, { timeout: 1000 }), manager, ring, randomBytes });
}

const application = { applicationId: 'a1', name: 'Test', scopes: ['challenge' as const] };
let counter = 0;

function request(idempotencyKey: string | undefined, changes: Partial<AuthorisedRequest> = {}): AuthorisedRequest {
  return {
    operation: challengeStart,
    attemptId: `call-${counter++}`,
    credential: undefined,
    ...(idempotencyKey !== undefined && { idempotencyKey }),
    deadline: Date.now() + 10_000,
    traceparent: '',
    stopping: new AbortController().signal,
    application,
    traceId: undefined,
    ...changes,
  };
}

const on = (answers: Answers) => ({ answers, now: () => Date.now() });
/** An instance whose appends are stored, or not, as the test says, and never acknowledged. */
const losing = (answers: Answers, ...fates: ('stored' | 'lost')[]): Answers => ({
  ...answers,
  append: async (...args) => {
    const fate = fates.shift();
    if (fate === undefined) return answers.append(...args);
    if (fate === 'stored') await answers.append(...args);
    return 'unknown';
  },
});

test('INV-21 50 requests at once with one key over two instances run once and all hear its answer', async () => {
  let runs = 0;
  const run = async (attempt: AuthorisedRequest) => {
    runs += 1;
    await sleep(50);
    return { id: runs, attempt: attempt.attemptId };
  };
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, n) =>
      withIdempotency(on(n % 2 === 0 ? first : second), request('fifty'), { username: 'alice' }, run),
    ),
  );
  expect(runs).toBe(1);
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  expect(answers[0]?.attempt).not.toMatch(/^call-/);
});

test('without a key every request runs, under the id of its own call', async () => {
  const run = vi.fn<(attempt: AuthorisedRequest) => Promise<string>>(async ({ attemptId }) => attemptId);
  expect(await withIdempotency(on(first), request(undefined, { attemptId: 'mine' }), {}, run)).toBe('mine');
  await withIdempotency(on(first), request(undefined), {}, run);
  expect(run).toHaveBeenCalledTimes(2);
});

test('HA-60 the same key with another body is refused, whatever became of the first', async () => {
  await withIdempotency(on(first), request('body'), { username: 'alice' }, async () => 'done');
  const other = withIdempotency(on(second), request('body'), { username: 'bob' }, async () => 'done');
  await expect(other).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });

  const busy = withIdempotency(on(first), request('body-busy'), { n: 1 }, () => sleep(300, 'done'));
  await sleep(100);
  const meanwhile = withIdempotency(on(second), request('body-busy'), { n: 2 }, async () => 'done');
  await expect(meanwhile).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
  expect(await busy).toBe('done');
});

test('a key is its application’s, and for one operation', async () => {
  const run = (text: string) => async () => text;
  expect(await withIdempotency(on(first), request('whose'), {}, run('a'))).toBe('a');
  const otherApplication = { application: { ...application, applicationId: 'a2' } };
  expect(await withIdempotency(on(first), request('whose', otherApplication), {}, run('b'))).toBe('b');
  expect(await withIdempotency(on(first), request('whose', { operation: challengeVerify }), {}, run('c'))).toBe('c');
});

test('INV-21 an error of the decision is repeated, with all that the caller may know of it', async () => {
  const run = vi.fn<() => Promise<never>>(() =>
    Promise.reject(new MfaError('CODE_REJECTED', { detail: 'once', reason: 'wrong' })),
  );
  const expected = { code: 'CODE_REJECTED', detail: 'once' };
  await expect(withIdempotency(on(first), request('no'), {}, run)).rejects.toMatchObject(expected);
  await expect(withIdempotency(on(second), request('no'), {}, run)).rejects.toMatchObject(expected);
  expect(run).toHaveBeenCalledTimes(1);
});

test.each(['UNAVAILABLE', 'PRIMARY_UNAVAILABLE', 'INTERNAL', 'TRY_LATER'] as const)(
  'INV-21 after %s the key is free again at once, for the same attempt',
  async (code) => {
    const attempts: string[] = [];
    const failing = (attempt: AuthorisedRequest) => {
      attempts.push(attempt.attemptId);
      return Promise.reject(new MfaError(code));
    };
    await expect(withIdempotency(on(first), request(`free-${code}`), {}, failing)).rejects.toMatchObject({ code });
    const again = withIdempotency(on(second), request(`free-${code}`), {}, async (attempt) => {
      attempts.push(attempt.attemptId);
      return 'done';
    });
    expect(await again).toBe('done');
    expect(attempts[0]).toBe(attempts[1]);
    const otherBody = withIdempotency(on(second), request(`free-${code}`), { n: 1 }, async () => 'done');
    await expect(otherBody).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
  },
);

test('INV-21 a key whose release went unheard is free as soon as NATS hears it, long before its lease ends', async () => {
  const unavailable = () => Promise.reject(new MfaError('UNAVAILABLE'));
  let appends = 0;
  const away: Answers = {
    ...first,
    append: async (...args) => ([1, 2].includes(appends++) ? 'unknown' : first.append(...args)),
  };
  await expect(withIdempotency(on(away), request('unheard'), {}, unavailable)).rejects.toMatchObject({
    code: 'UNAVAILABLE',
  });
  expect(await withIdempotency(on(second), request('unheard'), {}, async () => 'done')).toBe('done');
});

test('a bug is thrown as it is, and the key is free again', async () => {
  const bug = new TypeError('bug');
  await expect(withIdempotency(on(first), request('bug'), {}, () => Promise.reject(bug))).rejects.toBe(bug);
  expect(await withIdempotency(on(first), request('bug'), {}, async () => 'done')).toBe('done');
});

test('INV-21 what a crashed replica had in hand is busy until its deadline and then run again, as the same attempt', async () => {
  const attempts: string[] = [];
  const crash = (attempt: AuthorisedRequest) => {
    attempts.push(attempt.attemptId);
    return new Promise<never>(() => {});
  };
  const deadline = Date.now() + 500;
  void withIdempotency(on(first), request('crash', { deadline }), {}, crash);
  await sleep(100);
  const run = async (attempt: AuthorisedRequest) => {
    attempts.push(attempt.attemptId);
    return 'done';
  };
  const early = withIdempotency(on(second), request('crash', { deadline: Date.now() + 700 }), {}, run);
  await expect(early).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_BUSY', retryAfterSeconds: 1 });
  // The clocks of two machines may differ by 2 s, so the lease holds for that much longer.
  const later = { answers: second, now: () => Date.now() + 2600 };
  expect(await withIdempotency(later, request('crash', { deadline: Date.now() + 10_000 }), {}, run)).toBe('done');
  expect(attempts).toHaveLength(2);
  expect(attempts[0]).toBe(attempts[1]);
});

test('INV-21 who asks again with the key hears the answer as long as there is time, however long the first takes', async () => {
  const deadline = Date.now() + 8000;
  const slow = withIdempotency(on(first), request('patient', { deadline }), {}, () => sleep(3500, 'done'));
  await sleep(50);
  const again = withIdempotency(
    on(second),
    request('patient', { deadline, attemptId: 'again' }),
    {},
    async () => 'twice',
  );
  expect(await Promise.all([slow, again])).toEqual(['done', 'done']);
});

test('INV-21 a further try of the same call need not wait, and the one that was slow answers the same', async () => {
  const call = { attemptId: 'one call' };
  const slow = withIdempotency(on(first), request('slow', call), {}, () => sleep(400, 'slow'));
  await sleep(100);
  expect(await withIdempotency(on(second), request('slow', call), {}, async () => 'fast')).toBe('fast');
  expect(await slow).toBe('fast');
});

test('INV-21 a claim whose acknowledgement was lost is found to be ours, or made again', async () => {
  const run = vi.fn<() => Promise<string>>(async () => 'done');
  expect(await withIdempotency(on(losing(first, 'stored')), request('ack-1'), {}, run)).toBe('done');
  expect(await withIdempotency(on(losing(first, 'lost', 'lost')), request('ack-2'), {}, run)).toBe('done');
  expect(run).toHaveBeenCalledTimes(2);
});

test('INV-21 an answer whose acknowledgement was lost stands, and is the one that is repeated', async () => {
  const stored = withIdempotency(on(acknowledgingOne(first, 'stored')), request('kept-1'), {}, async () => 'one');
  expect(await stored).toBe('one');
  expect(await withIdempotency(on(second), request('kept-1'), {}, async () => 'two')).toBe('one');
  const lost = withIdempotency(on(acknowledgingOne(first, 'lost')), request('kept-2'), {}, async () => 'one');
  expect(await lost).toBe('one');
  expect(await withIdempotency(on(second), request('kept-2'), {}, async () => 'two')).toBe('one');
});

function acknowledgingOne(answers: Answers, then: 'stored' | 'lost'): Answers {
  let count = 0;
  const unlucky = losing(answers, then);
  return { ...answers, append: (...args) => (count++ === 0 ? answers : unlucky).append(...args) };
}

test('R6 nothing is run when no claim is acknowledged', async () => {
  const run = vi.fn<() => Promise<string>>(async () => 'done');
  const deaf: Answers = { ...first, append: async () => 'unknown', last: () => Promise.reject(new Error('deaf')) };
  const attempt = withIdempotency(on(deaf), request('deaf', { deadline: Date.now() + 800 }), {}, run);
  await expect(attempt).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(run).not.toHaveBeenCalled();
});

test('INV-17 an answer that cannot be opened is never run again', async () => {
  await withIdempotency(on(first), request('moved-from'), {}, async () => 'secret');
  const manager = await jetstreamManager(connections[0]!);
  const from = idempotencySubject('a1', 'challenge.start', 'moved-from');
  const message = await manager.streams.getMessage(IDEMPOTENCY, { last_by_subj: from });
  await jetstream(connections[0]!).publish(idempotencySubject('a1', 'challenge.start', 'moved-to'), message!.data);
  const moved = withIdempotency(on(second), request('moved-to'), {}, async () => 'other');
  await expect(moved).rejects.toMatchObject({ code: 'INTERNAL' });
});

test('R24 neither the answer nor the body nor the key is on the disk in the clear', async () => {
  const canaries = { key: 'canary-key-1', body: 'canary-body-2', answer: 'canary-answer-3' };
  await withIdempotency(on(first), request(canaries.key), { code: canaries.body }, async () => ({
    secret: canaries.answer,
  }));
  const files = readdirSync(join(folder, 'jetstream'), { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, 'jetstream', name))
    .filter((path) => statSync(path).isFile());
  const everything = Buffer.concat(files.map((path) => readFileSync(path)));
  expect(everything.includes(idempotencySubject('a1', 'challenge.start', canaries.key))).toBe(true);
  for (const canary of Object.values(canaries)) {
    expect(everything.includes(canary)).toBe(false);
    expect(everything.includes(Buffer.from(canary).toString('base64url').slice(0, 12))).toBe(false);
  }
});
