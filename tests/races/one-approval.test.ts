import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Answer } from '../client.ts';
import { ledgerOf } from '../ledger-reader.ts';
import { nextTotpCode, startStack, waitUntil, type Stack } from '../stack.ts';

/**
 * R1: one valid code, submitted 200 times at once over two gateways and three app-servers, lets its owner in exactly once,
 * whatever dies meanwhile. Somebody who lost the race hears a documented "no"; nobody hears a second yes.
 */
const SUBMISSIONS = 200;
/** After it some are decided, most are under way, and none of the 200 has been told about all the others. */
const IN_THE_MIDDLE_MS = 15;

let stack: Stack;

beforeAll(async () => {
  stack = await startStack({
    appServers: 3,
    policy: { attempts: { free: 20, anywhere: { burst: 100, refillSeconds: 60 } } },
  });
});
afterAll(() => stack?.stop());
beforeEach(async () => {
  await waitUntil(async () => (await readiness()).every(Boolean), {
    timeoutMs: 20_000,
    what: 'every replica to be ready',
  });
});

function readiness(): Promise<boolean[]> {
  return Promise.all([
    ...stack.appServers.map(async ({ url }) => (await fetch(`${url}/health/ready`)).ok),
    ...stack.gateways.map(async ({ url }) => (await stack.client.request(url, 'GET', '/health/ready')).status === 200),
  ]);
}

/** As docs/error-codes.md asks of callers: what could not be decided in time is repeated, under the same Idempotency-Key. */
async function verifyAsDocumented(at: string, challengeId: string, code: string): Promise<Answer> {
  const idempotencyKey = randomUUID();
  for (let tries = 0; ; tries++) {
    const answer = await stack.client.verify(at, challengeId, code, { idempotencyKey });
    const isRepeatable = answer.status === 503 || answer.body.code === 'IDEMPOTENCY_KEY_BUSY';
    if (!isRepeatable || tries >= 20) return answer;
    await sleep(250);
  }
}

const gateway = (n: number): string => stack.gateways[n % stack.gateways.length]?.url ?? '';

/** All at once, on connections that are open already; `meanwhile` happens while the first of them are being worked on. */
async function submitAll(
  submissions: (() => Promise<Answer>)[],
  meanwhile: () => Promise<unknown> | unknown = () => undefined,
): Promise<{ approved: Answer[]; refused: Answer[] }> {
  await Promise.all(Array.from({ length: 128 }, (_, n) => stack.client.request(gateway(n), 'GET', '/health/live')));
  const sent = Promise.all(submissions.map((submit) => submit()));
  await sleep(IN_THE_MIDDLE_MS);
  await meanwhile();
  const answers = await sent;
  return {
    approved: answers.filter(({ status }) => status === 200),
    refused: answers.filter(({ status }) => status !== 200),
  };
}

/** What a loser of the race may hear. */
const DOCUMENTED = new Set(['CHALLENGE_CLOSED', 'CODE_REJECTED', 'TRY_LATER']);
function expectDocumented(refused: Answer[]): void {
  const others = refused.filter(({ body: { code } }) => !DOCUMENTED.has(code ?? ''));
  expect(others.length, others[0]?.text).toBe(0);
}

/** For the message of a failure: what the losers heard, and what the ledger says of it. */
async function whatHappened(userId: string, refused: Answer[]): Promise<string> {
  const heard = Object.entries(Object.groupBy(refused, ({ body: { code } }) => code ?? 'none'));
  const events = await ledgerOf(stack.natsRootUrl, userId);
  return [
    ...heard.map(([code, answers]) => `${code} ${answers?.length}`),
    ...events.map(({ sequence, event }) => `${sequence} ${event.type} ${JSON.stringify(event['reason'] ?? '')}`),
  ].join(', ');
}

/** Approvals as the ledger has them: what counts, whoever heard of it. */
async function approvalsOf(userId: string): Promise<number> {
  const events = await ledgerOf(stack.natsRootUrl, userId);
  expect(events.length).toBeGreaterThan(0);
  return events.filter(({ event }) => event.type === 'challenge.approved' && event['purpose'] !== 'enrol').length;
}

type Accident = [string, breaks: () => Promise<unknown> | unknown, mends: () => Promise<unknown> | unknown];
const nothing: Accident = ['nothing happens', () => undefined, () => undefined];
const appServerKilled: Accident = [
  'an app-server is killed',
  () => stack.appServers[0]?.kill(),
  () => stack.appServers[0]?.start(),
];
/** In this order, since where NATS goes down within seconds after a replica, a loss has to be assumed (ADR 5). */
const accidents: Accident[] = [
  nothing,
  [
    'NATS is restarted',
    async () => {
      await stack.nats.kill();
      await sleep(300);
      await stack.nats.start();
    },
    () => undefined,
  ],
  ['the Postgres primary is stopped', () => stack.postgres.primary.pause(), () => stack.postgres.primary.resume()],
  appServerKilled,
];

test.each(accidents)(
  'R1: of 200 submissions of one SMS code exactly one is approved, while %s',
  async (_, breaks, mends) => {
    const user = await stack.addUser();
    const started = await stack.client.start(gateway(0), { username: user.username, method: 'sms' });
    const challengeId = started.body.challengeId ?? '';
    const code = await stack.inbox.code(user.phone);

    const submissions = Array.from(
      { length: SUBMISSIONS },
      (_unused, n) => () => verifyAsDocumented(gateway(n), challengeId, code),
    );
    const { approved, refused } = await submitAll(submissions, breaks);
    await mends();
    expect(approved.length + refused.length).toBe(SUBMISSIONS);
    expect(
      approved.map(({ body: { result } }) => result),
      'one yes',
    ).toHaveLength(1);
    expectDocumented(refused);
    expect(await approvalsOf(user.userId), 'one approval in the ledger').toBe(1);
  },
);

test.each([nothing, appServerKilled])(
  'R1, OATH-23: one TOTP code over four challenges, 200 submissions, exactly one is approved, while %s',
  async (_, breaks, mends) => {
    const user = await stack.addUser({ totp: true });
    const starts = await Promise.all(
      [0, 1, 2, 3].map((n) => stack.client.start(gateway(n), { username: user.username, method: 'totp' })),
    );
    const ids = starts.map(({ body }) => body.challengeId ?? '');
    expect(new Set(ids).size).toBe(4);
    const code = nextTotpCode(user);
    const submissions = Array.from({ length: SUBMISSIONS }, (_unused, n) => () => {
      const id = ids[Math.floor(n / 2) % ids.length] ?? '';
      return verifyAsDocumented(gateway(n), id, code);
    });
    const { approved, refused } = await submitAll(submissions, breaks);
    await mends();
    expect(approved.length, await whatHappened(user.userId, refused)).toBe(1);
    expectDocumented(refused);
    expect(await approvalsOf(user.userId)).toBe(1);
  },
);

test('a repeated Idempotency-Key tells of the same approval again, and is no second one', async () => {
  const user = await stack.addUser();
  const started = await stack.client.start(gateway(0), { username: user.username, method: 'sms' });
  const challengeId = started.body.challengeId ?? '';
  const code = await stack.inbox.code(user.phone);
  const submissions = Array.from(
    { length: 50 },
    (_unused, n) => () => stack.client.verify(gateway(n), challengeId, code, { idempotencyKey: 'the-same-request' }),
  );
  const { approved, refused } = await submitAll(submissions);
  expect(new Set(approved.map(({ body: { result } }) => result)).size, 'one result, told again').toBe(1);
  for (const { body, status } of refused) expect([status, body.code]).toEqual([409, 'IDEMPOTENCY_KEY_BUSY']);
  expect(await approvalsOf(user.userId)).toBe(1);
});
