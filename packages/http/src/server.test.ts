import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { createLogger, createMetrics, silentLogger } from '@countersign/telemetry';
import { createAuthority, issueCertificate } from '@countersign/testkit';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { acceptAnything } from './body.ts';
import { createHttpServer, type HttpServer, type HttpServerOptions } from './server.ts';

const servers: HttpServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.drain({ timeoutMs: 200 });
});

async function start(options: Partial<HttpServerOptions> = {}) {
  const metrics = createMetrics({ service: 's', replica: 'r', processMetrics: false });
  const server = createHttpServer({ logger: silentLogger(), metrics, ...options });
  servers.push(server);
  server.app.post('/echo', (request) => ({ got: request.body ?? null }));
  server.app.get('/echo', () => ({ got: null }));
  server.app.get('/ip', (request) => ({ ip: request.ip }));
  server.app.get('/trace', (request) => ({ traceparent: request.traceparent }));
  server.app.get('/boom', () => {
    throw new Error('SELECT secret FROM user');
  });
  server.app.get('/slow', () => delay(400, { done: true }));
  server.app.get('/large', () => Buffer.alloc(64 * 1024 * 1024));
  server.app.get(
    '/lasts',
    () => new Promise((resolve) => server.lastCall.addEventListener('abort', () => resolve({}))),
  );
  await server.app.register((scope, _, done) => {
    acceptAnything(scope, 100);
    scope.post('/raw', (request) => ({ bytes: (request.body as Buffer).length }));
    done();
  });
  const port = await server.listen({ port: 0, host: '127.0.0.1' });
  const url = `http://127.0.0.1:${port}`;
  return { server, port, url, metrics };
}

/** A conversation with no HTTP client in between. */
interface Dialogue {
  socket: Socket;
  send: (text: string) => void;
  heard: () => string;
  closed: Promise<void>;
}

function dial(port: number): Dialogue {
  const socket = connect(port, '127.0.0.1');
  let heard = '';
  socket.on('data', (chunk) => (heard += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  return { socket, send: (text) => void socket.write(text), heard: () => heard, closed };
}

const json = { 'content-type': 'application/json' };
const post = (url: string, body: string | Buffer | undefined, headers: Record<string, string> = json) =>
  fetch(`${url}/echo`, {
    method: 'POST',
    headers,
    ...(body !== undefined && { body: new Uint8Array(Buffer.from(body)) }),
  });

describe('bodies', () => {
  test('a good one arrives, an absent or empty one is undefined', async () => {
    const { url } = await start();
    expect(await (await post(url, '{"a":[1,"ä"]}')).json()).toEqual({ got: { a: [1, 'ä'] } });
    expect(await (await post(url, '{}', { 'content-type': 'application/json; charset=UTF-8' })).json()).toEqual({
      got: {},
    });
    expect(await (await post(url, undefined)).json()).toEqual({ got: null });
    expect(await (await post(url, '')).json()).toEqual({ got: null });
    expect(await (await post(url, undefined, {})).json()).toEqual({ got: null });
  });

  test.each([
    ['no content type', '{}', {}, 'Content-Type', 'must be application/json'],
    [
      'a form',
      'a=1',
      { 'content-type': 'application/x-www-form-urlencoded' },
      'Content-Type',
      'must be application/json',
    ],
    ['text', '{}', { 'content-type': 'text/plain' }, 'Content-Type', 'must be application/json'],
    [
      'another charset',
      '{}',
      { 'content-type': 'application/json; charset=latin1' },
      'Content-Type',
      'must be application/json',
    ],
    ['a content type that is none', '{}', { 'content-type': ';;;' }, undefined, undefined],
    ['JSON that ends early', '{"a":', json, '', 'is not JSON'],
    ['invalid UTF-8', Buffer.from([0x22, 0xff, 0x22]), json, '', 'is not UTF-8'],
    ['NUL', '"\\u0000"', json, '', 'holds NUL or half of a surrogate pair'],
    ['a name twice', '{"a":1,"a":2}', json, '', 'names a member twice'],
    ['__proto__', '{"__proto__":{}}', json, '', 'has a member that is not allowed'],
    ['64 KiB and one byte', `"${'x'.repeat(65_535)}"`, json, '', 'is longer than 65536 bytes'],
    ['1 MiB', `"${'x'.repeat(1024 * 1024)}"`, json, '', 'is longer than 65536 bytes'],
    ['3 MiB', `"${'x'.repeat(3 * 1024 * 1024)}"`, json, '', 'is longer than 65536 bytes'],
  ])('%s is REQUEST_INVALID, always with the same body', async (_, body, headers, pointer, message) => {
    const { url } = await start();
    const answers = await Promise.all([post(url, body, headers), post(url, body, headers)]);
    for (const answer of answers) {
      expect(answer.status).toBe(400);
      expect(answer.headers.get('content-type')).toBe('application/problem+json');
      const { instance, ...problem } = (await answer.json()) as Record<string, unknown>;
      expect(instance).toMatch(/^urn:uuid:[0-9a-f-]{36}$/);
      expect(problem).toEqual({
        type: '/problems/REQUEST_INVALID',
        code: 'REQUEST_INVALID',
        title: 'The request is not of the documented form.',
        status: 400,
        ...(message !== undefined && { invalid: [{ pointer, message }] }),
      });
    }
    expect((await post(url, '{}')).status).toBe(200);
  });

  test('1 MiB in chunks without a length is refused, and the connection can be used again', async () => {
    const { port } = await start();
    const { socket, send, heard } = dial(port);
    send('POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n');
    const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`;
    for (let n = 0; n < 64; n++) send(chunk);
    send('0\r\n\r\nGET /echo HTTP/1.1\r\nHost: x\r\n\r\n');
    await vi.waitFor(() => expect(heard()).toContain('{"got":null}'));
    expect(heard()).toContain('HTTP/1.1 400 Bad Request');
    expect(heard().match(/HTTP\/1\.1 /g)).toHaveLength(2);
    socket.destroy();
  });

  test('R26: a body that never ends is cut off', async () => {
    const { port } = await start({ limits: { discardBytes: 1024 * 1024 } });
    const { socket, send, heard, closed } = dial(port);
    send('POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n');
    const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`;
    const flood = setInterval(() => {
      if (socket.writableLength < 2 ** 20 && socket.writable) for (let n = 0; n < 16; n++) send(chunk);
    }, 5);
    await closed;
    clearInterval(flood);
    expect(heard()).toContain('400 Bad Request');
  });

  test('a body on GET is refused', async () => {
    const { port } = await start();
    const { send, heard, socket } = dial(port);
    send('GET /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}');
    await vi.waitFor(() => expect(heard()).toContain('REQUEST_INVALID'));
    socket.destroy();
  });

  test('a route may take bodies of any type', async () => {
    const { url } = await start();
    const raw = (body: string) =>
      fetch(`${url}/raw`, { method: 'POST', body, headers: { 'content-type': 'text/xml' } });
    expect(await (await raw('<a/>')).json()).toEqual({ bytes: 4 });
    expect((await raw('x'.repeat(101))).status).toBe(400);
    expect((await post(url, '{', json)).status).toBe(400);
  });
});

describe('R29: whoever is slow is cut, with an answer', () => {
  const limits = { headersTimeoutMs: 500, requestTimeoutMs: 800, checkEveryMs: 100 };

  test.each([
    ['nothing at all', ''],
    ['half a header', 'POST /echo HTTP/1.1\r\nHos'],
    [
      'half a body',
      'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{"a"',
    ],
  ])('%s', async (_, text) => {
    const lines: string[] = [];
    const logger = createLogger({
      service: 's',
      replica: 'r',
      destination: { write: (line) => void lines.push(line) },
    });
    const { port, metrics, url } = await start({ limits, logger });
    const { send, heard, closed } = dial(port);
    const startedAt = performance.now();
    send(text);
    await closed;
    expect(performance.now() - startedAt).toBeLessThan(2500);
    expect(heard()).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(heard()).toContain('did not arrive in time');
    expect(heard()).toContain('cache-control: no-store');
    expect(await metrics.text()).toContain('cut_total{reason="slow"');
    expect(lines.join()).not.toContain('"level":"error"');
    expect((await fetch(`${url}/echo`)).status).toBe(200);
  });

  test('drip-feeding does not help', async () => {
    const { port } = await start({ limits });
    const { send, closed, socket } = dial(port);
    send('POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n');
    const drip = setInterval(() => socket.writable && send(' '), 50);
    const startedAt = performance.now();
    await closed;
    clearInterval(drip);
    expect(performance.now() - startedAt).toBeLessThan(2500);
  });

  test('a refused body that goes on slowly gets one answer, not two', async () => {
    const { port } = await start({ limits });
    const { send, heard, closed } = dial(port);
    send('POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{');
    await closed;
    expect(heard().match(/HTTP\/1\.1 /g)).toHaveLength(1);
  });

  test('a connection that has had its answer and sends nothing more is closed without a word', async () => {
    const { port } = await start({ limits: { ...limits, keepAliveTimeoutMs: 300 } });
    const { send, heard, closed } = dial(port);
    send('GET /echo HTTP/1.1\r\nHost: x\r\n\r\n');
    await closed;
    expect(heard().match(/HTTP\/1\.1 /g)).toHaveLength(1);
  });

  test('one client gets its share of the connections, and a trusted proxy is not one client', async () => {
    const shared = { connections: 8, connectionShare: 0.5 };
    const { port, metrics } = await start({ limits: shared });
    const held = Array.from({ length: 4 }, () => dial(port));
    await delay(100);
    const fifth = dial(port);
    await fifth.closed;
    expect(await metrics.text()).toContain('refused_total{reason="share taken"');
    held[0]?.socket.destroy();
    await delay(100);
    const sixth = dial(port);
    sixth.send('GET /echo HTTP/1.1\r\nHost: x\r\n\r\n');
    await vi.waitFor(() => expect(sixth.heard()).toContain('200 OK'));
    for (const { socket } of [...held, sixth]) socket.destroy();

    const behindProxy = await start({ limits: shared, trustedProxies: ['127.0.0.1'] });
    const many = Array.from({ length: 6 }, () => dial(behindProxy.port));
    for (const one of many) one.send('GET /echo HTTP/1.1\r\nHost: x\r\n\r\n');
    await vi.waitFor(() => expect(many.every((one) => one.heard().includes('200 OK'))).toBe(true));
    for (const { socket } of many) socket.destroy();
  });
});

describe('what is not HTTP', () => {
  test.each([
    ['garbage', 'hello\r\n\r\n'],
    ['a TLS greeting', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['a length that is no number', 'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: ten\r\n\r\n'],
    [
      'length and chunks at once',
      'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['headers of 20 KiB', `GET /echo HTTP/1.1\r\nHost: x\r\nA: ${'x'.repeat(20_000)}\r\n\r\n`],
    ['a method nobody knows', 'BREW /echo HTTP/1.1\r\nHost: x\r\n\r\n'],
  ])('%s is a problem and the end of the connection', async (_, text) => {
    const { port } = await start();
    const { send, heard, closed } = dial(port);
    send(text);
    await closed;
    expect(heard()).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(heard()).toContain('"code":"REQUEST_INVALID"');
  });
});

describe('addresses', () => {
  test.each([
    ['GET', '/nothing-here', 404, 'ROUTE_NOT_FOUND'],
    ['DELETE', '/echo', 404, 'ROUTE_NOT_FOUND'],
    ['PUT', '/echo', 404, 'ROUTE_NOT_FOUND'],
    ['OPTIONS', '/echo', 404, 'ROUTE_NOT_FOUND'],
    ['POST', '/nothing-here', 404, 'ROUTE_NOT_FOUND'],
    ['GET', '/%ff', 400, 'REQUEST_INVALID'],
    ['GET', `/problems/${'x'.repeat(200)}`, 400, 'REQUEST_INVALID'],
    ['GET', '/problems/NOT_A_CODE', 404, 'ROUTE_NOT_FOUND'],
    ['GET', '/boom', 500, 'INTERNAL'],
  ])('%s %s is %i %s', async (method, path, status, code) => {
    const { url } = await start();
    const answer = await fetch(url + path, { method, ...(method === 'POST' && { body: '{', headers: json }) });
    expect(answer.status).toBe(status);
    const problem = (await answer.json()) as Record<string, unknown>;
    expect(problem['code']).toBe(code);
    expect(JSON.stringify(problem)).not.toContain('secret');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  });

  test('the type of a problem can be looked up', async () => {
    const { url } = await start();
    expect(await (await fetch(`${url}/problems/TRY_LATER`)).json()).toMatchObject({ code: 'TRY_LATER', status: 429 });
  });

  test('R28: the Host header comes back nowhere', async () => {
    const { port } = await start();
    for (const path of ['/echo', '/nothing', '/problems/INTERNAL', '/health/ready', '/%ff']) {
      const { send, heard, closed } = dial(port);
      send(`GET ${path} HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: evil.example\r\nConnection: close\r\n\r\n`);
      await closed;
      expect(heard()).not.toContain('evil');
    }
  });

  test('R20: X-Forwarded-For counts only from a configured proxy', async () => {
    const spoofed = { headers: { 'x-forwarded-for': '198.51.100.9' } };
    const plain = await start();
    expect(await (await fetch(`${plain.url}/ip`, spoofed)).json()).toEqual({ ip: '127.0.0.1' });
    const other = await start({ trustedProxies: ['10.0.0.0/8'] });
    expect(await (await fetch(`${other.url}/ip`, spoofed)).json()).toEqual({ ip: '127.0.0.1' });
    const trusted = await start({ trustedProxies: ['127.0.0.0/8'] });
    expect(await (await fetch(`${trusted.url}/ip`, spoofed)).json()).toEqual({ ip: '198.51.100.9' });
  });
});

describe('operations', () => {
  test('an exception is told to the log, with the id that the caller got', async () => {
    const lines: string[] = [];
    const logger = createLogger({
      service: 's',
      replica: 'r',
      destination: { write: (line) => void lines.push(line) },
    });
    const { url } = await start({ logger });
    const answer = await fetch(`${url}/boom`);
    const id = answer.headers.get('request-id');
    expect(((await answer.json()) as { instance: string }).instance).toBe(`urn:uuid:${id}`);
    const logged = lines.map((line) => JSON.parse(line) as { event: string; requestId: string });
    expect(logged.filter((line) => line.requestId === id).map((line) => line.event)).toEqual([
      'http.error',
      'http.request',
    ]);
  });

  test('R24: the log names the route and not the address that was asked for', async () => {
    const lines: string[] = [];
    const logger = createLogger({
      service: 's',
      replica: 'r',
      destination: { write: (line) => void lines.push(line) },
    });
    const { url } = await start({ logger });
    await fetch(`${url}/problems/alice?username=alice`);
    expect(lines.join()).toContain('/problems/:code');
    expect(lines.join()).not.toContain('alice');
  });

  test('readiness follows the checks, also one that does not answer', async () => {
    let check = (): Promise<void> => Promise.resolve();
    const { url } = await start({ checks: [{ name: 'bus', check: () => check() }] });
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
    const ready = async () => {
      // An outcome is kept for 250 ms.
      await delay(260);
      const answer = await fetch(`${url}/health/ready`);
      return [answer.status, await answer.json()];
    };
    expect(await ready()).toEqual([200, { status: 'ok', checks: [{ name: 'bus', ok: true }] }]);
    check = () => Promise.reject(new Error('password=hunter2'));
    expect(await ready()).toEqual([503, { status: 'unavailable', checks: [{ name: 'bus', ok: false }] }]);
    check = () => new Promise(() => undefined);
    expect((await ready())[0]).toBe(503);
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
  });

  test('metrics exist for whoever may read them', async () => {
    const { url } = await start();
    await fetch(`${url}/echo`);
    const answer = await fetch(`${url}/metrics`);
    expect(await answer.text()).toContain('route="/echo",status="200"');
    const closed = await start({ metricsFrom: ['10.9.9.9'] });
    expect((await fetch(`${closed.url}/metrics`)).status).toBe(404);
  });

  test('drain: not ready, what is under way is answered, then nobody is at home', async () => {
    const { server, url } = await start();
    const slow = fetch(`${url}/slow`);
    await delay(50);
    const drained = server.drain({ notReadyMs: 200, timeoutMs: 5000 });
    const ready = await fetch(`${url}/health/ready`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({ status: 'draining' });
    expect(ready.headers.get('connection')).toBe('close');
    expect(await (await slow).json()).toEqual({ done: true });
    const startedAt = performance.now();
    await drained;
    expect(performance.now() - startedAt).toBeLessThan(2000);
    await expect(fetch(`${url}/echo`)).rejects.toThrow('fetch failed');
    servers.splice(0);
  });

  test('drain: who was asked before it began is told to close the connection, and the last call comes before the cut', async () => {
    const { server, port } = await start();
    const slow = dial(port);
    slow.send('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n');
    const lasting = dial(port);
    lasting.send('GET /lasts HTTP/1.1\r\nHost: x\r\n\r\n');
    await delay(100);
    await server.drain({ timeoutMs: 1500 });
    await Promise.all([slow.closed, lasting.closed]);
    expect(slow.heard()).toMatch(/^HTTP\/1\.1 200 OK[^]*connection: close/i);
    expect(lasting.heard()).toMatch(/^HTTP\/1\.1 200 OK/);
    servers.splice(0);
  });

  test('drain: who reads slowly, and who never gets as far as a request, is cut', { timeout: 10_000 }, async () => {
    const authority = await createAuthority({ commonName: 'x', now: Date.now() });
    const { certificatePem, keyPem } = await issueCertificate(authority, {
      commonName: 'localhost',
      usage: 'server',
      now: Date.now(),
    });
    const { server, port } = await start();
    const reader = connect(port, '127.0.0.1');
    reader.on('error', () => undefined).pause();
    reader.write('GET /large HTTP/1.1\r\nHost: x\r\n\r\n');
    const encrypted = await start({ tls: { certificate: certificatePem, key: keyPem } });
    const silent = dial(encrypted.port);
    await delay(200);
    const startedAt = performance.now();
    await Promise.all([server.drain({ timeoutMs: 500 }), encrypted.server.drain({ timeoutMs: 500 })]);
    expect(performance.now() - startedAt).toBeLessThan(5000);
    await silent.closed;
    reader.destroy();
    servers.splice(0);
  });

  test('the trace of the caller is continued', async () => {
    const { url } = await start();
    const answer = await fetch(`${url}/trace`, {
      headers: { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
    });
    const { traceparent: seen } = (await answer.json()) as { traceparent: string };
    expect(seen).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-01$/);
  });
});
