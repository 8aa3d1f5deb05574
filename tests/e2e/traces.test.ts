import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { auditFind } from '@countersign/contracts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startCollector, type Collector, type ReceivedSpan } from '../collector.ts';
import { startStack, type Stack, type TestUser } from '../stack.ts';
import { bareEnvironment } from '../bare-environment.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');

/** One login, from the gateway to the carrier: each of these below the one before. */
const WAY = [
  'POST /v1/challenges',
  'call challenge.start',
  'challenge.start',
  'message.hand',
  'message.deliver',
  'carrier.send',
];

let collector: Collector;
let stack: Stack;
let gateway: string;

beforeAll(async () => {
  collector = await startCollector();
  const traced = { COUNTERSIGN_TRACES_URL: collector.url, COUNTERSIGN_TRACES_RATIO: '1' };
  stack = await startStack({ sdkGateways: 1, appServerEnvironment: traced, sdkGatewayEnvironment: traced });
  gateway = stack.gateways[0]?.url ?? '';
});
afterAll(async () => {
  await stack?.stop();
  await collector?.stop();
});

/** Starts a login by SMS and answers it. */
async function logIn(user: TestUser, headers: Record<string, string> = {}) {
  const started = await stack.client.start(gateway, { username: user.username, method: 'sms' }, { headers });
  expect(started.status, started.text).toBe(201);
  const code = await stack.inbox.code(user.phone);
  const verified = await stack.client.verify(gateway, started.body.challengeId ?? '', code);
  expect(verified.status, verified.text).toBe(200);
  const traceId = (answer: { headers: Record<string, unknown> }) => String(answer.headers['trace-id']);
  return { code, result: verified.body.result ?? '', started: traceId(started), verified: traceId(verified) };
}

function only(spans: readonly ReceivedSpan[], name: string): ReceivedSpan {
  const [found, ...more] = spans.filter((span) => span.name === name);
  expect(more, `${name} is there once`).toEqual([]);
  if (found === undefined) throw new Error(`no span ${name}`);
  return found;
}

describe('a login by SMS', () => {
  test('is one trace from the gateway to the carrier, with each part below the one that asked for it', async () => {
    const { started } = await logIn(await stack.addUser());
    const spans = await collector.trace(started, WAY);
    for (const [index, name] of WAY.entries()) {
      const parent = index === 0 ? undefined : only(spans, WAY[index - 1] ?? '').spanId;
      expect(only(spans, name).parentSpanId, `what ${name} is below`).toBe(parent);
    }
    const operation = only(spans, 'challenge.start');
    expect(only(spans, 'ledger.act').parentSpanId).toBe(operation.spanId);
    expect(only(spans, 'ledger.append').parentSpanId).toBe(only(spans, 'ledger.act').spanId);
    expect(spans.filter(({ name }) => name === 'postgres.read').map(({ parentSpanId }) => parentSpanId)).toContain(
      operation.spanId,
    );
  });

  test('says who did it and how it ended, in times that fit', async () => {
    const { started } = await logIn(await stack.addUser());
    const spans = await collector.trace(started, WAY);
    const request = only(spans, 'POST /v1/challenges');
    expect(request.resource).toMatchObject({ 'service.name': 'sdk-gateway', 'service.instance.id': 'sdk-gateway-1' });
    expect(request.attributes).toMatchObject({ 'http.response.status_code': '201', 'http.route': '/v1/challenges' });
    expect(only(spans, 'ledger.append').attributes).toMatchObject({ 'countersign.outcome': 'stored' });
    const send = only(spans, 'carrier.send');
    expect(send.attributes).toEqual({ 'countersign.carrier': 'inbox', 'countersign.outcome': 'accepted' });
    expect(send.resource['service.name']).toBe('app-server');
    for (const { startTimeUnixNano, endTimeUnixNano } of spans) {
      expect(BigInt(endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(startTimeUnixNano));
      expect(Math.abs(Number(BigInt(startTimeUnixNano) / 1_000_000n) - Date.now())).toBeLessThan(120_000);
    }
  });

  test('stands in the audit with the same trace, as audit.find and the command line show it', async () => {
    const user = await stack.addUser();
    const { started, verified } = await logIn(user);
    const expected = { 'challenge.started': started, 'message.sent': started, 'challenge.approved': verified };
    const found = async () => {
      const { events } = await stack.admin(auditFind, { userId: user.userId });
      return Object.fromEntries(events.map(({ type, traceId }) => [type, traceId]));
    };
    await expect.poll(found, { timeout: 20_000 }).toMatchObject(expected);
    const { stdout } = await run(
      process.execPath,
      [
        '--conditions=source',
        join(ROOT, 'packages/cli/src/main.ts'),
        'audit',
        'tail',
        '--user',
        user.username,
        '--json',
      ],
      { env: commandLine() },
    );
    const { events } = JSON.parse(stdout) as { events: { type: string; traceId?: string }[] };
    expect(Object.fromEntries(events.map(({ type, traceId }) => [type, traceId]))).toMatchObject(expected);
  });

  test('goes below the span of whoever called, if they have one', async () => {
    const traceId = 'a1b2c3d4e5f60718293a4b5c6d7e8f90';
    const user = await stack.addUser();
    const { started } = await logIn(user, { traceparent: `00-${traceId}-00f067aa0ba902b7-00` });
    expect(started).toBe(traceId);
    const spans = await collector.trace(traceId, WAY);
    expect(only(spans, 'POST /v1/challenges').parentSpanId).toBe('00f067aa0ba902b7');
  });

  test('R25: of many at once, each has a trace of its own', async () => {
    const users = await Promise.all(Array.from({ length: 8 }, () => stack.addUser()));
    const logins = await Promise.all(users.map((user) => logIn(user)));
    expect(new Set(logins.map(({ started }) => started)).size).toBe(users.length);
    for (const { started } of logins) {
      const spans = await collector.trace(started, WAY);
      for (const name of WAY) only(spans, name);
    }
  });

  test('R24: leaves neither code, phone, name, key nor result in any span', async () => {
    const user = await stack.addUser();
    const { code, result, started, verified } = await logIn(user);
    await stack.client.request(gateway, 'GET', `/v1/nothing/${code}?phone=${user.phone}`);
    await collector.trace(started, WAY);
    await collector.trace(verified, ['POST /v1/challenges/:challengeId/verify', 'ledger.append']);
    const secrets = [user.phone ?? '', user.username, user.userId, result, stack.application.apiKey, stack.adminApiKey];
    const text = collector.bodies.join('\n');
    for (const secret of secrets) {
      expect(secret.length).toBeGreaterThan(8);
      expect(text).not.toContain(secret);
    }
    expect(text).not.toMatch(new RegExp(`(?<![0-9a-f])${code}(?![0-9a-f])`));
  });
});

test('with the collector away logins go on, and what is dropped is counted', async () => {
  await collector.stop();
  const dropped = async () => {
    const pages = await Promise.all(
      [...stack.gateways, ...stack.appServers].map(({ url }) => stack.client.request(url, 'GET', '/metrics')),
    );
    return pages.map(({ text }) =>
      Number(/countersign_spans_dropped_total\{reason="unsent".*\} (\d+)/.exec(text)?.[1] ?? Number.NaN),
    );
  };
  const before = await dropped();
  for (let n = 0; n < 3; n++) await logIn(await stack.addUser());
  await expect
    .poll(async () => (await dropped())[0], { timeout: 10_000 })
    .toBeGreaterThan(before[0] ?? Number.POSITIVE_INFINITY);
  expect((await dropped()).every((count, index) => count >= (before[index] ?? 0))).toBe(true);
});

/** Of an administrator at the stack. */
function commandLine(): Record<string, string> {
  return {
    ...bareEnvironment(),
    COUNTERSIGN_NATS_URLS: stack.natsAdmin.url,
    COUNTERSIGN_NATS_USER: stack.natsAdmin.user,
    COUNTERSIGN_NATS_PASSWORD: stack.natsAdmin.password,
    COUNTERSIGN_ADMIN_KEY: stack.adminApiKey,
  };
}
