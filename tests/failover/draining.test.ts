import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Answer } from '../client.ts';
import { startStack, waitUntil, type Replica, type Stack, type TestUser } from '../stack.ts';

/** What we promise. */
const PROMISED_MS = 10_000;

let stack: Stack;

beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack?.stop());
afterEach(async () => {
  stack.nats.resume();
  stack.inboxProcess.resume();
  for (const node of stack.postgres.nodes) node.resume();
  for (const replica of [...stack.appServers, ...stack.gateways]) if (!replica.running) await replica.start();
});

const gateway = (n: number): string => stack.gateways[n % stack.gateways.length]?.url ?? '';

/** @returns what it logged since it was told, when it is gone. */
async function terminated(replica: Replica): Promise<string> {
  const before = readFileSync(replica.logFile, 'utf8').length;
  process.kill(replica.pid, 'SIGTERM');
  await waitUntil(() => !replica.running, { timeoutMs: PROMISED_MS, what: `${replica.name} to exit` });
  return readFileSync(replica.logFile, 'utf8').slice(before);
}

async function repeatedOnce(send: (n: number, key: { idempotencyKey: string }) => Promise<Answer>): Promise<Answer> {
  const key = { idempotencyKey: randomUUID() };
  const answer = await send(0, key).catch(() => undefined);
  return answer === undefined || answer.status === 503 ? send(1, key) : answer;
}

async function opened(user: TestUser): Promise<string> {
  const started = await stack.client.start(gateway(0), { username: user.username, method: 'sms' });
  expect(started.status, started.text).toBe(201);
  return started.body.challengeId ?? '';
}

test(
  'every process is told to stop, one after the other, under load: from a caller that repeats once, no login fails',
  { timeout: 90_000 },
  async () => {
    const users = await Promise.all(Array.from({ length: 8 }, () => stack.addUser()));
    const restarting = { now: true };
    const restarts = (async () => {
      for (const replica of [...stack.gateways, ...stack.appServers]) {
        await terminated(replica);
        await replica.start();
      }
    })().finally(() => (restarting.now = false));
    let logins = 0;
    await Promise.all(
      users.map(async (user, n) => {
        for (let round = 1; restarting.now; round++) {
          const started = await repeatedOnce((more, key) =>
            stack.client.start(gateway(n + round + more), { username: user.username, method: 'sms' }, key),
          );
          expect(started.status, started.text).toBe(201);
          const id = started.body.challengeId ?? '';
          const code = await stack.inbox.code(user.phone, round);
          const verified = await repeatedOnce((more, key) => stack.client.verify(gateway(n + more), id, code, key));
          expect(verified.status, verified.text).toBe(200);
          logins += 1;
        }
      }),
    );
    await restarts;
    expect(logins).toBeGreaterThan(users.length);
  },
);

test('long polls are told to come back: "pending" at once, whoever stops', { timeout: 60_000 }, async () => {
  const id = await opened(await stack.addUser());
  for (const stopping of [stack.gateways, stack.appServers]) {
    const startedAt = performance.now();
    const polls = stack.gateways.flatMap(({ url }) => Array.from({ length: 4 }, () => stack.client.get(url, id, 30)));
    await sleep(500);
    // Some of the polls are with it.
    const logs = await Promise.all(stopping.map((replica) => terminated(replica)));
    const answers = await Promise.all(polls);
    for (const { status, body, text } of answers) expect([status, body.state], text).toEqual([200, 'pending']);
    expect(performance.now() - startedAt, 'nobody waited for the 30 s').toBeLessThan(20_000);
    expect(logs.join('\n'), 'nothing hung').not.toContain('.unstopped');
    await Promise.all(stopping.map((replica) => replica.start()));
  }
});

test(
  'an idle connection, one that never speaks and one that reads nothing do not hold a gateway up',
  { timeout: 60_000 },
  async () => {
    const [victim] = stack.gateways;
    if (victim === undefined) throw new Error('no gateway');
    const port = Number(new URL(victim.url).port);
    const encrypted = () =>
      connect({ port, host: '127.0.0.1', servername: 'localhost', ca: stack.authority.certificatePem });
    const sockets = [encrypted(), encrypted(), encrypted()];
    for (const socket of sockets) socket.on('error', () => undefined);
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('secureConnect', resolve))));
    const [idle, half, deaf] = sockets;
    idle?.write('GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n');
    half?.write('POST /v1/challenges HTTP/1.1\r\nHost: x\r\nContent-Le');
    deaf?.pause();
    // Answers that nobody reads: more than the buffers of two machines hold.
    for (let n = 0; n < 400; n++) deaf?.write('GET /v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n');
    await sleep(500);
    const log = await terminated(victim);
    expect(log).toContain('"http.cut"');
    for (const socket of sockets) socket.destroy();
  },
);

test.each([
  {
    what: 'Postgres and the carrier hang',
    breaks: () => {
      for (const node of stack.postgres.nodes) node.pause();
      stack.inboxProcess.pause();
    },
    // All that it waits for is given up in time.
    says: /\.stopping"/,
  },
  // Whatever a process has to say goodbye to is behind it: it is left behind, or, when its silence was noticed first, given up.
  { what: 'NATS hangs', breaks: () => stack.nats.pause(), says: /\.unstopped"|"bus\.disconnected"/ },
])(
  '$what: a process that is told to stop exits all the same, and says what hung',
  { timeout: 60_000 },
  async ({ breaks, says }) => {
    const user = await stack.addUser();
    const id = await opened(user);
    await stack.inbox.code(user.phone);
    stack.inboxProcess.pause();
    await stack.client.start(gateway(0), { username: user.username, method: 'sms' });
    breaks();
    const [app] = stack.appServers;
    const [edge] = stack.gateways;
    if (app === undefined || edge === undefined) throw new Error('no replica');
    const stuck = [
      ...Array.from({ length: 6 }, () => stack.client.start(edge.url, { username: `nobody-${randomUUID()}` })),
      stack.client.get(edge.url, id, 30),
    ].map((request) => request.catch(() => undefined));
    await sleep(500);
    const logs = await Promise.all([terminated(app), terminated(edge)]);
    expect(logs.join('\n')).toMatch(says);
    await Promise.all(stuck);
  },
);

test('told a second time, a process ends at once', { timeout: 60_000 }, async () => {
  const [, app] = stack.appServers;
  if (app === undefined) throw new Error('no replica');
  stack.nats.pause();
  await sleep(200);
  const startedAt = performance.now();
  process.kill(app.pid, 'SIGTERM');
  await sleep(300);
  process.kill(app.pid, 'SIGTERM');
  await waitUntil(() => !app.running, { timeoutMs: PROMISED_MS, what: 'it to exit' });
  expect(performance.now() - startedAt, 'not after all the time it would have had').toBeLessThan(PROMISED_MS / 2);
});
