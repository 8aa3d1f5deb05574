import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect, type SecureVersion, type TLSSocket } from 'node:tls';
import {
  connectBus,
  credentialFromApiKey,
  endpoint,
  serve,
  type Bus,
  type CallRequest,
  type Serving,
} from '@countersign/bus';
import { ChallengeId, challengeGet, keysJwks, messageStatus, MfaError, type Operation } from '@countersign/contracts';
import { exampleOf } from '@countersign/edge';
import type { HttpServer } from '@countersign/http';
import { createLogger, createMetrics } from '@countersign/telemetry';
import {
  createAuthority,
  issueCertificate,
  startNats,
  type IssuedCertificate,
  type KeyAndCertificate,
  type NatsServer,
  waitUntil,
} from '@countersign/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createGateway, type GatewayOptions } from './gateway.ts';
import { inputOf } from './route-input.ts';
import { ROUTES } from './routes.ts';

const SECRET = 'tKq7dUoXw3-canary_secret-9f2';
const KEY = `csk_demo1_${SECRET}`;
const OTHER_KEY = 'csk_other1_AAAAAAAAAAAAAAAAAAAA';
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const AS_DEMO = bearer(KEY);
const JSON_TYPE = { 'content-type': 'application/json' };

const folder = mkdtempSync(join(tmpdir(), 'gateway-'));
const log: string[] = [];
let nats: NatsServer;
let serverBus: Bus;
let gatewayBus: Bus;
let serving: Serving;
let authority: KeyAndCertificate;
let certificate: IssuedCertificate;
const gateways: { server: HttpServer; port: number }[] = [];
const agents: Agent[] = [];

/** What the stand-in for app-server was asked since the test began. */
let asked: { operation: string; input: unknown; request: CallRequest }[] = [];
type Respond = (operation: Operation, input: unknown, request: CallRequest) => unknown;
/** The operation's example, about the challenge that was asked for. */
const respondWithExample = (operation: Operation, input: unknown): unknown => {
  const { challengeId } = input as { challengeId?: string };
  const example = exampleOf(operation.output);
  return challengeId === undefined ? example : { ...(example as object), challengeId };
};
let respond: Respond = respondWithExample;

beforeAll(async () => {
  nats = await startNats({ storeDir: folder });
  serverBus = await connectBus({ servers: [nats.url], name: 'app-1' });
  gatewayBus = await connectBus({ servers: [nats.url], name: 'gateway' });
  const operations = [...ROUTES.map((route) => route.operation), keysJwks, messageStatus];
  const standIn = (operation: Operation) =>
    endpoint(
      operation,
      async (input, request) => {
        asked.push({ operation: operation.name, input, request });
        return respond(operation, input, request);
      },
      operation === challengeGet ? { maxInFlight: 10_000 } : {},
    );
  serving = await serve(serverBus, operations.map(standIn), {
    queue: 'app-server',
    replica: 'app-1',
    maxInFlight: 10_000,
    logger: createLogger({ service: 'app', replica: 'app-1', level: 'silent' }),
  });
  authority = await createAuthority({ commonName: 'test authority', now: Date.now() });
  certificate = await issueCertificate(authority, { commonName: 'localhost', usage: 'server', now: Date.now() });
});
afterEach(async () => {
  for (const agent of agents.splice(0)) agent.destroy();
  for (const { server } of gateways.splice(0)) await server.drain({ timeoutMs: 100 });
  asked = [];
  respond = respondWithExample;
});
afterAll(async () => {
  await serving.drain();
  await Promise.all([serverBus.drain(), gatewayBus.drain()]);
  await nats.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function start(options: Partial<GatewayOptions> = {}): Promise<number> {
  const server = createGateway({
    replica: 'gateway-1',
    publicUrl: 'https://mfa.example.com',
    bus: gatewayBus,
    logger: createLogger({
      service: 'gateway',
      replica: 'gateway-1',
      level: 'debug',
      destination: { write: (line) => void log.push(line) },
    }),
    metrics: createMetrics({ service: 'gateway', replica: 'gateway-1', processMetrics: false }),
    now: () => Date.now(),
    certificate: certificate.certificatePem,
    key: certificate.keyPem,
    maxInFlight: 1000,
    maxWaiting: 100,
    ...options,
  });
  const port = await server.listen({ port: 0, host: '127.0.0.1' });
  gateways.push({ server, port });
  return port;
}

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  json(): Record<string, unknown>;
}

interface Ask {
  headers?: Record<string, string | string[]>;
  body?: unknown;
  agent?: Agent;
}

function agent(options: object = {}): Agent {
  const made = new Agent({ ca: authority.certificatePem, keepAlive: true, maxSockets: 100, ...options });
  agents.push(made);
  return made;
}

function ask(port: number, method: string, path: string, options: Ask = {}): Promise<Answer> {
  const { body } = options;
  const bytes = body === undefined || Buffer.isBuffer(body) || typeof body === 'string' ? body : JSON.stringify(body);
  const headers = {
    ...AS_DEMO,
    ...(bytes !== undefined && { ...JSON_TYPE, 'content-length': String(Buffer.byteLength(bytes)) }),
    ...options.headers,
  };
  return new Promise((resolve, reject) => {
    const sent = httpsRequest(
      { host: '127.0.0.1', servername: 'localhost', port, method, path, headers, agent: options.agent ?? agent() },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          const json = () => JSON.parse(text) as Record<string, unknown>;
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json });
        });
      },
    );
    sent.on('error', reject);
    sent.end(bytes);
  });
}

const USER = '1b4e28ba-2fa1-4d9a-8f1c-0c2d7f3a9e11';
const CHALLENGE = exampleOf(ChallengeId) as string;
const fill = (path: string) =>
  path.replaceAll(/\{(\w+)\}/g, (_, name: string) => (name === 'challengeId' ? CHALLENGE : USER));

describe('routes', () => {
  test.each(ROUTES.map((route) => [`${route.method} ${route.path}`, route] as const))(
    '%s asks for its operation and answers with its status',
    async (_, route) => {
      const port = await start();
      const { body, query } = inputOf(route);
      const branches = body?.anyOf;
      const example = body === undefined ? undefined : exampleOf(branches?.[0] ?? body);
      const parameters = query.map(({ name, schema }) => `${name}=${schema.type === 'integer' ? 1 : 'x'}`).join('&');
      const path = fill(route.path) + (parameters === '' ? '' : `?${parameters}`);
      const answer = await ask(port, route.method, path, { body: example });
      expect(answer.status).toBe(route.status);
      expect(answer.json()).toEqual(exampleOf(route.operation.output));
      expect(answer.headers['countersign-replica']).toBe('gateway-1, app-1');
      expect(answer.headers['cache-control']).toBe('no-store');
      expect(asked.map((one) => one.operation)).toEqual([route.operation.name]);
      expect(asked[0]?.input).toMatchObject(example ?? {});
    },
  );

  test('what app-server refuses comes out as its problem, with Retry-After', async () => {
    const port = await start();
    respond = () => {
      throw new MfaError('TRY_LATER', { retryAfterSeconds: 30, detail: 'Wait half a minute.', reason: 'inside only' });
    };
    const answer = await ask(port, 'POST', '/v1/challenges/c/verify', { body: { code: '492039' } });
    expect(answer.status).toBe(429);
    expect(answer.headers['retry-after']).toBe('30');
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(answer.json()).toMatchObject({ code: 'TRY_LATER', detail: 'Wait half a minute.' });
    expect(answer.text).not.toContain('inside only');
  });

  test.each([
    ['POST', '/v1/challenges/c/verify', { challengeId: 'd', state: 'approved', result: 'signed' }, { code: '492039' }],
    ['POST', '/v1/challenges/c/claim', { challengeId: 'd', state: 'approved', result: 'signed' }, undefined],
    ['GET', '/v1/challenges/c?wait=1', { challengeId: 'd', state: 'approved' }, undefined],
    ['GET', `/v1/users/${USER}`, { userId: USER.replace('1b', '2c'), username: 'mallory' }, undefined],
  ] as const)('R14: %s %s: an answer about something else is none, and nothing of it leaves', async (...route) => {
    const [method, path, output, body] = route;
    const port = await start();
    respond = () => output;
    const answer = await ask(port, method, path, { body });
    expect([answer.status, answer.json()['code']]).toEqual([500, 'INTERNAL']);
    expect(answer.text).not.toMatch(/signed|approved|mallory/);
  });

  test('R6: an exception, or an answer that is none, is INTERNAL and nothing of it leaves', async () => {
    const port = await start();
    respond = () => {
      throw new Error('SELECT secret');
    };
    const answer = await ask(port, 'POST', '/v1/challenges/c/verify', { body: { code: '492039' } });
    expect([answer.status, answer.json()['code']]).toEqual([500, 'INTERNAL']);
    expect(answer.text).not.toContain('secret');
  });
});

describe('callers', () => {
  const start_ = { body: { username: 'alice' } };

  test('an API key goes on as its id and a digest, never as its secret', async () => {
    const port = await start();
    await ask(port, 'POST', '/v1/challenges', start_);
    expect(asked[0]?.request.credential).toEqual(credentialFromApiKey(KEY));
    expect(JSON.stringify(asked)).not.toContain(SECRET);
  });

  test.each([
    ['nothing', {}],
    ['an empty header', { authorization: '' }],
    ['a key without a scheme', { authorization: KEY }],
    ['another scheme', { authorization: `Basic ${Buffer.from('a:b').toString('base64')}` }],
    ['half a key', bearer('csk_demo1')],
    ['a garbled key', bearer('csk_demo1_!!!!!!!!!!!!!!!!!!!!')],
    ['two keys', bearer(`${KEY}, ${KEY}`)],
    ['a key in another header', { 'x-api-key': KEY }],
  ])('%s: UNAUTHENTICATED', async (_, headers) => {
    const port = await start();
    const answer = await ask(port, 'POST', '/v1/challenges', { ...start_, headers: { authorization: [], ...headers } });
    expect([answer.status, answer.json()['code']]).toEqual([401, 'UNAUTHENTICATED']);
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
    expect(asked).toEqual([]);
  });

  test('a key in the address is not one', async () => {
    const port = await start();
    const answer = await ask(port, 'POST', `/v1/challenges?access_token=${KEY}`, {
      ...start_,
      headers: { authorization: [] },
    });
    expect(answer.status).toBe(401);
  });

  test('a stranger is refused before the body is read', async () => {
    const port = await start();
    const socket = await dial(port);
    socket.write(
      'POST /v1/challenges HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n',
    );
    expect(await hear(socket, '"UNAUTHENTICATED"')).toContain('HTTP/1.1 401');
    socket.destroy();
  });

  describe.each(['TLSv1.2', 'TLSv1.3'] as SecureVersion[])('by certificate, %s', (version) => {
    const tls = { minVersion: version, maxVersion: version };
    const client = (from: KeyAndCertificate, days?: number, now = Date.now()) =>
      issueCertificate(from, { commonName: 'client', usage: 'client', now, ...(days !== undefined && { days }) });
    const withCertificate = ({ certificatePem, keyPem }: KeyAndCertificate) =>
      agent({ ...tls, cert: certificatePem, key: keyPem });
    const anonymous = { headers: { authorization: [] } };

    test('a certificate is known by its fingerprint, whoever signed it', async () => {
      const port = await start();
      const stranger = await createAuthority({ commonName: 'another authority', now: Date.now() });
      for (const issued of [await client(authority), await client(stranger)]) {
        const answer = await ask(port, 'POST', '/v1/challenges', {
          ...start_,
          ...anonymous,
          agent: withCertificate(issued),
        });
        expect(answer.status).toBe(201);
        expect(asked.at(-1)?.request.credential).toEqual({ type: 'certificate', fingerprint: issued.fingerprint });
      }
    });

    test('with configured authorities, only what they signed counts', async () => {
      const port = await start({ clientAuthorities: authority.certificatePem });
      const stranger = await createAuthority({ commonName: 'test authority', now: Date.now() });
      const good = await ask(port, 'POST', '/v1/challenges', {
        ...start_,
        ...anonymous,
        agent: withCertificate(await client(authority)),
      });
      expect(good.status).toBe(201);
      const bad = await ask(port, 'POST', '/v1/challenges', {
        ...start_,
        ...anonymous,
        agent: withCertificate(await client(stranger)),
      });
      expect([bad.status, bad.json()['code']]).toEqual([401, 'UNAUTHENTICATED']);
    });

    test('one that has expired does not count', async () => {
      const port = await start();
      const old = await client(authority, 1, Date.now() - 3 * 86_400_000);
      const answer = await ask(port, 'POST', '/v1/challenges', {
        ...start_,
        ...anonymous,
        agent: withCertificate(old),
      });
      expect(answer.status).toBe(401);
    });

    test('an API key wins over a certificate, a bad one too', async () => {
      const port = await start();
      const issued = await client(authority);
      await ask(port, 'POST', '/v1/challenges', { ...start_, agent: withCertificate(issued) });
      expect(asked[0]?.request.credential?.type).toBe('apiKey');
      const garbled = await ask(port, 'POST', '/v1/challenges', {
        ...start_,
        headers: bearer('garbled'),
        agent: withCertificate(issued),
      });
      expect(garbled.status).toBe(401);
    });

    test('a session without a certificate that is resumed is still nobody', async () => {
      for (const clientAuthorities of [undefined, authority.certificatePem]) {
        const port = await start(clientAuthorities === undefined ? {} : { clientAuthorities });
        const first = await dial(port, tls);
        first.write(POST_WITHOUT_KEY);
        expect(await hear(first, '"code"')).toContain('HTTP/1.1 401');
        const resumed = await dial(port, { ...tls, session: await sessions.get(first) });
        expect(resumed.isSessionReused()).toBe(true);
        resumed.write(POST_WITHOUT_KEY);
        expect(await hear(resumed, '"code"')).toContain('HTTP/1.1 401');
        first.destroy();
        resumed.destroy();
      }
    });

    test('a session with a certificate that is resumed is the same caller', async () => {
      const port = await start();
      const issued = await client(authority);
      const options = { ...tls, cert: issued.certificatePem, key: issued.keyPem };
      const first = await dial(port, options);
      first.write(POST_WITHOUT_KEY);
      await hear(first, '"challengeId"');
      const resumed = await dial(port, { ...options, session: await sessions.get(first) });
      resumed.write(POST_WITHOUT_KEY);
      await hear(resumed, '"challengeId"');
      expect(asked.map((one) => one.request.credential)).toEqual(
        [1, 2].map(() => ({ type: 'certificate', fingerprint: issued.fingerprint })),
      );
      first.destroy();
      resumed.destroy();
    });
  });

  test('TLS before 1.2 is refused', async () => {
    const port = await start();
    await expect(
      dial(port, { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }),
    ).rejects.toThrow(/./);
  });
});

const POST_WITHOUT_KEY =
  'POST /v1/challenges HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{"username":"alice"}';

function dial(port: number, options: object = {}): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, ca: authority.certificatePem, ...options }, () =>
      resolve(socket),
    );
    socket.once('error', reject);
    sessions.set(socket, new Promise((got) => socket.once('session', got)));
  });
}

/** TLS 1.2 gives its session before the handshake is over, TLS 1.3 some time after. */
const sessions = new WeakMap<TLSSocket, Promise<Buffer>>();

/** Everything that came, as soon as it holds the text or the connection ends. */
function hear(socket: TLSSocket, text: string): Promise<string> {
  return new Promise((resolve) => {
    let heard = '';
    socket.on('data', (chunk: Buffer) => {
      heard += chunk.toString('utf8');
      if (heard.includes(text)) resolve(heard);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(heard));
  });
}

describe('bad input: each gets its code, never a 500, and never crosses the bus', () => {
  const verify = '/v1/challenges/c/verify';
  const MIB = 1024 * 1024;
  const bad: [string, string, string, Ask, string][] = [
    ['an empty body', 'POST', verify, { headers: JSON_TYPE }, '/code'],
    ['an empty object', 'POST', verify, { body: {} }, '/code'],
    ['1 MiB', 'POST', verify, { body: `{"code":"${'1'.repeat(MIB)}"}` }, ''],
    ['a code of 65 characters', 'POST', verify, { body: { code: '1'.repeat(65) } }, '/code'],
    ['a number for a code', 'POST', verify, { body: { code: 492039 } }, '/code'],
    ['null for a code', 'POST', verify, { body: { code: null } }, '/code'],
    ['a list', 'POST', verify, { body: ['492039'] }, ''],
    ['a text', 'POST', verify, { body: '"492039"' }, ''],
    ['an unknown field', 'POST', verify, { body: { code: '492039', admin: true } }, '/admin'],
    [
      'an unknown field, deep',
      'POST',
      '/v1/challenges',
      { body: { username: 'a', context: { mac: 1 } } },
      '/context/mac',
    ],
    ['__proto__', 'POST', verify, { body: '{"code":"1","__proto__":{"x":1}}' }, ''],
    ['a field twice', 'POST', verify, { body: '{"code":"1","code":"2"}' }, ''],
    ['no content type', 'POST', verify, { body: '{"code":"1"}', headers: { 'content-type': [] } }, 'Content-Type'],
    [
      'a form',
      'POST',
      verify,
      { body: 'code=1', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      'Content-Type',
    ],
    ['JSON that ends early', 'POST', verify, { body: '{"code":"1"' }, ''],
    ['invalid UTF-8', 'POST', verify, { body: Buffer.from('{"code":"\xff"}', 'latin1') }, ''],
    ['NUL', 'POST', verify, { body: '{"code":"\\u0000"}' }, ''],
    ['NUL in a name', 'POST', '/v1/challenges', { body: '{"username":"alice\\u0000"}' }, ''],
    ['a lone surrogate', 'POST', '/v1/challenges', { body: '{"username":"\\ud800"}' }, ''],
    ['a username of 1,025 characters', 'POST', '/v1/challenges', { body: { username: 'a'.repeat(1025) } }, '/username'],
    ['an unknown method', 'POST', '/v1/challenges', { body: { username: 'a', method: 'fax' } }, '/method'],
    ['NUL in the address', 'POST', '/v1/challenges/a%00b/cancel', {}, 'challengeId'],
    ['invalid UTF-8 in the address', 'POST', '/v1/challenges/%ff/cancel', {}, 'address'],
    ['a user id that is none', 'GET', '/v1/users/alice', {}, 'userId'],
    ['a wait that is no number', 'GET', '/v1/challenges/c?wait=long', {}, 'wait'],
    ['a wait that is too long', 'GET', '/v1/challenges/c?wait=3600', {}, 'wait'],
    ['a wait given twice', 'GET', '/v1/challenges/c?wait=1&wait=2', {}, 'wait'],
    ['an unknown parameter', 'GET', '/v1/users?name=alice', {}, 'name'],
    ['invalid UTF-8 in a parameter', 'GET', '/v1/users?username=%C3', {}, 'query'],
    [
      'an empty Idempotency-Key',
      'POST',
      '/v1/challenges',
      { body: { username: 'a' }, headers: { 'idempotency-key': '' } },
      'Idempotency-Key',
    ],
    [
      'an Idempotency-Key of 129',
      'POST',
      '/v1/challenges',
      { body: { username: 'a' }, headers: { 'idempotency-key': 'x'.repeat(129) } },
      'Idempotency-Key',
    ],
    [
      'an Idempotency-Key with a blank',
      'POST',
      '/v1/challenges',
      { body: { username: 'a' }, headers: { 'idempotency-key': 'a b' } },
      'Idempotency-Key',
    ],
    [
      'two Idempotency-Keys',
      'POST',
      '/v1/challenges',
      { body: { username: 'a' }, headers: { 'idempotency-key': ['a', 'b'] } },
      'Idempotency-Key',
    ],
  ];
  test.each(bad)('%s', async (_, method, path, options, pointer) => {
    const port = await start();
    const answer = await ask(port, method, path, options);
    expect([answer.status, answer.json()['code']]).toEqual([400, 'REQUEST_INVALID']);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    const invalid = answer.json()['invalid'] as { pointer: string }[] | undefined;
    if (pointer !== 'address') expect(invalid?.map((field) => field.pointer)).toContain(pointer);
    expect(asked).toEqual([]);
    const again = await ask(port, method, path, options);
    const { instance: _one, ...first } = answer.json();
    const { instance: _two, ...second } = again.json();
    expect(second).toEqual(first);
  });

  test('a connection goes on after a refused mebibyte', async () => {
    const port = await start();
    const one = agent({ maxSockets: 1 });
    const big = await ask(port, 'POST', verify, { body: `{"code":"${'1'.repeat(MIB)}"}`, agent: one });
    expect(big.status).toBe(400);
    expect((await ask(port, 'POST', verify, { body: { code: '1' }, agent: one })).status).toBe(200);
  });

  test.each([
    ['GET', '/'],
    ['GET', '/v1'],
    ['GET', '/v2/challenges'],
    ['PUT', '/v1/challenges'],
    ['GET', '/v1/challenges'],
    ['DELETE', '/v1/challenges/c'],
    ['POST', '/v1/applications'],
    ['POST', '/v1/challenges/c/verify/'],
    ['GET', '/metrics/'],
  ])('%s %s is ROUTE_NOT_FOUND', async (method, path) => {
    const port = await start();
    const answer = await ask(port, method, path);
    expect([answer.status, answer.json()['code']]).toEqual([404, 'ROUTE_NOT_FOUND']);
  });

  test.each([
    ['a slow header (R29)', 'POST /v1/challenges HTTP/1.1\r\nHost:'],
    [
      'a slow body (R29)',
      `POST /v1/challenges HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${KEY}\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{"user`,
    ],
  ])('%s is cut with REQUEST_INVALID', async (_, text) => {
    const port = await start({ limits: { headersTimeoutMs: 300, requestTimeoutMs: 600, checkEveryMs: 50 } });
    const socket = await dial(port);
    socket.write(text);
    const heard = await hear(socket, 'never');
    expect(heard).toMatch(/^HTTP\/1\.1 400 /);
    expect(heard).toContain('"code":"REQUEST_INVALID"');
    expect(asked).toEqual([]);
  });
});

describe('attempts', () => {
  const body = { username: 'alice' };

  test('every request has an attempt of its own; an Idempotency-Key is handed on as it came', async () => {
    const port = await start();
    const key = `!${'x'.repeat(126)}~`;
    await ask(port, 'POST', '/v1/challenges', { body });
    await ask(port, 'POST', '/v1/challenges', { body, headers: { 'idempotency-key': key } });
    await ask(port, 'POST', '/v1/challenges', { body, headers: { 'idempotency-key': key } });
    expect(asked.map((one) => one.request.idempotencyKey)).toEqual([undefined, key, key]);
    expect(new Set(asked.map((one) => one.request.attemptId)).size).toBe(3);
  });

  test('reading takes no Idempotency-Key', async () => {
    const port = await start();
    await ask(port, 'GET', '/v1/challenges/c', { headers: { 'idempotency-key': 'a b' } });
    expect(asked[0]?.request.idempotencyKey).toBeUndefined();
  });

  test('the trace of the caller goes on', async () => {
    const port = await start();
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    await ask(port, 'POST', '/v1/challenges', { body, headers: { traceparent } });
    expect(asked[0]?.request.traceparent).toContain('0af7651916cd43dd8448eb211c80319c');
  });
});

describe('bounds', () => {
  test('R29: one caller has at most a quarter of the waiting places; others still wait, and nobody else is hindered', async () => {
    const port = await start({ maxWaiting: 8 });
    respond = (operation, input) => delay(operation === challengeGet ? 800 : 0, respondWithExample(operation, input));
    const wait = (key: string) => ask(port, 'GET', '/v1/challenges/c?wait=30', { headers: bearer(key) });
    const held = [wait(KEY), wait(KEY)];
    await delay(200);
    const third = await wait(KEY);
    expect([third.status, third.json()['code'], third.headers['retry-after']]).toEqual([429, 'TRY_LATER', '1']);
    expect((await ask(port, 'POST', '/v1/challenges', { body: { username: 'a' } })).status).toBe(201);
    expect((await wait(OTHER_KEY)).status).toBe(200);
    expect((await Promise.all(held)).map((answer) => answer.status)).toEqual([200, 200]);
    expect((await wait(KEY)).status).toBe(200);
  });

  test('R29: knowing the id of a key is not enough to take its places', async () => {
    const port = await start({ maxWaiting: 8 });
    respond = (operation, input) => delay(500, respondWithExample(operation, input));
    const wait = (key: string) => ask(port, 'GET', '/v1/challenges/c?wait=30', { headers: bearer(key) });
    const thief = [wait('csk_demo1_wrongwrongwrongwrong'), wait('csk_demo1_wrongwrongwrongwrong')];
    await delay(200);
    expect((await wait(KEY)).status).toBe(200);
    await Promise.all(thief);
  });

  test('R29: who says to be a carrier has the share of its address, and hinders no caller', async () => {
    const port = await start({ maxInFlight: 8 });
    const held = Promise.withResolvers<object>();
    respond = (operation, input) => (operation === messageStatus ? held.promise : respondWithExample(operation, input));
    const post = () => ask(port, 'POST', '/v1/carriers/twilio/status', { headers: { authorization: [] }, body: 'x' });
    let refused = 0;
    const posts = Array.from({ length: 8 }, async () => {
      const { status } = await post();
      refused += status === 503 ? 1 : 0;
      return status;
    });
    await waitUntil(() => refused === 6, { what: 'all but a quarter of the places to be refused' });
    expect((await ask(port, 'POST', '/v1/challenges', { body: { username: 'a' } })).status).toBe(201);
    held.resolve({});
    expect((await Promise.all(posts)).toSorted((a, b) => a - b)).toEqual([204, 204, 503, 503, 503, 503, 503, 503]);
    expect((await post()).status).toBe(204);
  });

  test('R26: what is more than the gateway takes is refused at once, with Retry-After', async () => {
    const port = await start({ maxInFlight: 5 });
    // No place is free again before all of them have come, however slow the machine.
    const held = Promise.withResolvers<undefined>();
    respond = async (operation, input) => (await held.promise) ?? respondWithExample(operation, input);
    let refused = 0;
    const many = Array.from({ length: 20 }, async () => {
      const answer = await ask(port, 'POST', '/v1/challenges', { body: { username: 'a' } });
      refused += answer.status === 503 ? 1 : 0;
      return answer;
    });
    await waitUntil(() => refused === 15, { what: 'all but the places to be refused' });
    held.resolve(undefined);
    const shed = (await Promise.all(many)).filter((answer) => answer.status !== 201);
    expect(shed).toHaveLength(15);
    for (const answer of shed) {
      expect([answer.status, answer.json()['code'], answer.headers['retry-after']]).toEqual([503, 'UNAVAILABLE', '1']);
    }
    expect((await ask(port, 'POST', '/v1/challenges', { body: { username: 'a' } })).status).toBe(201);
  });

  test('R26: a gateway that cannot keep up refuses what is new, and answers what ends a challenge', async () => {
    const port = await start({ strain: { isStrained: () => true } });
    const begun = await ask(port, 'POST', '/v1/challenges', { body: { username: 'a' } });
    expect([begun.status, begun.json()['code'], begun.headers['retry-after']]).toEqual([503, 'UNAVAILABLE', '3']);
    expect(asked).toEqual([]);
    const path = `/v1/challenges/${CHALLENGE}`;
    expect((await ask(port, 'POST', `${path}/verify`, { body: { code: '123456' } })).status).toBe(200);
    expect((await ask(port, 'GET', path)).status).toBe(200);
  });

  test('a gateway that stops refuses what it has no answer to by then, and hangs up on nobody', async () => {
    const port = await start();
    const [gateway] = gateways;
    respond = () => delay(4000);
    const asking = ask(port, 'POST', '/v1/challenges', { body: { username: 'a' } });
    await delay(200);
    await gateway?.server.drain({ timeoutMs: 1000 });
    gateways.splice(0);
    expect([(await asking).status, (await asking).json()['code']]).toEqual([503, 'UNAVAILABLE']);
  });

  test('a gateway that stops answers those who wait with how things stand', async () => {
    const port = await start();
    const [gateway] = gateways;
    respond = (operation, input) =>
      (input as { waitSeconds?: number }).waitSeconds === 0
        ? respondWithExample(operation, input)
        : delay(9000, respondWithExample(operation, input));
    const waiting = ask(port, 'GET', '/v1/challenges/c?wait=30');
    await delay(200);
    const startedAt = performance.now();
    await gateway?.server.drain({ timeoutMs: 5000 });
    gateways.splice(0);
    expect((await waiting).json()).toMatchObject({ state: 'pending' });
    expect(performance.now() - startedAt).toBeLessThan(2000);
  });
});

describe('public addresses', () => {
  const nobody = { headers: { authorization: [] } };

  test('the key set may be cached, is asked for once, and outlives a silence of app-server', async () => {
    let now = Date.now();
    const port = await start({ now: () => now });
    const jwks = { keys: [{ kid: 'k1' }] };
    respond = () => jwks;
    const answers = await Promise.all([1, 2, 3].map(() => ask(port, 'GET', '/.well-known/jwks.json', nobody)));
    for (const answer of answers) {
      expect(answer.json()).toEqual(jwks);
      expect(answer.headers['cache-control']).toBe('public, max-age=300');
      expect(answer.headers['content-type']).toBe('application/jwk-set+json');
    }
    expect(asked).toHaveLength(1);
    now += 31_000;
    respond = () => {
      throw new MfaError('UNAVAILABLE');
    };
    expect((await ask(port, 'GET', '/.well-known/jwks.json', nobody)).json()).toEqual(jwks);
    now += 3_600_000;
    const silent = await ask(port, 'GET', '/.well-known/jwks.json', nobody);
    expect(silent.status).toBe(503);
    expect(silent.headers['cache-control']).toBe('no-store');
  });

  test("a carrier's bytes and signature go on as they came, and nothing else does", async () => {
    const port = await start();
    respond = () => ({});
    const answer = await ask(port, 'POST', '/v1/carriers/twilio/status?x=%2F1', {
      body: 'MessageSid=SM1&Body=\xff',
      headers: {
        authorization: [],
        'content-type': 'application/x-www-form-urlencoded',
        'x-twilio-signature': 'c2ln',
        cookie: 'session=1',
        'x-forwarded-for': '198.51.100.1',
      },
    });
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect(asked[0]?.input).toEqual({
      carrier: 'twilio',
      path: '/v1/carriers/twilio/status?x=%2F1',
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-twilio-signature': 'c2ln' },
      body: Buffer.from('MessageSid=SM1&Body=\xff').toString('base64'),
    });
    const long = await ask(port, 'POST', '/v1/carriers/twilio/status', { ...nobody, body: 'x'.repeat(50_000) });
    expect(long.status).toBe(400);
  });

  test('OpenAPI, health and metrics answer without a key', async () => {
    const port = await start();
    expect((await ask(port, 'GET', '/v1/openapi.json', nobody)).json()).toMatchObject({ openapi: '3.1.0' });
    expect((await ask(port, 'GET', '/health/live', nobody)).status).toBe(200);
    expect((await ask(port, 'GET', '/health/ready', nobody)).json()).toEqual({
      status: 'ok',
      checks: [{ name: 'bus', ok: true }],
    });
    expect((await ask(port, 'GET', '/metrics', nobody)).text).toContain('countersign_http_request_seconds');
  });

  test('without NATS: alive and not ready', async () => {
    const lost = await connectBus({ servers: [nats.url], name: 'lost' });
    const port = await start({ bus: lost });
    await lost.nats.close();
    expect((await ask(port, 'GET', '/health/ready', nobody)).status).toBe(503);
    expect((await ask(port, 'GET', '/health/live', nobody)).status).toBe(200);
  });

  test('R28: the Host header comes back nowhere', async () => {
    const port = await start();
    const headers = { host: 'evil.example', 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example' };
    for (const path of [
      '/v1/openapi.json',
      '/v1/nothing',
      '/v1/challenges/c',
      '/.well-known/jwks.json',
      '/health/ready',
    ]) {
      const answer = await ask(port, 'GET', path, { headers });
      expect(answer.text + JSON.stringify(answer.headers)).not.toContain('evil');
    }
  });
});

test('R25: 10,000 overlapping requests of two callers, each gets its own answer', async () => {
  const port = await start({ maxInFlight: 20_000 });
  respond = async (_operation, input, { credential, attemptId }) => {
    await delay(attemptId.charCodeAt(0) % 4);
    return { echo: input, keyId: credential?.type === 'apiKey' ? credential.keyId : '' };
  };
  const shared = agent({ maxSockets: 200 });
  const one = async (n: number) => {
    const isEven = n % 2 === 0;
    const answer = await ask(port, 'POST', '/v1/challenges', {
      body: { username: `user-${n}` },
      headers: bearer(isEven ? KEY : OTHER_KEY),
      agent: shared,
    });
    const { echo, keyId } = answer.json() as { echo: { username: string }; keyId: string };
    return echo.username === `user-${n}` && keyId === (isEven ? 'demo1' : 'other1');
  };
  const outcomes: boolean[] = [];
  let next = 0;
  const worker = async () => {
    for (let n = next++; n < 10_000; n = next++) outcomes.push(await one(n));
  };
  await Promise.all(Array.from({ length: 200 }, worker));
  expect(outcomes.filter((right) => right)).toHaveLength(10_000);
});

test('R24: no key, code or name that went through these tests is in the log', () => {
  const all = log.join('');
  expect(log.length).toBeGreaterThan(100);
  expect(all).toContain('"route":"/v1/challenges/:challengeId/verify"');
  for (const canary of [SECRET, OTHER_KEY, '492039', 'alice', 'SELECT', 'evil.example'])
    expect(all).not.toContain(canary);
});
