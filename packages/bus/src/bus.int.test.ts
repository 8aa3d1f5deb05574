import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { MfaError, operation, type Operation } from '@countersign/contracts';
import { createLogger, createMetrics, silentLogger } from '@countersign/telemetry';
import {
  createAuthority,
  issueCertificate,
  startNats,
  startProcess,
  waitUntil,
  type NatsOptions,
  type NatsServer,
  type RunningProcess,
} from '@countersign/testkit';
import { headers as natsHeaders, type Msg } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { Type } from 'typebox';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { callEach } from './call-each.ts';
import { call } from './call.ts';
import { connectBus, type Bus } from './connection.ts';
import { echo, end } from './replica.fixture.ts';
import { endpoint, serve, type CallRequest, type Endpoint, type ServeOptions } from './serve.ts';

let nats: NatsServer;
let bus: Bus;
const folder = mkdtempSync(join(tmpdir(), 'bus-'));
const undo: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  nats = await startNats({ storeDir: folder });
  bus = await connectBus({ servers: [nats.url], name: 'caller' });
});
afterEach(async () => {
  for (const step of undo.splice(0).toReversed()) await step();
});
afterAll(async () => {
  await bus.drain();
  await nats.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function serving(endpoints: Endpoint[], options: Partial<ServeOptions> = {}) {
  const serverBus = await connectBus({ servers: [nats.url], name: 'server' });
  const server = await serve(serverBus, endpoints, {
    queue: 'app-server',
    replica: 'app-1',
    maxInFlight: 100,
    logger: silentLogger(),
    ...options,
  });
  undo.push(async () => {
    await server.drain();
    await serverBus.drain();
  });
  return server;
}

async function replica(name: string): Promise<RunningProcess> {
  const started = await startProcess({
    name,
    command: process.execPath,
    args: ['--conditions=source', join(import.meta.dirname, 'replica.fixture.ts'), nats.url, name],
  });
  undo.push(() => started.kill());
  await waitUntil(() => started.tail().includes('ready'), { what: `${name} to serve` });
  return started;
}

const ask = (text: string, options: { attemptId?: string; deadlineMs?: number; workMs?: number } = {}) =>
  call(
    bus,
    echo,
    { text, ...(options.workMs !== undefined && { workMs: options.workMs }) },
    { attemptId: options.attemptId ?? 'attempt-1', deadlineMs: options.deadlineMs ?? 5000 },
  );

/** What all replicas together say they did. */
function totalRuns(answers: readonly { replica: string; output: { runs: number } }[]): number {
  const most = new Map<string, number>();
  for (const { replica, output } of answers) most.set(replica, Math.max(most.get(replica) ?? 0, output.runs));
  return [...most.values()].reduce((sum, runs) => sum + runs, 0);
}

/** Serves `test.echo` without any of our code. */
async function stranger(onMessage: (msg: Msg) => void): Promise<void> {
  const connection = await connect({ servers: nats.url });
  connection.subscribe(echo.subject, { queue: 'app-server', callback: (_, msg) => onMessage(msg) });
  await connection.flush();
  undo.push(() => connection.close());
}

async function refusal(promise: Promise<unknown>): Promise<MfaError> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(outcome instanceof MfaError)) throw new Error('expected a refusal', { cause: outcome });
  return outcome;
}

describe('who answers', () => {
  test('the answer names the replica, and every request has its own answer', async () => {
    await replica('app-1');
    await replica('app-2');
    const answers = await Promise.all(Array.from({ length: 200 }, (_, n) => ask('hello', { attemptId: `a${n}` })));
    expect(new Set(answers.map((answer) => answer.replica))).toEqual(new Set(['app-1', 'app-2']));
    expect(answers.map((answer) => answer.output.attemptId)).toEqual(answers.map((_, n) => `a${n}`));
  });

  test('a replica killed with requests in hand costs no request: the other one does them', async () => {
    const first = await replica('app-1');
    const asked = Array.from({ length: 50 }, (_, n) =>
      ask('never on app-1', { attemptId: `a${n}`, deadlineMs: 40_000 }),
    );
    await delay(100);
    await replica('app-2');
    await first.kill();
    const answers = await Promise.all(asked);
    expect(new Set(answers.map((answer) => answer.replica))).toEqual(new Set(['app-2']));
    expect(answers.map((answer) => answer.output.attemptId)).toEqual(answers.map((_, n) => `a${n}`));
  });

  test('a replica that is stopped, not dead, is taken for silent and its late answer is ignored', async () => {
    const first = await replica('app-1');
    await replica('app-2');
    first.pause();
    const startedAt = performance.now();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => ask('hello', { attemptId: `a${n}`, deadlineMs: 15_000 })),
    );
    expect(new Set(answers.map((answer) => answer.replica))).toEqual(new Set(['app-2']));
    expect(performance.now() - startedAt).toBeGreaterThan(400);
    first.resume();
    await delay(200);
    expect(bus.replies.waiting).toBe(0);
    expect((await ask('still fine')).output.text).toBe('still fine');
  });

  test('the attemptId is the same on every try, and the tries come further and further apart', async () => {
    const tries: { attemptId: string; at: number }[] = [];
    await stranger((msg) => {
      tries.push({ attemptId: msg.headers?.get('Countersign-Attempt') ?? '', at: performance.now() });
      if (tries.length === 3) msg.respond(JSON.stringify({ replica: 'third', output: {} }));
    });
    expect((await ask('hello', { attemptId: 'the-one', deadlineMs: 8000 })).replica).toBe('third');
    expect(tries.map((one) => one.attemptId)).toEqual(['the-one', 'the-one', 'the-one']);
    const [first, second, third] = tries.map((one) => one.at) as [number, number, number];
    expect(second - first).toBeGreaterThan(450);
    expect(third - second).toBeGreaterThan(700);
  });

  // On a machine that is busy enough a sign of life may come late, and a further try is then right: hence the retries.
  test('a slow replica that is alive keeps its request: nobody does it a second time', { retry: 2 }, async () => {
    await replica('app-1');
    await replica('app-2');
    expect((await ask('slow', { workMs: 2600 })).output.runs).toBe(1);
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask('count')));
    expect(totalRuns(answers)).toBe(21);
  });

  test('a further try of what a replica has in hand is not done again', async () => {
    let runs = 0;
    await serving([endpoint(echo, ({ text }, { attemptId }) => delay(300, { text, attemptId, runs: (runs += 1) }))]);
    const headers = natsHeaders();
    headers.set('Countersign-Attempt', 'a');
    headers.set('Countersign-Deadline', String(Date.now() + 5000));
    headers.set('Countersign-Remaining', '5000');
    const answers: string[] = [];
    const subscription = bus.nats.subscribe('_INBOX.test', { callback: (_, msg) => void answers.push(msg.string()) });
    for (let n = 0; n < 3; n++) bus.nats.publish(echo.subject, '{"text":"x"}', { headers, reply: '_INBOX.test' });
    await delay(600);
    subscription.unsubscribe();
    expect(runs).toBe(1);
    expect(answers.filter((answer) => answer.includes('output'))).toHaveLength(1);
  });

  test('an answer goes to inboxes only: nobody can have a replica write to a stream', async () => {
    await serving([endpoint(echo, async ({ text }, { attemptId }) => ({ text, attemptId, runs: 1 }))]);
    const heard: string[] = [];
    const listener = bus.nats.subscribe('>', { callback: (_error, msg) => void heard.push(msg.subject) });
    for (const reply of ['auth.someone', '$JS.API.STREAM.PURGE.LIMITS', 'peers.ledger.tell', '_INBOX.app-server.x']) {
      bus.nats.publish(echo.subject, '{}', { reply });
    }
    await call(bus, echo, { text: 'x' }, { attemptId: 'a' });
    listener.unsubscribe();
    expect(heard.filter((subject) => subject === echo.subject)).toHaveLength(5);
    // The one answer is for the caller, whose inbox has no name of a service.
    const answers = heard.filter((subject) => subject !== echo.subject);
    expect(answers.filter((subject) => !/^_INBOX\.(?!app-server)/.test(subject))).toEqual([]);
  });

  test('an edge answers in its own place only, not even to inboxes', async () => {
    const atEdge: typeof echo = { ...echo, subject: 'mfa.v1.edge.echo', servedBy: 'edge' };
    await serving([endpoint(atEdge, ({ text }, { attemptId }) => Promise.resolve({ text, attemptId, runs: 1 }))]);
    const heard: string[] = [];
    const listener = bus.nats.subscribe('>', { callback: (_error, msg) => void heard.push(msg.subject) });
    for (const reply of ['auth.someone', '_INBOX.admin.x', 'edge.answers.x', 'edge.answer.x.y']) {
      bus.nats.publish(atEdge.subject, '{}', { reply });
    }
    expect(await callEach(bus, atEdge, { text: 'x' }, { attemptId: 'a' })).toMatchObject([{ output: { text: 'x' } }]);
    listener.unsubscribe();
    const answers = heard.filter((subject) => subject !== atEdge.subject);
    expect(answers).toEqual([expect.stringMatching(/^edge\.answer\.[\w-]{22}$/)]);
  });

  test('an answer "no" is an answer: it is not tried again', async () => {
    await replica('app-1');
    expect((await refusal(ask('refuse'))).code).toBe('CODE_REJECTED');
    expect((await ask('count')).output.runs).toBe(2);
  });
});

describe('refusals', () => {
  test('nobody serves: UNAVAILABLE with Retry-After at the deadline, not before', async () => {
    const startedAt = performance.now();
    const error = await refusal(ask('hello', { deadlineMs: 700 }));
    expect(error).toMatchObject({ code: 'UNAVAILABLE', retryAfterSeconds: 2 });
    expect(error.reason).toContain('no responders');
    expect(performance.now() - startedAt).toBeGreaterThan(690);
    expect(performance.now() - startedAt).toBeLessThan(1200);
  });

  test('a replica that starts while the caller waits still answers', async () => {
    const asked = ask('hello', { deadlineMs: 8000 });
    await delay(300);
    await replica('app-1');
    expect((await asked).replica).toBe('app-1');
  });

  test('input that is not of the documented form is refused with pointers, without asking the handler', async () => {
    let asked = 0;
    await serving([endpoint(echo, () => Promise.reject(new Error(`asked ${(asked += 1)}`)))]);
    const error = await refusal(
      call(bus, echo as Operation, { text: 1, 'un/known': true }, { attemptId: 'a', deadlineMs: 1000 }),
    );
    expect(error.code).toBe('REQUEST_INVALID');
    expect(error.invalid).toEqual([
      { pointer: '/un~1known', message: 'is not a field of this request' },
      { pointer: '/text', message: 'must be string' },
    ]);
    expect(asked).toBe(0);
  });

  test.each([
    ['no headers', undefined, '{}', 'REQUEST_INVALID'],
    ['not JSON', { 'Countersign-Attempt': 'a' }, '{', 'REQUEST_INVALID'],
    ['a credential of no known form', { 'Countersign-Credential': 'password hunter2' }, '{}', 'REQUEST_INVALID'],
    ['a deadline that is no number', { 'Countersign-Deadline': 'soon' }, '{}', 'REQUEST_INVALID'],
  ])('a message with %s is refused', async (_, wrong, payload, code) => {
    await serving([endpoint(echo, ({ text }, { attemptId }) => Promise.resolve({ text, attemptId, runs: 1 }))]);
    const headers = natsHeaders();
    const right = {
      'Countersign-Attempt': 'a',
      'Countersign-Deadline': String(Date.now() + 1000),
      'Countersign-Remaining': '1000',
    };
    for (const [name, value] of Object.entries({ ...right, ...wrong })) headers.set(name, value);
    const options = { timeout: 1000, ...(wrong !== undefined && { headers }) };
    const answer = (await bus.nats.request(echo.subject, payload, options)).json<{ error: { code: string } }>();
    expect(answer.error.code).toBe(code);
  });

  test('overload is shed at once, and the rest is served', async () => {
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const metrics = createMetrics({ service: 's', replica: 'r', processMetrics: false });
    await serving([endpoint(echo, ({ text }, { attemptId }) => gate.then(() => ({ text, attemptId, runs: 1 })))], {
      maxInFlight: 3,
      metrics,
    });
    const startedAt = performance.now();
    const asked = Array.from({ length: 10 }, (_, n) => ask('hello', { attemptId: `a${n}` }));
    const shed = await Promise.all(asked.slice(3).map(refusal));
    expect(shed.map((error) => error.code)).toEqual(Array(7).fill('UNAVAILABLE'));
    expect(shed[0]?.retryAfterSeconds).toBe(3);
    // Long before their deadline of 5 s, which is when those end that are let in and not served.
    expect(performance.now() - startedAt).toBeLessThan(2500);
    expect(await metrics.text()).toContain('countersign_operations_in_flight{service="s",replica="r"} 3');
    expect(await metrics.text()).toMatch(/refused_total\{operation="test.echo",reason="overload",.*\} 7/);
    release();
    expect(await Promise.all(asked.slice(0, 3))).toHaveLength(3);
  });

  test('R26: when new work has taken every place, what is urgent has some left, and its own end', async () => {
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    await serving(
      [
        endpoint(echo, ({ text }, { attemptId }) => gate.then(() => ({ text, attemptId, runs: 1 }))),
        endpoint(end, () => gate.then(() => ({}))),
      ],
      { maxInFlight: 4 },
    );
    const begun = Array.from({ length: 4 }, (_, n) => ask('hello', { attemptId: `a${n}` }));
    const urgent = call(bus, end, {}, { attemptId: 'u1' });
    expect((await refusal(ask('one more', { attemptId: 'a5' }))).code).toBe('UNAVAILABLE');
    expect((await refusal(call(bus, end, {}, { attemptId: 'u2' }))).code).toBe('UNAVAILABLE');
    release();
    await Promise.all([...begun, urgent]);
  });

  test('R26: a replica that cannot keep up takes what is urgent and nothing new', async () => {
    let strained = true;
    const metrics = createMetrics({ service: 's', replica: 'r', processMetrics: false });
    const answer = endpoint(echo, ({ text }, { attemptId }) => Promise.resolve({ text, attemptId, runs: 1 }));
    await serving([answer, endpoint(end, () => Promise.resolve({}))], { metrics, isStrained: () => strained });
    const refused = await refusal(ask('hello'));
    expect([refused.code, refused.retryAfterSeconds]).toEqual(['UNAVAILABLE', 3]);
    await call(bus, end, {}, { attemptId: 'u1' });
    expect(await metrics.text()).toMatch(/refused_total\{operation="test.echo",reason="strain",.*\} 1/);
    strained = false;
    expect((await ask('hello', { attemptId: 'a2' })).output.text).toBe('hello');
  });

  test(
    'R26: asked for more than it can do, a replica sheds what is new by itself, answers what is urgent, and recovers',
    { timeout: 90_000 },
    async () => {
      await replica('busy');
      const burn = (attemptId: string) =>
        call(bus, echo, { text: 'x', burnMs: 10 }, { attemptId, deadlineMs: 5000 }).then(
          () => 'done',
          (error: MfaError) => `${error.code} ${error.retryAfterSeconds}`,
        );
      const answers: Promise<string>[] = [];
      let shed = 0;
      const flood = setInterval(() => {
        const answer = burn(`flood-${answers.length}`);
        answers.push(answer);
        void answer.then((one) => (shed += one === 'UNAVAILABLE 3' ? 1 : 0));
      }, 4);
      await waitUntil(() => shed > 20, { timeoutMs: 15_000, what: 'new work to be shed' });
      for (let n = 0; n < 5; n++) await call(bus, end, {}, { attemptId: `u${n}`, deadlineMs: 5000 });
      clearInterval(flood);
      expect(await Promise.all(answers), 'and some was done').toContain('done');
      await waitUntil(async () => (await burn(`after-${performance.now()}`)) === 'done', {
        what: 'it to take work again',
      });
    },
  );

  test('R26: a refusal is an answer: a thousand callers do not ask again and again', async () => {
    const metrics = createMetrics({ service: 's', replica: 'r', processMetrics: false });
    await serving([endpoint(echo, () => Promise.reject(new Error('not to be asked')))], {
      metrics,
      isStrained: () => true,
    });
    await Promise.all(Array.from({ length: 1000 }, (_, n) => refusal(ask('hello', { attemptId: `a${n}` }))));
    const [, refusals = ''] =
      /refused_total\{operation="test.echo",reason="strain",.*\} (\d+)/.exec(await metrics.text()) ?? [];
    expect(Number(refusals)).toBeGreaterThanOrEqual(1000);
    // On a busy machine some hear nothing for so long that they ask once more; who took it for silence would ask until the end.
    expect(Number(refusals)).toBeLessThan(2000);
  });

  test('an endpoint with a bound of its own leaves the common one alone', async () => {
    const wait = operation('test.wait', {
      scope: 'none',
      changes: false,
      input: Type.Object({}),
      output: Type.Object({}),
    });
    let release = (): void => undefined;
    const gate = new Promise<object>((resolve) => (release = () => resolve({})));
    await serving(
      [
        endpoint(wait, () => gate, { maxInFlight: 2 }),
        endpoint(echo, ({ text }, { attemptId }) => Promise.resolve({ text, attemptId, runs: 1 })),
      ],
      { maxInFlight: 1 },
    );
    const waits = [1, 2, 3].map((n) => call(bus, wait, {}, { attemptId: `w${n}`, deadlineMs: 3000 }));
    expect((await refusal(waits[2] as Promise<unknown>)).code).toBe('UNAVAILABLE');
    expect((await ask('hello')).output.text).toBe('hello');
    release();
    expect(await Promise.all(waits.slice(0, 2))).toHaveLength(2);
  });

  test('work past its deadline is not begun', async () => {
    let asked = 0;
    await serving([endpoint(echo, () => Promise.reject(new Error(`asked ${(asked += 1)}`)))]);
    const headers = natsHeaders();
    headers.set('Countersign-Attempt', 'a');
    headers.set('Countersign-Deadline', String(Date.now() - 2500));
    headers.set('Countersign-Remaining', '10000');
    const answer = await bus.nats.request(echo.subject, '{"text":"late"}', { timeout: 1000, headers });
    expect(answer.json()).toMatchObject({ error: { code: 'UNAVAILABLE' } });
    expect(asked).toBe(0);
  });

  test('the handler learns the deadline by its own clock', async () => {
    const deadlines: number[] = [];
    await serving([
      endpoint(echo, ({ text }, request: CallRequest) => {
        deadlines.push(request.deadline - Date.now());
        return Promise.resolve({ text, attemptId: request.attemptId, runs: 1 });
      }),
    ]);
    await ask('hello', { deadlineMs: 3000 });
    expect(deadlines[0]).toBeGreaterThan(2800);
    expect(deadlines[0]).toBeLessThanOrEqual(3000);
  });

  test('a code that only a newer server knows is INTERNAL here', async () => {
    await stranger((msg) => msg.respond('{"replica":"new","error":{"code":"NEWER_THAN_THIS","detail":"secret plan"}}'));
    const error = await refusal(ask('hello'));
    expect(error.code).toBe('INTERNAL');
    expect(error.detail).toBeUndefined();
    expect(error.reason).toContain('NEWER_THAN_THIS');
  });

  test.each([
    '',
    'null',
    '[]',
    '{}',
    '{"replica":1,"output":1}',
    '{"replica":"x"}',
    '{"replica":"x","error":5}',
    '\u0000',
  ])('R6: what is not an answer (%j) is INTERNAL and never an output', async (text) => {
    await stranger((msg) => msg.respond(text));
    expect((await refusal(ask('hello'))).code).toBe('INTERNAL');
  });

  test('an exception nobody foresaw is INTERNAL to the caller and told to the log with its cause (R24)', async () => {
    const lines: string[] = [];
    const logger = createLogger({
      service: 's',
      replica: 'r',
      destination: { write: (line) => void lines.push(line) },
    });
    await serving([endpoint(echo, () => Promise.reject(new Error('boom 492039', { cause: new Error('the root') })))], {
      logger,
    });
    const error = await refusal(ask('hello'));
    expect(error).toMatchObject({ code: 'INTERNAL', detail: undefined, reason: undefined });
    expect(lines.join()).toContain('the root');
    expect(lines.join()).toContain('boom [digits]');
    expect(JSON.parse(lines[0] ?? '{}')).toMatchObject({ event: 'test.echo', attemptId: 'attempt-1', level: 'error' });
  });

  test('an answer larger than NATS takes is INTERNAL and not silence', async () => {
    await serving([
      endpoint(echo, (_, { attemptId }) => Promise.resolve({ text: 'x'.repeat(2 ** 21), attemptId, runs: 1 })),
    ]);
    expect((await refusal(ask('hello'))).code).toBe('INTERNAL');
  });

  test('drain: nothing new is taken, what is under way is answered', async () => {
    const server = await serving([
      endpoint(echo, ({ text }, { attemptId }) => delay(400, { text, attemptId, runs: 1 })),
    ]);
    const asked = ask('under way');
    await delay(100);
    const draining = server.drain();
    await delay(50);
    const late = refusal(ask('too late', { deadlineMs: 600 }));
    expect((await asked).output.text).toBe('under way');
    await draining;
    expect((await late).code).toBe('UNAVAILABLE');
  });

  test('drain: whoever merely waits is told, and answers at once', async () => {
    const server = await serving([
      endpoint(echo, async ({ text }, { attemptId, stopping }) => {
        await new Promise((resolve) => stopping.addEventListener('abort', resolve));
        return { text, attemptId, runs: 1 };
      }),
    ]);
    const waiting = ask('waits', { deadlineMs: 30_000 });
    await delay(100);
    const startedAt = performance.now();
    await server.drain();
    expect((await waiting).output.text).toBe('waits');
    expect(performance.now() - startedAt).toBeLessThan(3000);
  });

  test('a caller that has to go before its deadline hears UNAVAILABLE then', async () => {
    const going = new AbortController();
    const asked = refusal(call(bus, echo, { text: 'x' }, { attemptId: 'a', signal: going.signal }));
    await delay(100);
    const startedAt = performance.now();
    going.abort();
    expect((await asked).code).toBe('UNAVAILABLE');
    expect((await refusal(call(bus, echo, { text: 'x' }, { attemptId: 'b', signal: going.signal }))).code).toBe(
      'UNAVAILABLE',
    );
    expect(performance.now() - startedAt).toBeLessThan(1000);
    expect(bus.replies.waiting).toBe(0);
  });
});

describe('the connection', () => {
  async function ownNats(options: Partial<NatsOptions> = {}): Promise<NatsServer> {
    const storeDir = mkdtempSync(join(tmpdir(), 'bus-own-'));
    const own = await startNats({ storeDir, ...options });
    undo.push(async () => {
      await own.kill();
      rmSync(storeDir, { recursive: true, force: true });
    });
    return own;
  }

  async function pair(own: NatsServer): Promise<Bus> {
    const [server, caller] = await Promise.all(
      ['server', 'caller'].map((name) => connectBus({ servers: [own.url], name })),
    );
    if (server === undefined || caller === undefined) throw new Error('two connections');
    await serve(server, [endpoint(echo, ({ text }, { attemptId }) => Promise.resolve({ text, attemptId, runs: 1 }))], {
      queue: 'app-server',
      replica: 'app-1',
      maxInFlight: 100,
      logger: silentLogger(),
    });
    undo.push(async () => Promise.all([server.nats.close(), caller.nats.close()]));
    return caller;
  }

  test('NATS restarted in the middle: calls wait for it and are answered, nothing piles up', async () => {
    const own = await ownNats();
    const caller = await pair(own);
    await own.kill();
    await waitUntil(() => !caller.connected, { what: 'the loss to be noticed' });
    const asked = Array.from({ length: 20 }, (_, n) =>
      call(caller, echo, { text: 'hello' }, { attemptId: `a${n}`, deadlineMs: 10_000 }),
    );
    const hopeless = refusal(call(caller, echo, { text: 'hello' }, { attemptId: 'x', deadlineMs: 200 }));
    expect((await hopeless).reason).toContain('0 tries, last: disconnected');
    await own.start();
    expect((await Promise.all(asked)).map(({ replica: name }) => name)).toEqual(Array(20).fill('app-1'));
  });

  test('who asks before NATS has confirmed the subscriptions is answered', async () => {
    const own = await ownNats();
    const [server, caller] = await Promise.all(
      ['server', 'caller'].map((name) => connectBus({ servers: [own.url], name })),
    );
    if (server === undefined || caller === undefined) throw new Error('two connections');
    undo.push(async () => Promise.all([server.nats.close(), caller.nats.close()]));
    const confirmed = Promise.withResolvers<void>();
    server.nats.flush = () => confirmed.promise;
    const served = serve(server, [endpoint(echo, ({ text }) => Promise.resolve({ text, attemptId: '', runs: 1 }))], {
      queue: 'app-server',
      replica: 'app-1',
      maxInFlight: 1,
      logger: silentLogger(),
    });
    expect((await call(caller, echo, { text: 'early' }, { attemptId: 'a' })).output.text).toBe('early');
    confirmed.resolve();
    await served;
  });

  test.each([
    ['silent', (own: NatsServer) => Promise.resolve(own.pause())],
    ['gone', (own: NatsServer) => own.kill()],
  ])('drain ends in a moment although NATS is %s', async (_, breaks) => {
    const own = await ownNats();
    const client = await connectBus({ servers: [own.url], name: 'client' });
    const server = await serve(client, [endpoint(echo, () => Promise.reject(new Error('never')))], {
      queue: 'app-server',
      replica: 'app-1',
      maxInFlight: 1,
      logger: silentLogger(),
    });
    await breaks(own);
    const startedAt = performance.now();
    await server.drain();
    await client.drain();
    expect(client.nats.isClosed()).toBe(true);
    expect(performance.now() - startedAt).toBeLessThan(4000);
  });

  test('a wrong password is an error at once, not an endless wait', async () => {
    const own = await ownNats({ users: [{ user: 'gateway', password: 'right' }] });
    const wrong = connectBus({ servers: [`127.0.0.1:${own.port}`], user: 'gateway', password: 'wrong', name: 'x' });
    await expect(wrong).rejects.toThrow(/authorization/i);
  });

  test('answers come under the name of the user, so that permissions can keep services apart', async () => {
    const own = await ownNats({
      users: [
        { user: 'server', password: 'p' },
        {
          user: 'gateway',
          password: 'p',
          permissions: '{ publish: ["mfa.v1.test.echo"], subscribe: ["_INBOX.gateway.>"] }',
        },
      ],
    });
    const address = `127.0.0.1:${own.port}`;
    const server = await connectBus({ servers: [address], user: 'server', password: 'p', name: 's' });
    const gateway = await connectBus({ servers: [address], user: 'gateway', password: 'p', name: 'g' });
    undo.push(async () => Promise.all([server.nats.close(), gateway.nats.close()]));
    const endpoints = [endpoint(echo, ({ text }, { attemptId }) => Promise.resolve({ text, attemptId, runs: 1 }))];
    const options = { queue: 'app-server', replica: 'app-1', maxInFlight: 10, logger: silentLogger() };
    await serve(server, endpoints, options);
    expect((await call(gateway, echo, { text: 'hello' }, { attemptId: 'a' })).replica).toBe('app-1');
    await expect(serve(gateway, endpoints, options)).rejects.toThrow(
      /does not allow this user to serve mfa.v1.test.echo/,
    );
  });
});

test('R25: 10,000 overlapping calls by two callers, each gets its own answer', async () => {
  await serving(
    [
      endpoint(echo, async ({ text }, { attemptId, credential }) => {
        await delay(text.length % 3);
        const keyId = credential?.type === 'apiKey' ? credential.keyId : '';
        return { text, attemptId: `${attemptId}/${keyId}`, runs: 1 };
      }),
    ],
    { maxInFlight: 20_000 },
  );
  const one = async (n: number) => {
    const credential = { type: 'apiKey', keyId: n % 2 === 0 ? 'even' : 'odd', digest: 'd'.repeat(43) } as const;
    const { output } = await call(bus, echo, { text: 'x'.repeat(n % 7) }, { attemptId: `a${n}`, credential });
    return output.attemptId === `a${n}/${credential.keyId}` && output.text.length === n % 7;
  };
  const outcomes: boolean[] = [];
  let next = 0;
  const worker = async () => {
    for (let n = next++; n < 10_000; n = next++) outcomes.push(await one(n));
  };
  await Promise.all(Array.from({ length: 500 }, worker));
  expect(outcomes.filter((right) => right)).toHaveLength(10_000);
});

test('one that pauses leaves the queue group, and is back when it resumes; what it alone serves goes on', async () => {
  const apart = operation('test.apart', {
    scope: 'challenge',
    changes: false,
    input: Type.Object({}),
    output: Type.Object({}),
  });
  const server = await serving([
    endpoint(echo, ({ text }, { attemptId }) => Promise.resolve({ text, attemptId, runs: 1 })),
    endpoint(apart, () => Promise.resolve({}), { queue: 'app-server.app-1' }),
  ]);
  const ask = () => call(bus, echo, { text: 'x' }, { attemptId: crypto.randomUUID(), deadlineMs: 300 });
  await ask();
  server.pause();
  await expect(ask()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await call(bus, apart, {}, { attemptId: crypto.randomUUID(), deadlineMs: 1000 });
  server.resume();
  await ask();
});

describe('HA-51 a caller whose clock is wrong', () => {
  test.each([-20_000, 20_000])('by %i ms is answered all the same, and asks twice only once', async (offsetMs) => {
    let asked = 0;
    await serving([
      endpoint(echo, ({ text }, { attemptId }) => {
        asked += 1;
        return Promise.resolve({ text, attemptId, runs: asked });
      }),
    ]);
    const own = await connectBus({
      servers: [nats.url],
      name: 'skewed',
      metrics: createMetrics({ service: 't', replica: 't' }),
    });
    undo.push(() => own.drain());
    const realNow = Date.now;
    const publish = vi.spyOn(own.nats, 'publish');
    // Only the caller's own reading: both sides run in this process.
    const ask = () => {
      const spied = vi.spyOn(Date, 'now').mockImplementation(() => realNow() + (isCaller() ? offsetMs : 0));
      return call(own, echo, { text: 'x' }, { attemptId: crypto.randomUUID() }).finally(() => spied.mockRestore());
    };
    await ask();
    await ask();
    expect(asked).toBe(2);
    expect(publish).toHaveBeenCalledTimes(offsetMs < 0 ? 3 : 2);
  });
});

/** Whether the clock is read by `call` and not by `serve`, both of which run here. */
function isCaller(): boolean {
  return new Error('where').stack?.includes('/call.ts') ?? false;
}

describe('TLS', () => {
  test('the connection is encrypted and the certificate of the server is checked', async () => {
    const now = Date.now();
    const [ours, foreign] = await Promise.all(
      ['ours', 'foreign'].map((commonName) => createAuthority({ commonName, now })),
    );
    const own = await issueCertificate(ours!, { commonName: 'nats', usage: 'server', now });
    const dir = join(folder, 'tls');
    mkdirSync(dir);
    const [certificate, key] = [join(dir, 'nats.pem'), join(dir, 'nats.key')];
    writeFileSync(certificate, own.certificatePem);
    writeFileSync(key, own.keyPem);
    const server = await startNats({
      storeDir: dir,
      configuration: `tls { cert_file: "${certificate}", key_file: "${key}" }`,
    });
    undo.push(() => server.stop());
    const options = { servers: [server.url], name: 'caller' };

    const encrypted = await connectBus({ ...options, authorities: ours!.certificatePem });
    expect(encrypted.nats.info?.tls_required).toBe(true);
    expect(await encrypted.nats.rtt()).toBeGreaterThanOrEqual(0);
    await encrypted.drain();

    const stranger = await Promise.race([
      connectBus({ ...options, authorities: foreign!.certificatePem }),
      delay(1500, 'still refused' as const, { ref: false }),
    ]);
    expect(stranger).toBe('still refused');
  });

  test('a server without TLS is not spoken to in the clear', async () => {
    const authority = await createAuthority({ commonName: 'ours', now: Date.now() });
    const plain = await Promise.race([
      connectBus({ servers: [nats.url], name: 'caller', authorities: authority.certificatePem }),
      delay(1500, 'still refused' as const, { ref: false }),
    ]);
    expect(plain).toBe('still refused');
  });
});
