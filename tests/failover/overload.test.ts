import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Answer, Client } from '../client.ts';
import { nextTotpCode, startStack, waitUntil, type Replica, type Stack, type TestUser } from '../stack.ts';

/** Few places, so that what comes at once is more than they, whatever the machine can do. */
const GATEWAY_PLACES = 8;
const APP_SERVER_PLACES = 2;
const BURST = 60;
const BURSTS = 20;
const EVERY_MS = 250;
/** Far more than places hold, far less than what would have to be kept of every request. */
const MOST_GROWTH_BYTES = 200 * 1024 * 1024;

let stack: Stack;
let flooding: Client;
let other: Client;

beforeAll(async () => {
  stack = await startStack({
    sdkGatewayEnvironment: { COUNTERSIGN_MAX_IN_FLIGHT: String(GATEWAY_PLACES), COUNTERSIGN_CLIENT_SHARE: '75' },
    appServerEnvironment: { COUNTERSIGN_MAX_IN_FLIGHT: String(APP_SERVER_PLACES) },
  });
  flooding = stack.clientAs({ apiKey: stack.application.apiKey });
  other = stack.clientAs({ apiKey: (await stack.addApplication(['challenge'])).apiKey });
});
afterAll(() => stack?.stop());

const gateway = (n: number): string => stack.gateways[n % stack.gateways.length]?.url ?? '';

interface Opened {
  client: Client;
  user: TestUser;
  challengeId: string;
}

async function open(client: Client, n: number): Promise<Opened> {
  const user = await stack.addUser({ phone: false, totp: true });
  const started = await client.start(gateway(n), { username: user.username });
  expect(started.status, started.text).toBe(201);
  return { client, user, challengeId: started.body.challengeId ?? '' };
}

const residentBytes = ({ pid }: Replica): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;

async function metricsOf({ url }: Replica): Promise<string> {
  return (await stack.client.request(url, 'GET', '/metrics')).text;
}

function sumOf(metrics: string, line: RegExp): number {
  return [...metrics.matchAll(line)].reduce((sum, [, value]) => sum + Number(value), 0);
}

test(
  'R26: a flood of starts is refused with 503 and Retry-After, while challenges that are open are seen, verified and cancelled',
  { timeout: 120_000 },
  async () => {
    const opened: Opened[] = [];
    for (let n = 0; n < 12; n++) opened.push(await open(n % 2 === 0 ? flooding : other, n));
    const before = [...stack.gateways, ...stack.appServers].map(residentBytes);

    const floods: Promise<Answer>[] = [];
    const flood = (async () => {
      for (let burst = 0; burst < BURSTS; burst++) {
        for (let n = 0; n < BURST; n++) {
          floods.push(flooding.start(gateway(n), { username: `nobody-${burst}-${n}` }));
        }
        await sleep(EVERY_MS);
      }
    })();
    await sleep(EVERY_MS);
    // One after the other and each once: a refusal would be seen.
    for (const [n, { client, user, challengeId }] of opened.entries()) {
      const seen = await client.get(gateway(n), challengeId);
      expect([seen.status, seen.body.state], seen.text).toEqual([200, 'pending']);
      const ended =
        n % 3 === 2
          ? await client.cancel(gateway(n), challengeId)
          : await client.verify(gateway(n + 1), challengeId, nextTotpCode(user));
      expect(ended.status, ended.text).toBe(200);
    }
    await flood;
    const answers = await Promise.all(floods);

    const refused = answers.filter(({ status }) => status !== 201);
    expect(refused.length, 'it was a flood').toBeGreaterThan(BURST);
    for (const { status, headers, body, text } of refused) {
      // 1 where all places are taken, 3 where the process cannot keep up.
      expect([status, body.code, ['1', '3'].includes(String(headers['retry-after']))], text).toEqual([
        503,
        'UNAVAILABLE',
        true,
      ]);
      expect(headers['content-type']).toBe('application/problem+json');
    }
    for (const [n, replica] of [...stack.gateways, ...stack.appServers].entries()) {
      expect(residentBytes(replica) - (before[n] ?? 0), `${replica.name} has grown`).toBeLessThan(MOST_GROWTH_BYTES);
    }

    // Where it was refused, and that nothing is left of it.
    for (const replica of stack.gateways) {
      const metrics = await metricsOf(replica);
      expect(sumOf(metrics, /^countersign_gateway_requests_refused_total\{.*share taken.*\} (\d+)$/gm)).toBeGreaterThan(
        0,
      );
      expect(sumOf(metrics, /^countersign_gateway_requests_working\{.*\} (\d+)$/gm)).toBe(0);
    }
    for (const replica of stack.appServers) {
      const metrics = await (await fetch(`${replica.url}/metrics`)).text();
      expect(sumOf(metrics, /^countersign_operations_refused_total\{.*overload.*\} (\d+)$/gm)).toBeGreaterThan(0);
      expect(sumOf(metrics, /^countersign_operations_in_flight\{.*\} (\d+)$/gm)).toBe(0);
    }
    for (const [n, client] of [flooding, other].entries()) {
      const { user, challengeId } = await open(client, n);
      const verified = await client.verify(gateway(n + 1), challengeId, nextTotpCode(user));
      expect(verified.status, verified.text).toBe(200);
    }
  },
);

test('R29: an application that has all its places full leaves some to the others', { timeout: 60_000 }, async () => {
  // Nobody answers meanwhile, so that the places stay full.
  for (const replica of stack.appServers) replica.pause();
  let answered: Answer[];
  try {
    const held = Array.from({ length: GATEWAY_PLACES }, () => flooding.start(gateway(0), { username: 'nobody' }));
    const first = await Promise.race(held);
    expect([first.status, first.body.code], 'beyond its share').toEqual([503, 'UNAVAILABLE']);
    const others = other.start(gateway(0), { username: 'nobody' });
    expect(await Promise.race([others, sleep(1000, 'waits for its answer')])).toBe('waits for its answer');
    for (const replica of stack.appServers) replica.resume();
    answered = [await others];
    await Promise.all(held);
  } finally {
    for (const replica of stack.appServers) replica.resume();
  }
  expect([201, 503]).toContain(answered[0]?.status);
  await waitUntil(async () => (await other.start(gateway(0), { username: 'nobody' })).status === 201, {
    timeoutMs: 20_000,
    everyMs: 250,
    what: 'starts to be taken again',
  });
});
