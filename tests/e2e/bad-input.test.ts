import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { applicationRotate, policySet } from '@countersign/contracts';
import { waitUntil } from '@countersign/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Answer, RequestOptions } from '../client.ts';
import { ledgerOf } from '../ledger-reader.ts';
import { startStack, type Stack, type TestUser } from '../stack.ts';

let stack: Stack;
let user: TestUser;
let one: string;
let two: string;
/** Of the user's: never answered, so that every row finds it open. */
let pending: string;
let decoy: string;
let slowCallers: ReturnType<typeof sendSlowly>;
let expiring: Awaited<ReturnType<typeof startExpiring>>;

beforeAll(async () => {
  stack = await startStack();
  [one, two] = stack.gateways.map(({ url }) => url) as [string, string];
  user = await stack.addUser();
  pending = await started(user.username);
  decoy = await started('nobody-by-this-name');
  expiring = await startExpiring();
  slowCallers = sendSlowly();
});
afterAll(() => stack?.stop());

/** Begun first and looked at last, with the shortest life there is: time passes while the others run. */
async function startExpiring() {
  const { applicationId, apiKey } = await stack.addApplication(['challenge']);
  await stack.admin(policySet, { scope: applicationId, expectedVersion: 0, document: { code: { lifeSeconds: 30 } } });
  // Until every replica has read it.
  await sleep(3300);
  const client = stack.clientAs({ apiKey });
  const { username, phone } = await stack.addUser();
  const { body } = await client.start(one, { username, method: 'sms' });
  return { client, id: body.challengeId ?? '', code: await stack.inbox.code(phone) };
}

/** Begun first and looked at last, like the challenge that expires. */
function sendSlowly() {
  const head = `POST /v1/challenges HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${stack.application.apiKey}\r\n`;
  return {
    headers: sendAndStop(one, head),
    body: sendAndStop(one, `${head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"user`),
  };
}

/** A connection that sends so much and no more, until the other end hangs up. */
function sendAndStop(url: string, sent: string): Promise<{ ms: number; heard: string }> {
  const startedAt = performance.now();
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect({
      host: hostname,
      port: Number(port),
      ca: stack.authority.certificatePem,
      servername: hostname,
    });
    let heard = '';
    socket.once('secureConnect', () => socket.write(sent));
    socket.setEncoding('utf8').on('data', (text: string) => (heard += text));
    socket.on('error', () => undefined);
    socket.once('close', () => resolve({ ms: performance.now() - startedAt, heard }));
  });
}

async function started(username: string): Promise<string> {
  const { status, body, text } = await stack.client.start(one, { username, method: 'sms' });
  expect(status, text).toBe(201);
  return body.challengeId ?? '';
}

const post = (path: string, options: RequestOptions) => stack.client.request(one, 'POST', path, options);
const bytes = (...parts: (string | number[])[]) =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'utf8') : Buffer.from(part))));
const json = (content: Buffer | string, type = 'application/json'): RequestOptions => ({
  body: content,
  headers: { 'content-type': type },
});

/** What a body can have wrong with it, whatever it asks for. `field` is one that the route knows, with a good value. */
const bodies: [string, (field: string, value: string) => RequestOptions][] = [
  ['none', () => ({})],
  ['empty', () => json('')],
  ['only spaces', () => json('   ')],
  ['1 MiB of a field', (field) => json(JSON.stringify({ [field]: 'a'.repeat(1024 * 1024) }))],
  ['1 MiB of spaces', (field, value) => json(`${JSON.stringify({ [field]: value })}${' '.repeat(1024 * 1024)}`)],
  ['not JSON', () => json('{"')],
  ['a list', (field, value) => json(JSON.stringify([{ [field]: value }]))],
  ['null', () => json('null')],
  ['a text', () => json('"text"')],
  ['a number where a text belongs', (field) => ({ body: { [field]: 123456 } })],
  ['a list where a text belongs', (field, value) => ({ body: { [field]: [value] } })],
  ['an object where a text belongs', (field) => ({ body: { [field]: { $ne: '' } } })],
  ['null where a text belongs', (field) => ({ body: { [field]: null } })],
  ['an unknown field', (field, value) => ({ body: { [field]: value, surprise: true } })],
  ['a field twice', (field, value) => json(`{"${field}":"${value}","${field}":"other"}`)],
  ['__proto__', (field, value) => json(`{"${field}":"${value}","__proto__":{"admin":true}}`)],
  ['the wrong content type', (field, value) => json(JSON.stringify({ [field]: value }), 'text/plain')],
  ['a form', (field, value) => json(`${field}=${value}`, 'application/x-www-form-urlencoded')],
  ['another charset', (field, value) => json(JSON.stringify({ [field]: value }), 'application/json; charset=utf-16')],
  ['invalid UTF-8', (field) => json(bytes(`{"${field}":"a`, [0xc3, 0x28], '"}'))],
  ['an overlong encoding', (field) => json(bytes(`{"${field}":"a`, [0xc0, 0xaf], '"}'))],
  ['a byte order mark', (field, value) => json(bytes([0xef, 0xbb, 0xbf], JSON.stringify({ [field]: value })))],
  ['NUL', (field, value) => json(`{"${field}":"${value}\\u0000"}`)],
  ['a raw NUL', (field, value) => json(`{"${field}":"${value}\0"}`)],
  ['half a surrogate pair', (field, value) => json(`{"${field}":"${value}\\ud800"}`)],
  ['a surrogate in bytes', (field) => json(bytes(`{"${field}":"a`, [0xed, 0xa0, 0x80], '"}'))],
  ['10,000 levels', (field) => json(`{"${field}":${'['.repeat(10_000)}${']'.repeat(10_000)}}`)],
];

const routes: [string, () => { path: string; field: string; value: string }][] = [
  ['start', () => ({ path: '/v1/challenges', field: 'username', value: user.username })],
  ['verify', () => ({ path: `/v1/challenges/${pending}/verify`, field: 'code', value: '123456' })],
  ['verify of a decoy', () => ({ path: `/v1/challenges/${decoy}/verify`, field: 'code', value: '123456' })],
];

/** All of a problem but the id of the occurrence. */
function problemOf({ status, body }: Answer): unknown {
  return { status, ...body, instance: 'urn:uuid' };
}

describe.each(routes)('bad input to %s', (_route, target) => {
  test.each(bodies)('%s: REQUEST_INVALID', async (_, make) => {
    const { path, field, value } = target();
    const answer = await post(path, make(field, value));
    expect([answer.status, answer.body.code], answer.text).toEqual([400, 'REQUEST_INVALID']);
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(answer.text.length, 'what was sent is not sent back').toBeLessThan(2000);
  });
});

test.each([
  ['letters', 'abcdef'],
  ['five digits', '12345'],
  ['eleven digits', '12345678901'],
  ['blank', '      '],
  ['digits of another script', '١٢٣٤٥٦'],
  ['a wildcard', '******'],
  ['SQL', `1' or '1'='1`],
])('a code of %s is malformed, evaluates nothing, and the same for a user and for nobody', async (_, code) => {
  const answers = await Promise.all([stack.client.verify(one, pending, code), stack.client.verify(two, decoy, code)]);
  for (const answer of answers)
    expect([answer.status, answer.body.code], answer.text).toEqual([400, 'REQUEST_INVALID']);
  expect(problemOf(answers[1])).toEqual(problemOf(answers[0]));
});

test.each([
  ['empty', ''],
  ['blank', '   '],
  ['a wildcard', '*'],
  ['part wildcard', 'ali*'],
  ['too long', 'a'.repeat(257)],
  ['far too long', 'a'.repeat(1025)],
  ['a control character', 'al\u0007ice'],
  ['an invisible character', 'al\u200Bice'],
  ['a change of direction', 'al\u202Eice'],
])('R8: a username that is %s touches no authenticator', async (_, username) => {
  const before = await stack.inbox.messages();
  const attempt = await stack.client.start(one, { username });
  expect([attempt.status, attempt.body.code], attempt.text).toEqual([400, 'REQUEST_INVALID']);
  expect((await stack.inbox.messages()).length).toBe(before.length);
  // What the schema of the request refuses never became an attempt at a login; there is nothing to audit.
  if (username.length > 1024) return;
  refusals += 1;
});
let refusals = 0;

test('R8: each of them left an audit row', async () => {
  expect(refusals).toBeGreaterThan(5);
  await waitUntil(async () => (await refusalRows()) === refusals, { what: 'the refusals in the audit' });
});

async function refusalRows(): Promise<number> {
  const [row] = await stack.sql<{ count: string }>(`select count(*) from audit_event where type = 'challenge.refused'`);
  return Number(row?.count);
}

const UNKNOWN = [
  ['random', () => `${randomBytes(16).toString('base64url')}${randomBytes(16).toString('base64url')}`, 404],
  ['of the user, another key', () => `${pending.slice(0, 22)}${randomBytes(16).toString('base64url')}`, 404],
  ['too short', () => 'abc', 404],
  ['dots', () => '..%2f..%2fusers', 404],
  ['a wildcard of NATS', () => '%3E', 404],
  ['too long for a path', () => 'a'.repeat(4000), 404],
] as const;
test.each(UNKNOWN)('a challenge id that is unknown (%s) is not found, by any operation', async (_, id, status) => {
  const answers = [
    await stack.client.verify(one, id(), '123456'),
    await stack.client.get(two, id()),
    await stack.client.cancel(one, id()),
    await stack.client.resend(two, id()),
  ];
  for (const answer of answers) {
    expect(
      [answer.status, ['CHALLENGE_NOT_FOUND', 'ROUTE_NOT_FOUND', 'REQUEST_INVALID'].includes(answer.body.code ?? '')],
      answer.text,
    ).toEqual([answer.body.code === 'REQUEST_INVALID' ? 400 : status, true]);
  }
});

test('a cancelled challenge is closed', async () => {
  const id = await started((await stack.addUser()).username);
  await stack.client.cancel(one, id);
  for (const answer of [
    await stack.client.verify(two, id, '123456'),
    await stack.client.resend(one, id),
    await stack.client.cancel(two, id),
  ]) {
    expect([answer.status, answer.body.code], answer.text).toEqual([409, 'CHALLENGE_CLOSED']);
  }
});

test("another application's challenge does not exist", async () => {
  const other = stack.clientAs({ apiKey: (await stack.addApplication(['challenge'])).apiKey });
  const [theirs, nobodys] = [
    await other.verify(one, pending, '123456'),
    await other.verify(one, `${pending.slice(0, 22)}${randomBytes(16).toString('base64url')}`, '123456'),
  ];
  expect([theirs.status, theirs.body.code]).toEqual([404, 'CHALLENGE_NOT_FOUND']);
  expect(problemOf(theirs)).toEqual(problemOf(nobodys));
});

test.each(['ä', 'with space', '', 'a'.repeat(129)])('an Idempotency-Key of %j is malformed', async (key) => {
  const answer = await post('/v1/challenges', {
    body: { username: user.username },
    headers: { 'idempotency-key': Buffer.from(key, 'utf8').toString('latin1') },
  });
  expect([answer.status, answer.body.code], answer.text).toEqual([400, 'REQUEST_INVALID']);
});

test('a replayed Idempotency-Key with another body is refused, and another application has its own keys', async () => {
  const idempotencyKey = randomUUID();
  const { username } = await stack.addUser();
  const first = await stack.client.start(one, { username }, { idempotencyKey });
  expect(first.status).toBe(201);
  const other = await stack.client.start(two, { username: user.username }, { idempotencyKey });
  expect([other.status, other.body.code]).toEqual([409, 'IDEMPOTENCY_KEY_REUSED']);
  const stranger = stack.clientAs({ apiKey: (await stack.addApplication(['challenge'])).apiKey });
  const theirs = await stranger.start(two, { username }, { idempotencyKey });
  expect(theirs.status).toBe(201);
  expect(theirs.body.challengeId).not.toBe(first.body.challengeId);
});

describe('a key that is missing, unknown or revoked: UNAUTHENTICATED, before the body is looked at', () => {
  test.each([
    ['no key', () => undefined],
    ['no scheme', () => stack.application.apiKey],
    ['Basic', () => `Basic ${Buffer.from(`a:${stack.application.apiKey}`).toString('base64')}`],
    ['not of the form of a key', () => 'Bearer abc'],
    ['an unknown key', () => `Bearer csk_abcdef012345_${randomBytes(32).toString('base64url')}`],
    [
      'a known id with another secret',
      () => `Bearer csk_${stack.application.keyId}_${randomBytes(32).toString('base64url')}`,
    ],
  ])('%s', async (_, authorization) => {
    const value = authorization();
    const stranger = stack.clientAs({});
    for (const body of [{ username: user.username }, '{"not json']) {
      const answer = await stranger.request(one, 'POST', '/v1/challenges', {
        body,
        headers: value === undefined ? {} : { authorization: value },
      });
      expect(
        answer.body.code === 'UNAUTHENTICATED' || (typeof body === 'string' && answer.status === 400),
        answer.text,
      ).toBe(true);
      if (typeof body !== 'string')
        expect([answer.status, answer.headers['www-authenticate'] !== undefined]).toEqual([401, true]);
    }
  });

  test('a revoked key', async () => {
    const { applicationId, apiKey } = await stack.addApplication(['challenge']);
    const client = stack.clientAs({ apiKey });
    expect((await client.start(one, { username: user.username })).status).toBe(201);
    await stack.admin(applicationRotate, { applicationId, overlapSeconds: 0 });
    await waitUntil(
      async () => {
        const answers = await Promise.all(
          [1, 2, 3, 4].map((n) => client.start(n % 2 === 0 ? one : two, { username: user.username })),
        );
        return answers.every(({ status, body }) => status === 401 && body.code === 'UNAUTHENTICATED');
      },
      { timeoutMs: 5000, what: 'the old key to be refused everywhere' },
    );
  });
});

test.each([
  ['GET', '/v1/nothing', 404, 'ROUTE_NOT_FOUND'],
  ['DELETE', '/v1/challenges', 404, 'ROUTE_NOT_FOUND'],
  ['GET', '/v1/challenges/%', 400, 'REQUEST_INVALID'],
  ['GET', '/v1/../../etc/passwd', 404, 'ROUTE_NOT_FOUND'],
] as const)('%s %s: %d %s', async (method, path, status, code) => {
  const answer = await stack.client.request(one, method, path);
  expect([answer.status, answer.body.code], answer.text).toEqual([status, code]);
});

test.each(['wait=-1', 'wait=31', 'wait=abc', 'wait=1e9', 'wait=1&wait=2', 'wait=%00', 'surprise=1'])(
  'GET with ?%s: REQUEST_INVALID',
  async (query) => {
    const answer = await stack.client.request(one, 'GET', `/v1/challenges/${pending}?${query}`);
    expect([answer.status, answer.body.code], answer.text).toEqual([400, 'REQUEST_INVALID']);
  },
);

test('an expired challenge is closed, and stays so', async () => {
  const { client, id, code } = expiring;
  const { expiresAt = '' } = (await client.get(one, id)).body;
  await sleep(Math.max(0, Date.parse(expiresAt) - Date.now()) + 200);
  const late = await client.verify(two, id, code);
  expect([late.status, late.body.code]).toEqual([409, 'CHALLENGE_CLOSED']);
  expect((await client.get(one, id)).body.state).toBe('expired');
  expect((await client.resend(one, id)).body.code).toBe('CHALLENGE_CLOSED');
  expect((await client.cancel(two, id)).body.code).toBe('CHALLENGE_CLOSED');
});

test('R29: a caller whose headers or body do not come is cut off', { timeout: 40_000 }, async () => {
  const [headers, body] = await Promise.all([slowCallers.headers, slowCallers.body]);
  expect(headers.ms, 'headers within 10 s').toBeLessThan(14_000);
  expect(body.ms, 'the whole request within 20 s').toBeLessThan(25_000);
  for (const { heard } of [headers, body]) expect(heard).not.toMatch(/^HTTP\/1\.1 [25]/);
});

test('after all of that no code was ever looked at, and nothing went wrong inside', async () => {
  const events = await ledgerOf(stack.natsRootUrl, user.userId);
  expect(events.filter(({ event }) => event.type === 'code.rejected')).toEqual([]);
  for (const { url } of stack.appServers) {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics.split('\n').filter((line) => /code="INTERNAL"/.test(line) && !line.endsWith(' 0'))).toEqual([]);
  }
});
