import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { callEach, connectBus, credentialFromApiKey } from '@countersign/bus';
import { clusterStatus, userCreate } from '@countersign/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Answer } from '../client.ts';
import { ledgerOf } from '../ledger-reader.ts';
import { nextTotpCode, startStack, waitUntil, type Stack, type TestUser } from '../stack.ts';

let stack: Stack;
let admin: ReturnType<Stack['clientAs']>;
const approved: string[] = [];

beforeAll(async () => {
  stack = await startStack();
  admin = stack.clientAs({ apiKey: stack.adminApiKey });
});
afterAll(() => stack?.stop());

const gateway = (n: number): string => stack.gateways[n % stack.gateways.length]?.url ?? '';

/** Somebody who has never logged in before: nothing of him can be in the memory of a replica. */
async function login(user: TestUser, n: number): Promise<void> {
  const method = user.totp === undefined ? 'sms' : 'totp';
  const started = await stack.client.start(gateway(n), { username: user.username, method });
  expect(started.status, started.text).toBe(201);
  const challengeId = started.body.challengeId ?? '';
  const code = method === 'sms' ? await stack.inbox.code(user.phone) : nextTotpCode(user);
  const verified = await stack.client.verify(gateway(n + 1), challengeId, code);
  expect(verified.status, verified.text).toBe(200);
  expect(started.ms + verified.ms, 'a login does not wait for a timeout').toBeLessThan(6000);
  approved.push(challengeId);
}

async function newUsers(): Promise<TestUser[]> {
  const users = await Promise.all([stack.addUser(), stack.addUser(), stack.addUser(), stack.addUser({ totp: true })]);
  await stack.postgres.caughtUp();
  return users;
}

function createUser(n = 0) {
  const body = { username: `new-${randomUUID().slice(0, 8)}` };
  return admin.request(gateway(n), 'POST', '/v1/users', { body, idempotencyKey: randomUUID() });
}

/** By every replica: each notices by itself that the primary is back, and no caller chooses which is asked. */
async function changesTaken(timeoutMs = 15_000): Promise<void> {
  let inARow = 0;
  const enough = 8;
  await waitUntil(async () => (inARow = (await createUser(inARow)).status === 201 ? inARow + 1 : 0) >= enough, {
    timeoutMs,
    everyMs: 50,
    what: 'changes to be taken again',
  });
}

test.each([
  ['killed', () => stack.postgres.primary.kill(), () => stack.postgres.primary.start()],
  ['hung', () => stack.postgres.primary.pause(), () => stack.postgres.primary.resume()],
] as const)(
  'R26: with the Postgres primary %s logins go on, changes hear PRIMARY_UNAVAILABLE, and it heals by itself',
  { timeout: 90_000 },
  async (_, breaks, mends) => {
    const users = await newUsers();
    await breaks();
    try {
      for (const [n, user] of users.entries()) await login(user, n);
      const refused = await createUser();
      expect([refused.status, refused.body.code], refused.text).toEqual([503, 'PRIMARY_UNAVAILABLE']);
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
      expect(refused.ms, 'no hang').toBeLessThan(10_000);
      await Promise.all(
        stack.appServers.map(async ({ url }) => expect((await fetch(`${url}/health/ready`)).status, 'ready').toBe(200)),
      );
    } finally {
      await mends();
    }
    await changesTaken();
  },
);

test('with the standby gone logins and changes go on', { timeout: 60_000 }, async () => {
  const users = await newUsers();
  await stack.postgres.standby.kill();
  try {
    for (const [n, user] of users.entries()) await login(user, n);
    const made = await createUser();
    expect(made.status, made.text).toBe(201);
  } finally {
    await stack.postgres.standby.start();
  }
});

test('with both Postgres nodes gone, people who were seen lately still get in', { timeout: 60_000 }, async () => {
  const [user] = await newUsers();
  // Every replica has seen him: each request may go to any of them.
  for (let n = 0; n < 8; n++) await stack.client.start(gateway(n), { username: user!.username, method: 'sms' });
  const sent = 8;
  await stack.inbox.code(user!.phone, sent);
  await Promise.all(stack.postgres.nodes.map((node) => node.kill()));
  try {
    const started = await stack.client.start(gateway(0), { username: user!.username, method: 'sms' });
    expect(started.status, started.text).toBe(201);
    const code = await stack.inbox.code(user!.phone, sent + 1);
    const verified = await stack.client.verify(gateway(1), started.body.challengeId ?? '', code);
    expect(verified.status, verified.text).toBe(200);
    approved.push(started.body.challengeId ?? '');
    const stranger = await stack.client.start(gateway(0), { username: `nobody-${randomUUID()}` });
    expect([stranger.status, stranger.body.code], 'nobody knows').toEqual([503, 'UNAVAILABLE']);
  } finally {
    await stack.postgres.primary.start();
    await stack.postgres.standby.start();
  }
});

/** Deadlines of callers, and the way there and back. */
const LONGEST_ANSWER_MS = 16_000;
const STALL_MS = 30_000;
const HEALED_WITHIN_MS = 10_000;

test(
  'R26: both Postgres nodes hang for 30 s under load: whoever was seen lately logs in, everybody else hears it soon, and it heals within 10 s',
  { timeout: 120_000 },
  async () => {
    const [user, fresh] = await newUsers();
    for (let n = 0; n < 8; n++) await stack.client.start(gateway(n), { username: user!.username, method: 'sms' });
    let sent = 8;
    await stack.inbox.code(user!.phone, sent);
    const pids = stack.appServers.map(({ pid }) => pid);
    const changes: Promise<Answer>[] = [];
    const strangers: Promise<Answer>[] = [];
    for (const node of stack.postgres.nodes) node.pause();
    const stalledAt = performance.now();
    const asking = setInterval(() => {
      changes.push(createUser(changes.length));
      strangers.push(stack.client.start(gateway(strangers.length), { username: `nobody-${randomUUID()}` }));
    }, 200);
    try {
      while (performance.now() - stalledAt < STALL_MS) {
        const started = await stack.client.start(gateway(sent), { username: user!.username, method: 'sms' });
        expect(started.status, started.text).toBe(201);
        sent += 1;
        const code = await stack.inbox.code(user!.phone, sent);
        const verified = await stack.client.verify(gateway(sent), started.body.challengeId ?? '', code);
        expect(verified.status, verified.text).toBe(200);
        approved.push(started.body.challengeId ?? '');
        await sleep(500);
      }
      for (const { url } of stack.appServers) {
        const text = await (await fetch(`${url}/metrics`)).text();
        const inFlight = Number(/^countersign_operations_in_flight\{.*\} (\d+)$/m.exec(text)?.[1]);
        expect(inFlight, 'of hundreds that were asked').toBeLessThan(60);
      }
    } finally {
      clearInterval(asking);
      for (const node of stack.postgres.nodes) node.resume();
    }
    const endedAt = performance.now();
    const healed = async () => {
      const ready = await Promise.all(stack.appServers.map(async ({ url }) => (await fetch(`${url}/health/ready`)).ok));
      return ready.every(Boolean) && (await createUser()).status === 201;
    };
    await waitUntil(healed, {
      timeoutMs: HEALED_WITHIN_MS,
      everyMs: 250,
      what: 'changes to be taken by every replica',
    });
    await login(fresh!, 0);
    expect(performance.now() - endedAt, 'it healed').toBeLessThan(HEALED_WITHIN_MS);
    expect(stack.appServers.map(({ pid }) => pid)).toEqual(pids);

    for (const { status, body, headers, ms, text } of await Promise.all(changes)) {
      // docs/architecture.md: the one without a primary, the other without any node.
      if (status !== 201) expect(['PRIMARY_UNAVAILABLE', 'UNAVAILABLE'], text).toContain(body.code);
      if (status !== 201) expect(Number(headers['retry-after'])).toBeGreaterThan(0);
      expect(ms, 'no hang').toBeLessThan(LONGEST_ANSWER_MS);
    }
    for (const { status, body, headers, ms, text } of await Promise.all(strangers)) {
      if (status !== 201) expect([status, body.code], text).toEqual([503, 'UNAVAILABLE']);
      if (status !== 201) expect(Number(headers['retry-after'])).toBeGreaterThan(0);
      expect(ms, 'no hang').toBeLessThan(LONGEST_ANSWER_MS);
    }
  },
);

test(
  'R26: with the standby hung logins go on, changes are taken or refused soon, and it heals by itself',
  { timeout: 60_000 },
  async () => {
    const users = await newUsers();
    stack.postgres.standby.pause();
    try {
      for (const [n, user] of users.entries()) await login(user, n);
      const change = await createUser();
      if (change.status !== 201)
        expect([change.status, change.body.code], change.text).toEqual([503, 'PRIMARY_UNAVAILABLE']);
      expect(change.ms, 'no hang').toBeLessThan(LONGEST_ANSWER_MS);
    } finally {
      stack.postgres.standby.resume();
    }
    await changesTaken(HEALED_WITHIN_MS);
  },
);

/** A replica that has not found again what the test before froze would have nobody left when the other node is killed. */
async function everyReplicaSeesBoth(): Promise<void> {
  const { url, user, password } = stack.natsAdmin;
  const bus = await connectBus({ servers: [url], user, password, name: 'tests of postgres' });
  const credential = credentialFromApiKey(stack.adminApiKey);
  if (credential === undefined) throw new Error('not an API key');
  const isSeen = async () => {
    const answers = await callEach(bus, clusterStatus, {}, { attemptId: randomUUID(), credential });
    const seen = answers.filter((each) => 'output' in each && each.output.postgres.every(({ reachable }) => reachable));
    return seen.length === stack.appServers.length;
  };
  await waitUntil(isSeen, { timeoutMs: 30_000, what: 'every replica to see both nodes' });
  await bus.drain();
}

test('HA-33: after the standby was promoted everything goes on, without a restart', { timeout: 90_000 }, async () => {
  const users = await newUsers();
  await everyReplicaSeesBoth();
  await stack.postgres.primary.kill();
  await stack.postgres.promoteStandby();
  await changesTaken(20_000);
  for (const [n, user] of users.entries()) await login(user, n);
  await stack.postgres.rejoinStandby();
  const late = await stack.addUser();
  // A node that has just come back may be read before it has heard of somebody who is this new.
  await stack.postgres.caughtUp();
  await login(late, 1);
  expect(approved.length).toBeGreaterThan(users.length);
});

test('HA-41: nothing is lost: every approval is in the audit once', { timeout: 60_000 }, async () => {
  expect(approved.length).toBeGreaterThan(10);
  const rows = () =>
    stack.sql<{ challenge_id: string; times: string }>(
      `select challenge_id, count(*) as times from audit_event
       where type = 'challenge.approved' and challenge_id = any($1) group by challenge_id`,
      [approved],
    );
  await waitUntil(async () => (await rows()).length === approved.length, {
    timeoutMs: 30_000,
    everyMs: 250,
    what: 'every approval in the audit',
  });
  expect((await rows()).filter(({ times }) => Number(times) !== 1)).toEqual([]);
});

test('HA-41: what the ledger holds of a user is in the audit, all of it', async () => {
  const user = await stack.addUser();
  await login(user, 0);
  const events = await ledgerOf(stack.natsRootUrl, user.userId);
  expect(events.map(({ event }) => event.type)).toEqual(['challenge.started', 'challenge.approved']);
  const projected = () =>
    stack.sql<{ type: string }>(
      `select type from audit_event where user_id = $1 and type like any('{challenge.started,challenge.approved}') order by sequence`,
      [user.userId],
    );
  await waitUntil(async () => (await projected()).length === 2, { timeoutMs: 20_000, what: 'the events in the audit' });
  expect((await projected()).map(({ type }) => type)).toEqual(['challenge.started', 'challenge.approved']);
  await expect(stack.admin(userCreate, { username: user.username })).rejects.toMatchObject({ code: 'USER_EXISTS' });
});
