import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connectBus, credentialFromApiKey, endpoint, serve, type Bus, type CallRequest } from '@countersign/bus';
import {
  deviceLook,
  MAX_DEVICE_BODY_BYTES,
  MfaError,
  PHONE_HINTS,
  type ErrorCode,
  type Operation,
  type SignedRequest,
} from '@countersign/contracts';
import {
  generateKeyPair,
  importPublicKey,
  parseSignature,
  signRequest,
  thumbprintOf,
  verifyRequest,
  type KeyPair,
} from '@countersign/device-protocol';
import { exampleOf, type EdgeServer } from '@countersign/edge';
import { createMetrics, silentLogger, type Metrics } from '@countersign/telemetry';
import {
  createAuthority,
  issueCertificate,
  startNats,
  waitUntil,
  type IssuedCertificate,
  type NatsServer,
} from '@countersign/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createMobileService, type MobileServiceOptions } from './mobile-service.ts';
import { ACTIVATION_ROUTES, DEVICE_ROUTES } from './routes.ts';

const AUTHORITY = 'phones.example.com';
const folder = mkdtempSync(join(tmpdir(), 'mobile-'));
const pages = join(folder, 'pages');
const agent = new Agent({ keepAlive: true, rejectUnauthorized: false });
const encoder = new TextEncoder();
let nats: NatsServer;
let serverBus: Bus;
let edgeBus: Bus;
let certificate: IssuedCertificate;
let phone: KeyPair;
let running: { service: EdgeServer; metrics: Metrics }[] = [];
let port = 0;

/** What the stand-in for app-server was asked since the test began. */
let asked: { operation: string; input: Record<string, unknown>; request: CallRequest }[] = [];
type Respond = (operation: Operation, input: Record<string, unknown>, request: CallRequest) => unknown;
const respondWithExample: Respond = ({ output }) => exampleOf(output);
let respond = respondWithExample;

beforeAll(async () => {
  nats = await startNats({ storeDir: join(folder, 'nats') });
  serverBus = await connectBus({ servers: [nats.url], name: 'app-1' });
  edgeBus = await connectBus({ servers: [nats.url], name: 'mobile' });
  const operations = [...[...ACTIVATION_ROUTES, ...DEVICE_ROUTES].map(({ operation }) => operation), deviceLook];
  const endpoints = operations.map((operation) =>
    endpoint(
      operation,
      async (input, request) => {
        asked.push({ operation: operation.name, input: input as Record<string, unknown>, request });
        return respond(operation, input as Record<string, unknown>, request);
      },
      { maxInFlight: 10_000 },
    ),
  );
  const options = { queue: 'app-server', replica: 'app-1', maxInFlight: 10_000, logger: silentLogger() };
  await serve(serverBus, endpoints, options);
  mkdirSync(join(pages, 'assets'), { recursive: true });
  mkdirSync(join(pages, 'icons'));
  const files = {
    'index.html': '<!doctype html><script type="module" nonce="__NONCE__" src="/app/assets/a.js"></script>',
    'assets/a.js': 'export {}',
    'sw.js': 'self.skipWaiting()',
    'manifest.webmanifest': '{}',
    'icons/192.png': 'png',
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(pages, name), text);
  const authority = await createAuthority({ commonName: 'test', now: Date.now() });
  certificate = await issueCertificate(authority, { commonName: 'localhost', usage: 'server', now: Date.now() });
  phone = await generateKeyPair();
});
beforeEach(async () => {
  asked = [];
  respond = respondWithExample;
  port = await start();
});
afterEach(async () => {
  await Promise.all(running.map(({ service }) => service.drain({ timeoutMs: 100 })));
  running = [];
});
afterAll(async () => {
  agent.destroy();
  await Promise.all([serverBus.drain(), edgeBus.drain()]);
  await nats.kill();
  rmSync(folder, { recursive: true, force: true });
});

async function start(options: Partial<MobileServiceOptions> = {}): Promise<number> {
  const credential = credentialFromApiKey('csk_mobile_AAAAAAAAAAAAAAAAAAAA');
  if (credential === undefined) throw new Error('no key');
  const metrics = createMetrics({ service: 'mobile-app-web-service', replica: 'mobile-1', processMetrics: false });
  const service = createMobileService({
    replica: 'mobile-1',
    publicUrl: 'https://Phones.example.com:443',
    bus: edgeBus,
    credential,
    logger: silentLogger(),
    metrics,
    now: () => Date.now(),
    certificate: certificate.certificatePem,
    key: certificate.keyPem,
    pages,
    maxInFlight: 1000,
    maxWaiting: 1000,
    activationsPerMinute: 1000,
    ...options,
  });
  running.push({ service, metrics });
  return service.listen({ port: 0, host: '127.0.0.1' });
}

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  body: { code?: ErrorCode; [name: string]: unknown };
}
interface Ask {
  method?: string;
  /** Pairs where one comes twice. */
  headers?: Record<string, string> | string[];
  body?: string | Buffer;
  signal?: AbortSignal;
  to?: number;
}

function ask(path: string, { method = 'POST', headers = {}, body, signal, to = port }: Ask = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options: RequestOptions = { host: '127.0.0.1', port: to, path, method, agent };
    const sent = httpsRequest({ ...options, headers, ...(signal !== undefined && { signal }) }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        const isJson = String(response.headers['content-type']).includes('json');
        const parsed = isJson && text !== '' ? (JSON.parse(text) as Answer['body']) : {};
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, body: parsed });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

const JSON_TYPE = { 'content-type': 'application/json' };
const say = (path: string, value: unknown, headers: Record<string, string> = {}) =>
  ask(path, { headers: { ...JSON_TYPE, ...headers }, body: JSON.stringify(value) });

/** As a phone makes it. */
async function signed(path: string, body: string, query = '?'): Promise<Record<string, string>> {
  const headers = await signRequest(
    { method: 'POST', authority: AUTHORITY, path, query, body: encoder.encode(body) },
    {
      privateKey: phone.privateKey,
      keyId: await thumbprintOf(phone.publicKey),
      createdAt: Math.floor(Date.now() / 1000),
      nonce: randomBytes(16).toString('base64url'),
    },
  );
  return { ...JSON_TYPE, ...headers, 'content-digest': headers['content-digest'] ?? '' };
}
const send = async (path: string, body: string, more: Ask = {}) =>
  ask(path, { ...more, headers: await signed(path, body), body });
const poll = (wait: number, more?: Ask) => send('/v1/device/poll', JSON.stringify({ keySet: 1, wait }), more);

/** Whether what reached app-server is what the phone signed. */
async function isAsSigned(request: SignedRequest): Promise<boolean> {
  const headers = { 'signature-input': request.signatureInput, signature: request.signature };
  const signature = parseSignature(headers, true);
  const key = await importPublicKey(phone.publicKey);
  if (signature === undefined || key === undefined) return false;
  const body = encoder.encode(request.body);
  return verifyRequest({ ...request, body }, signature, request.contentDigest, key);
}
const requestOf = (index: number) => asked[index]?.input['request'] as SignedRequest;

async function gauge(name: string, index = 0): Promise<number> {
  const text = await running[index]?.metrics.text();
  return Number(new RegExp(`^countersign_mobile_requests_${name}\\S* (\\d+)$`, 'm').exec(text ?? '')?.[1] ?? -1);
}
const held = (count: number, index = 0) =>
  waitUntil(async () => (await gauge('waiting', index)) === count, { what: `${count} phones to wait` });

describe('signed requests', () => {
  test.each(DEVICE_ROUTES.map((route) => [route.path, route] as const))(
    '%s: what was signed reaches app-server as it was, and its answer comes back as it is',
    async (path, { operation }) => {
      // No serializer of ours would write it like this.
      const body = '{ "keySet": 1,\n"wait":0, "text": "\\u00e9é\u{1f511}" }';
      const answer = await send(path, body);
      expect([answer.status, answer.body]).toEqual([200, exampleOf(operation.output)]);
      expect(answer.headers['countersign-replica']).toBe('mobile-1, app-1');
      expect(asked.map((one) => one.operation)).toEqual([operation.name]);
      expect(requestOf(0)).toMatchObject({ method: 'POST', authority: AUTHORITY, path, query: '?', body });
      expect(await isAsSigned(requestOf(0))).toBe(true);
      expect(await isAsSigned({ ...requestOf(0), body: JSON.stringify(JSON.parse(body)) })).toBe(false);
    },
  );

  test('the query goes along as it was signed', async () => {
    const [path, query, body] = ['/v1/device/poll', '?a=%7e&b', '{"keySet":1,"wait":0}'];
    const answer = await ask(path + query, { headers: await signed(path, body, query), body });
    expect(answer.status).toBe(200);
    expect(requestOf(0).query).toBe(query);
    expect(await isAsSigned(requestOf(0))).toBe(true);
  });

  test('DEV-22, R28: the name in the signature is the configured one, whatever Host says', async () => {
    const headers = await signed('/v1/device/poll', '{}');
    for (const host of ['evil.example', 'PHONES.example.com:8400']) {
      await ask('/v1/device/poll', { headers: { ...headers, host, 'x-forwarded-host': host }, body: '{}' });
    }
    expect(asked).toHaveLength(2);
    for (const index of [0, 1]) expect(requestOf(index).authority).toBe(AUTHORITY);
    const other = await start({ publicUrl: 'https://phones.example.com:8443' });
    await ask('/v1/device/poll', { headers, body: '{}', to: other });
    expect(requestOf(2).authority).toBe('phones.example.com:8443');
  });

  test('each request is an attempt of its own, under the key of the service', async () => {
    const headers = await signed('/v1/device/remove', '{}');
    for (let turn = 0; turn < 2; turn += 1) await ask('/v1/device/remove', { headers, body: '{}' });
    expect(new Set(asked.map(({ request }) => request.attemptId)).size).toBe(2);
    expect(asked[0]?.request.credential).toMatchObject({ type: 'apiKey', keyId: 'mobile' });
  });

  const NAMES = ['signature-input', 'signature', 'content-digest'] as const;
  test.each([
    ...NAMES.map((name) => [`no ${name}`, (all: [string, string][]) => all.filter(([own]) => own !== name)] as const),
    ...NAMES.map(
      (name) =>
        [`${name} twice`, (all: [string, string][]) => [...all, ...all.filter(([own]) => own === name)]] as const,
    ),
    ...NAMES.map(
      (name) =>
        [
          `${name} that is too long`,
          (all: [string, string][]) => all.map(([own, value]) => [own, own === name ? 'x'.repeat(601) : value]),
        ] as const,
    ),
  ])('DEV-20: %s is refused, and nobody is asked', async (_, change) => {
    const headers = change(Object.entries(await signed('/v1/device/poll', '{}'))).flat();
    const answer = await ask('/v1/device/poll', {
      headers: ['host', AUTHORITY, ...headers, 'content-length', '2'],
      body: '{}',
    });
    expect([answer.status, answer.body.code]).toEqual([401, 'SIGNATURE_INVALID']);
    expect(asked).toEqual([]);
  });

  test.each([
    ['/v1/device/%70oll', '{}'],
    [`/v1/device/poll?${'x'.repeat(256)}`, '{}'],
    ['/v1/device/poll', Buffer.from([0x7b, 0xff, 0x7d])],
  ])('what nobody could have signed is refused: %s %s', async (path, body) => {
    const answer = await ask(path, { headers: await signed('/v1/device/poll', '{}'), body });
    expect(answer.body.code).toBe('SIGNATURE_INVALID');
    expect(asked).toEqual([]);
  });

  test('R26: a body that is too long is refused, and one that is as long as may be is not', async () => {
    const longest = `{"x":"${'x'.repeat(MAX_DEVICE_BODY_BYTES - 8)}"}`;
    expect((await send('/v1/device/answer', longest)).status).toBe(200);
    expect((await send('/v1/device/answer', `${longest} `)).body.code).toBe('REQUEST_INVALID');
    expect(asked).toHaveLength(1);
  });

  test('what app-server refuses comes out as its problem', async () => {
    respond = () => {
      throw new MfaError('CLOCK_WRONG', { reason: 'inside only' });
    };
    const before = Date.now();
    const answer = await poll(0);
    expect([answer.status, answer.body.code]).toEqual([401, 'CLOCK_WRONG']);
    expect(answer.text).not.toContain('inside only');
    const time = Number(answer.headers['countersign-time']);
    expect(time).toBeGreaterThanOrEqual(before);
    expect(time).toBeLessThanOrEqual(Date.now());
  });
});

describe('waiting', () => {
  const HINT = 'AAAAAAAAAAAAAAAAAAAAAA';
  const hint = (name = HINT) => serverBus.nats.publish(`${PHONE_HINTS}.${name}`);
  const noNews = (more: { hint?: string; forMs?: number; ticket?: string } = {}) => ({
    noNews: { hint: HINT, forMs: 20_000, ticket: 'ticket', ...more },
  });
  const askedFor = (name: string) => asked.filter(({ operation }) => operation === name);

  /** There is no news, and every other answer comes when the test says so. */
  function hang({ isOfOne = true } = {}): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    respond = async ({ name, output }, input) => {
      if (name === 'device.poll' && (input['request'] as SignedRequest).body.includes('"wait":0'))
        return exampleOf(output);
      if (name === 'device.poll') return noNews(isOfOne ? {} : { hint: crypto.randomUUID() });
      await promise;
      return exampleOf(output);
    };
    return () => {
      resolve();
      hint();
    };
  }

  test('a poll has its place among those who wait, and no call waits with it; a hint has app-server look', async () => {
    const answerNow = hang();
    const polled = poll(25);
    await held(1);
    expect(await gauge('working')).toBe(0);
    await waitUntil(() => asked.length === 1, { what: 'app-server to be asked' });
    expect((asked[0]?.request.deadline ?? 0) - Date.now()).toBeLessThan(15_000);
    await delay(200);
    hint('BBBBBBBBBBBBBBBBBBBBBB');
    await delay(100);
    expect(asked, 'by the hint for another').toHaveLength(1);
    answerNow();
    expect((await polled).status).toBe(200);
    expect(asked.slice(1).map(({ operation, input }) => [operation, input])).toEqual([
      ['device.look', { ticket: 'ticket', isHinted: true }],
    ]);
    await held(0);
  });

  test('a hint that overtakes the answer of app-server is not lost', async () => {
    respond = async ({ name, output }) => {
      if (name === 'device.look') return exampleOf(output);
      hint();
      await delay(100);
      return noNews();
    };
    const startedAt = performance.now();
    expect((await poll(25)).status).toBe(200);
    expect(performance.now() - startedAt).toBeLessThan(5000);
    expect(askedFor('device.look')[0]?.input).toEqual({ ticket: 'ticket', isHinted: true });
    const before = asked.length;
    const later = poll(25);
    await waitUntil(() => asked.length === before + 1, { what: 'app-server to be asked' });
    hint();
    await later;
    expect(askedFor('device.look'), 'one hint is one look').toHaveLength(2);
  });

  test('without a hint app-server is asked when it said so, until it has an answer, and each time with its newest ticket', async () => {
    let looks = 0;
    respond = ({ name, output }) => {
      if (name === 'device.poll') return noNews({ forMs: 50 });
      looks += 1;
      return looks < 3 ? noNews({ forMs: 50, ticket: `ticket ${looks}` }) : exampleOf(output);
    };
    expect((await poll(25)).status).toBe(200);
    expect(askedFor('device.look').map(({ input }) => input)).toEqual(
      ['ticket', 'ticket 1', 'ticket 2'].map((ticket) => ({ ticket, isHinted: false })),
    );
  });

  test('where app-server has said what a phone hears without a hint, it is not asked again; after one it is', async () => {
    const answer = { prompts: 'nothing new', keySets: [] };
    respond = ({ name, output }) =>
      name === 'device.poll' ? { noNews: { ...noNews({ forMs: 500 }).noNews, answer } } : exampleOf(output);
    expect((await poll(25)).body).toEqual(answer);
    expect(asked).toHaveLength(1);
    const hinted = poll(25);
    await waitUntil(() => asked.length === 2, { what: 'app-server to be asked' });
    hint();
    expect((await hinted).body).toEqual(exampleOf(deviceLook.output));
  });

  test('what app-server refuses after the wait comes out as its problem', async () => {
    respond = ({ name }) => {
      if (name === 'device.poll') return noNews({ forMs: 20 });
      throw new MfaError('DEVICE_UNKNOWN');
    };
    expect((await poll(25)).body.code).toBe('DEVICE_UNKNOWN');
  });

  test('a poll ends some seconds after its time, whatever app-server says', async () => {
    respond = () => noNews({ forMs: 200 });
    const startedAt = performance.now();
    expect((await poll(1)).body.code).toBe('UNAVAILABLE');
    expect(performance.now() - startedAt).toBeGreaterThan(4000);
  }, 15_000);

  test('R29: of one person 20 polls wait, and others are not kept out by them', async () => {
    const answerNow = hang();
    const polls = Array.from({ length: 20 }, () => poll(25));
    await waitUntil(() => asked.length === 20, { what: 'app-server to be asked' });
    await delay(100);
    const more = await poll(25);
    expect([more.status, more.body.code]).toEqual([429, 'TRY_LATER']);
    answerNow();
    for (const { status } of await Promise.all(polls)) expect(status).toBe(200);
  });

  test('R27: after NATS was away everybody looks, since hints were lost', async () => {
    const bus = await connectBus({ servers: [nats.url], name: 'reconnecting' });
    port = await start({ bus });
    const answerNow = hang();
    const polls = Array.from({ length: 8 }, () => poll(25));
    await waitUntil(() => asked.length === 8, { what: 'app-server to be asked' });
    await delay(100);
    await bus.nats.reconnect();
    await waitUntil(() => askedFor('device.look').length > 0, { timeoutMs: 11_000, what: 'a look' });
    answerNow();
    for (const { status } of await Promise.all(polls)) expect(status).toBe(200);
    await running[1]?.service.drain({ timeoutMs: 100 });
    await bus.drain();
  }, 20_000);

  test.each(['{"wait":1e9}', '{"wait":"25"}', '{"wait":-1}', 'null', 'x'])(
    'what the body says of waiting is bounded: %s',
    async (body) => {
      await send('/v1/device/poll', body);
      expect((asked[0]?.request.deadline ?? 0) - Date.now()).toBeLessThan(31_000);
    },
  );

  test('R29: of the places to wait one address has a quarter, and who only asks has others', async () => {
    const answerNow = hang();
    port = await start({ maxWaiting: 8 });
    const polls = [poll(25), poll(25)];
    await held(2, 1);
    const third = await poll(25);
    expect([third.status, third.body.code, third.headers['retry-after']]).toEqual([503, 'UNAVAILABLE', '1']);
    answerNow();
    expect((await poll(0)).status).toBe(200);
    await Promise.all(polls);
  });

  test('a phone that goes away frees its place at once, and is counted as no failure', async () => {
    hang();
    const leaving = new AbortController();
    const gone = poll(25, { signal: leaving.signal }).catch((error: unknown) => error);
    await held(1);
    leaving.abort();
    await gone;
    const startedAt = performance.now();
    await held(0);
    expect(performance.now() - startedAt).toBeLessThan(1000);
    await delay(50);
    expect(await running[0]?.metrics.text()).not.toMatch(/request_seconds_count\{.*status="5/);
  });

  test('a replica that stops sends away those who wait, in turns, and lets the rest finish', async () => {
    const answerNow = hang({ isOfOne: false });
    const polls = Array.from({ length: 40 }, async () => ({ ...(await poll(25)), at: performance.now() }));
    const working = send('/v1/device/answer', '{}');
    await held(40);
    await waitUntil(() => asked.length === 41, { what: 'app-server to have all of them' });
    await delay(100);
    const startedAt = performance.now();
    const stopped = running[0]?.service.drain({ timeoutMs: 6000 });
    const answers = await Promise.all(polls);
    for (const { status, body, headers } of answers) {
      expect([status, body.code, headers['retry-after']]).toEqual([503, 'UNAVAILABLE', '1']);
    }
    const times = answers.map(({ at }) => at - startedAt);
    expect(Math.max(...times)).toBeLessThan(5000);
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(1000);
    answerNow();
    expect((await working).status).toBe(200);
    await stopped;
    running = [];
  });

  test('a poll that comes while it stops is sent away at once', async () => {
    hang();
    const drained = running[0]?.service.drain({ notReadyMs: 1000, timeoutMs: 3000 });
    const startedAt = performance.now();
    expect((await poll(25)).body.code).toBe('UNAVAILABLE');
    expect(performance.now() - startedAt).toBeLessThan(900);
    await drained;
    running = [];
  });

  test('R25: 2,000 overlapping requests, each gets its own answer', async () => {
    respond = async (_, input) => ({ prompts: (input['request'] as SignedRequest).body, keySets: [] });
    for (let round = 0; round < 10; round += 1) {
      await Promise.all(
        Array.from({ length: 200 }, async (_, n) => {
          const body = JSON.stringify({ keySet: round * 1000 + n + 1, wait: n % 2 });
          expect((await send('/v1/device/poll', body)).body['prompts']).toBe(body);
        }),
      );
    }
  });
});

describe('activation', () => {
  const redeem = {
    activationId: 'activation-of-alice',
    code: 'c'.repeat(22),
    key: { kty: 'EC', crv: 'P-256', x: 'x'.repeat(43), y: 'y'.repeat(43) },
    proof: 'proof',
  };

  test('the code that is typed finds what the QR code holds; app-server hears where it comes from', async () => {
    respond = () => ({ link: 'https://phones.example.com/app/#activate=1' });
    const answer = await say('/v1/activations/find', { activationCode: '492039118275' });
    expect([answer.status, answer.body]).toEqual([200, { link: 'https://phones.example.com/app/#activate=1' }]);
    expect(asked[0]?.input).toEqual({ activationCode: '492039118275', address: '127.0.0.1' });
    const forged = await say('/v1/activations/find', { activationCode: '492039118275', address: '192.0.2.1' });
    expect(forged.body.code).toBe('REQUEST_INVALID');
  });

  test('INV-21: the same request is the same key, and another proof, code or activation is another', async () => {
    const bodies = [redeem, redeem, { ...redeem, proof: 'other' }, { ...redeem, activationId: 'activation-of-boris' }];
    for (const body of bodies) expect((await say('/v1/activations', body)).status).toBe(201);
    const keys = asked.map(({ request }) => request.idempotencyKey);
    expect(keys[0]).toBe(keys[1]);
    expect(new Set(keys).size).toBe(3);
  });

  test('a key of the phone counts for its activation alone', async () => {
    const named = { 'idempotency-key': 'one' };
    const other = { ...redeem, activationId: 'activation-of-boris' };
    for (const body of [redeem, { ...redeem, proof: 'other' }, other]) await say('/v1/activations', body, named);
    const keys = asked.map(({ request }) => request.idempotencyKey);
    expect(keys[0]).toBe(keys[1]);
    expect(keys[2]).not.toBe(keys[0]);
    const wrong = await say('/v1/activations', redeem, { 'idempotency-key': 'x'.repeat(129) });
    expect(wrong.body.code).toBe('REQUEST_INVALID');
  });

  test.each([
    ['/v1/activations/find', { activationCode: '12345678' }],
    ['/v1/activations/find', undefined],
    ['/v1/activations', { ...redeem, key: { ...redeem.key, d: 'd'.repeat(43) } }],
  ])('%s: what is not of the right form is refused, and nobody is asked: %s', async (path, body) => {
    const answer = await say(path, body);
    expect([answer.status, answer.body.code]).toEqual([400, 'REQUEST_INVALID']);
    expect(asked).toEqual([]);
  });

  test('R26: one address tries so often in a minute, whatever it tries; phones that are known go on', async () => {
    port = await start({ activationsPerMinute: 2 });
    await say('/v1/activations/find', { activationCode: '492039118275' });
    await say('/v1/activations', redeem);
    const third = await say('/v1/activations/find', { activationCode: '492039118275' });
    expect([third.status, third.body.code]).toEqual([429, 'TRY_LATER']);
    expect(Number(third.headers['retry-after'])).toBeGreaterThan(0);
    expect((await poll(0)).status).toBe(200);
    expect(asked).toHaveLength(3);
  });
});

describe('R27: without app-server', () => {
  test('every request is UNAVAILABLE at its deadline, or sooner when this replica stops', async () => {
    const bus = await connectBus({ servers: [nats.url], name: 'alone' });
    respond = () => new Promise(() => undefined);
    port = await start({ bus });
    const answered = send('/v1/device/answer', '{}');
    await waitUntil(() => asked.length > 0, { what: 'the request to arrive' });
    await running[1]?.service.drain({ timeoutMs: 700 });
    expect((await answered).body.code).toBe('UNAVAILABLE');
    await bus.drain();
  });
});

describe('the authenticator', () => {
  const get = (path: string) => ask(path, { method: 'GET' });

  test.each(['/', '/app'])('%s leads to it', async (path) => {
    const { status, headers } = await get(path);
    expect([status, headers['location']]).toEqual([302, '/app/']);
  });

  test.each([
    ['/app/', 'text/html; charset=utf-8', /^no-store$/],
    ['/app/assets/a.js', 'application/javascript; charset=utf-8', /immutable/],
    ['/app/sw.js', 'text/javascript; charset=utf-8', /^no-cache$/],
    ['/app/manifest.webmanifest', 'application/manifest+json', /^no-cache$/],
    ['/app/icons/192.png', 'image/png', /^no-cache$/],
  ])('%s is %s', async (path, type, cache) => {
    const { status, headers } = await get(path);
    expect([status, headers['content-type']]).toEqual([200, type]);
    expect(headers['cache-control']).toMatch(cache);
  });

  test('its page runs the scripts of its own nonce, a new one each time, and its service worker', async () => {
    const [one, two] = await Promise.all([get('/app/'), get('/app/')]);
    const nonces = [one, two].map(({ headers, text }) => {
      const policy = String(headers['content-security-policy']);
      const [, nonce = ''] = /'nonce-([^']+)'/.exec(policy) ?? [];
      expect(text).toContain(`nonce="${nonce}"`);
      expect(policy).toContain("worker-src 'self'");
      expect(policy).toContain("manifest-src 'self'");
      expect(policy).not.toMatch(/unsafe|\*/);
      return nonce;
    });
    expect(nonces[0]).not.toBe(nonces[1]);
    const { headers } = await get('/app/sw.js');
    expect(headers['service-worker-allowed']).toBe('/app/');
    expect(headers['content-security-policy']).toContain("connect-src 'self'");
  });

  test.each(['/app/index.html', '/app/assets/../index.html', '/app/nothing', '/app/assets/nothing.js', '/v1/nothing'])(
    '%s is nothing',
    async (path) => {
      const answer = await get(path);
      expect([answer.status, answer.body.code]).toEqual([404, 'ROUTE_NOT_FOUND']);
    },
  );

  test.each(['/app/', '/app/sw.js', '/app/assets/a.js', '/v1/openapi.json', '/v1/nothing', '/health/ready'])(
    'APP-11: %s says what it may be used for, what time it is, and who answered',
    async (path) => {
      const { headers } = await get(path);
      expect(headers).toMatchObject({
        'strict-transport-security': 'max-age=31536000; includeSubDomains',
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-opener-policy': 'same-origin',
        'permissions-policy': 'camera=(self), geolocation=(), microphone=()',
        'countersign-replica': 'mobile-1',
      });
      expect(headers['content-security-policy']).toContain("default-src 'none'");
      expect(Math.abs(Number(headers['countersign-time']) - Date.now())).toBeLessThan(5000);
    },
  );
});

test('every route of the interface is described where it says', async () => {
  const { status, body } = await ask('/v1/openapi.json', { method: 'GET' });
  expect(status).toBe(200);
  const paths = Object.keys(body['paths'] as object);
  expect(paths).toHaveLength(ACTIVATION_ROUTES.length + DEVICE_ROUTES.length);
  for (const path of paths) expect((await ask(path)).status, path).not.toBe(404);
});
