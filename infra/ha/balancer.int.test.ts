import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { connect, type TLSSocket } from 'node:tls';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bothOf, type MembersAnswer } from '@countersign/authority';
import { run } from '@countersign/cli';
import { createHttpServer, type HttpServer } from '@countersign/http';
import { createMetrics, silentLogger } from '@countersign/telemetry';
import { createAuthority, freePort, issueCertificate, waitUntil, type KeyAndCertificate } from '@countersign/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { THIS_MACHINE, type Place } from '../dev/machine.ts';
import { prepareBalancers, type Balancer } from './balancer.ts';
import { certificatesIn } from './certificates.ts';

const dir = mkdtempSync(join(tmpdir(), 'balancer-'));
const servers: HttpServer[] = [];
const members: MembersAnswer = { joinUrls: [], members: [] };
const ports: Record<string, number> = {};
/** Requests that came to any replica. */
let asked = 0;
/** Of gateway and portal, as applications, pages and forms ask. */
const BREAKING = ['/v1/breaks', '/api/breaks', '/verify/breaks', '/elsewhere'];
/** Who was asked for what breaks the connection the first time. */
const broken: string[] = [];
let authority: KeyAndCertificate;
let balancer: Balancer;
let place: Place;
let joinPort: number;

beforeAll(async () => {
  authority = await createAuthority({ commonName: 'test', now: Date.now() });
  writeFileSync(join(dir, 'ca.pem'), authority.certificatePem);
  const certificates = certificatesIn(dir);
  place = { name: 'balancer-1', port: await freePort(), machine: THIS_MACHINE };
  const own = certificates.of(place.name);
  const { certificatePem, keyPem } = await issued(place.name, 'both');
  mkdirSync(own.folder);
  writeFileSync(own.both, bothOf(certificatePem, keyPem));
  writeFileSync(own.certificate, certificatePem);
  writeFileSync(own.key, keyPem);
  writeFileSync(join(own.folder, 'ca.pem'), authority.certificatePem);

  const [one, two] = [await replica('sdk-gateway-1'), await replica('sdk-gateway-2')];
  joinPort = await freePort();
  await serve('app-server-1', joinPort, (server) => server.app.get('/join/members', () => members));
  const description = {
    service: 'balancer',
    name: place.name,
    hosts: ['localhost'],
    joinUrls: [`https://localhost:${joinPort}`],
  };
  writeFileSync(join(own.folder, 'replica.json'), JSON.stringify(description));
  const services = [{ service: 'sdk-gateway', places: [place], replicas: [one, two] }];
  const [prepared] = prepareBalancers(
    { dir: join(dir, 'ha'), logs: dir, balancers: [place] },
    certificates,
    services,
    () => undefined,
  );
  if (prepared === undefined) throw new Error('no balancer');
  balancer = prepared;
  await balancer.start();
});
afterAll(async () => {
  await balancer?.kill();
  await Promise.all(servers.map((server) => server.drain({ timeoutMs: 100 })));
  rmSync(dir, { recursive: true, force: true });
});

function issued(name: string, usage: 'server' | 'both' = 'server') {
  return issueCertificate(authority, { commonName: name, usage, now: Date.now(), names: [name, 'localhost'] });
}

async function serve(certifiedFor: string, port: number, add: (server: HttpServer) => void): Promise<HttpServer> {
  const { certificatePem, keyPem } = await issued(certifiedFor);
  const server = createHttpServer({
    logger: silentLogger(),
    metrics: createMetrics({ service: 's', replica: certifiedFor, processMetrics: false }),
    tls: { certificate: certificatePem, key: keyPem },
  });
  add(server);
  servers.push(server);
  await server.listen({ port, host: '127.0.0.1' });
  return server;
}

/** Answers with its name, and is a member from now on. */
async function replica(name: string, certifiedFor = name): Promise<Place & { server: HttpServer }> {
  const port = await freePort();
  const server = await serve(certifiedFor, port, ({ app }) => {
    app.addHook('onRequest', async ({ url }) => void (asked += url === '/who' ? 1 : 0));
    app.get('/who', () => ({ name }));
    app.post('/who', () => ({ name }));
    for (const path of BREAKING) {
      app.post(path, (request) => {
        broken.push(name);
        if (broken.length === 1) request.raw.socket.destroy();
        return { name };
      });
    }
  });
  ports[name] = port;
  members.members.push({ name, service: 'sdk-gateway', hosts: ['127.0.0.1'] });
  return { name, port, machine: THIS_MACHINE, server };
}

/** What the timer does. @returns whether there was anything to do. */
async function update(): Promise<boolean> {
  let [out, err] = ['', ''];
  const terminal = {
    interactive: false,
    colour: false,
    columns: undefined,
    write: (text: string) => void (out += text),
    writeError: (text: string) => void (err += text),
    question: () => Promise.resolve(undefined),
    secret: () => Promise.resolve(undefined),
    readInput: () => Promise.resolve(''),
    edit: (text: string) => Promise.resolve(text),
  };
  const unused = () => {
    throw new Error('it needs no settings');
  };
  const deps = { terminal, settings: unused, connect: unused, now: Date.now, signal: new AbortController().signal };
  const files = ['--dir', join(dir, place.name), '--config', join(dir, 'ha', place.name, 'haproxy.cfg')];
  const known = Object.entries(ports).flatMap(([name, port]) => ['--port', `${name}=${port}`]);
  const code = await run(['balancer', 'update', ...files, ...known, '--json'], deps);
  if (code !== 0) throw new Error(err);
  const { changed } = JSON.parse(out) as { changed: boolean };
  if (changed) balancer.reload();
  return changed;
}

/** A connection that says that a body comes, sends one byte of it and no more. */
async function slowBody(): Promise<TLSSocket> {
  const socket = connect({
    port: place.port,
    host: '127.0.0.1',
    servername: 'localhost',
    ca: authority.certificatePem,
  });
  await once(socket, 'secureConnect');
  socket.on('error', () => undefined);
  socket.write(
    'POST /who HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
  );
  return socket;
}

/** Callers that go on until they are told to end. */
function callers() {
  const heard = new Map<string, number>();
  const failures: string[] = [];
  const ended = new AbortController();
  const calling = [0, 1, 2, 3].map(async (number) => {
    const agent = new Agent({ keepAlive: true, ca: authority.certificatePem });
    for (let turn = number; !ended.signal.aborted; turn += 1) {
      const outcome = await ask(agent, turn % 2 === 0 ? 'POST' : 'GET').catch((error: unknown) => String(error));
      if (typeof outcome === 'string') failures.push(outcome);
      else heard.set(outcome.name, (heard.get(outcome.name) ?? 0) + 1);
      await sleep(5);
    }
    agent.destroy();
  });
  const end = async () => {
    ended.abort();
    await Promise.all(calling);
    return failures;
  };
  return { heard, end };
}

function ask(agent: Agent, method: 'GET' | 'POST'): Promise<{ name: string } | string> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: '127.0.0.1', servername: 'localhost', port: place.port, path: '/who', method, agent },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (part: string) => (text += part));
        answer.once('error', reject);
        answer.once('end', () =>
          resolve(answer.statusCode === 200 ? (JSON.parse(text) as { name: string }) : String(answer.statusCode)),
        );
      },
    );
    sent.once('error', reject);
    sent.end();
  });
}

test('who joined gets requests once it is ready, who leaves gets none, and no request fails', async () => {
  const { heard, end } = callers();
  await waitUntil(() => heard.size === 2, { what: 'both gateways to be asked' });
  expect(await update()).toBe(false);

  const port = await freePort();
  ports['sdk-gateway-3'] = port;
  members.members.push({ name: 'sdk-gateway-3', service: 'sdk-gateway', hosts: ['127.0.0.1'] });
  expect(await update(), 'it has joined and does not run').toBe(false);
  const third = await serve('sdk-gateway-3', port, ({ app }) => {
    app.get('/who', () => ({ name: 'sdk-gateway-3' }));
    // So that there is always something under way.
    app.post('/who', () => sleep(400, { name: 'sdk-gateway-3' }));
  });
  expect(await update()).toBe(true);
  await waitUntil(() => (heard.get('sdk-gateway-3') ?? 0) > 10, { what: 'requests to come to the third' });

  await third.drain({ notReadyMs: 3000, timeoutMs: 5000 });
  const atTheEnd = heard.get('sdk-gateway-3');
  members.members.pop();
  delete ports['sdk-gateway-3'];
  expect(await update()).toBe(true);
  await sleep(500);
  expect(heard.get('sdk-gateway-3')).toBe(atTheEnd);
  expect(await end()).toEqual([]);
});

test.each([
  ['/v1/breaks', 'with an Idempotency-Key is sent to the next one', { 'idempotency-key': 'once' }, 200, 2],
  ['/api/breaks', 'with an Idempotency-Key is sent to the next one', { 'idempotency-key': 'once' }, 200, 2],
  ['/v1/breaks', 'without one is not sent again', {}, 502, 1],
  ['/api/breaks', 'without one is not sent again', {}, 502, 1],
  ['/verify/breaks', 'without one is not sent again', {}, 502, 1],
  ['/elsewhere', 'with one that nobody reads is not sent again', { 'idempotency-key': 'once' }, 502, 1],
] as const)('a change at %s whose replica broke, %s', async (path, _, headers, status, times) => {
  broken.length = 0;
  const agent = new Agent({ ca: authority.certificatePem });
  const sent = request({
    host: '127.0.0.1',
    servername: 'localhost',
    port: place.port,
    path,
    method: 'POST',
    headers,
    agent,
  });
  sent.end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  answer.resume();
  agent.destroy();
  expect(answer.statusCode).toBe(status);
  expect(new Set(broken).size, 'another was asked').toBe(times);
});

test('R29 who sends a body slowly takes no place of a replica', async () => {
  const before = asked;
  const slow = await Promise.all(Array.from({ length: 5 }, () => slowBody()));
  await sleep(500);
  expect(asked).toBe(before);
  slow[0]?.write('"'.padEnd(98, 'x') + '"');
  await waitUntil(() => asked === before + 1, { what: 'the one that has sent all of it' });
  for (const socket of slow) socket.destroy();
});

test('whoever answers at the address of a replica with the certificate of another gets nothing', async () => {
  const impostor = await replica('sdk-gateway-4', 'app-server-1');
  expect(await update(), 'it is not taken in').toBe(false);
  const file = join(dir, 'ha', place.name, 'haproxy.cfg');
  const before = readFileSync(file, 'utf8');
  // Nor would HAProxy believe it, whoever wrote it there.
  const line = `  server ${impostor.name} 127.0.0.1:${impostor.port} verifyhost ${impostor.name}`;
  writeFileSync(file, before.replace('  # end of servers', `${line}\n  # end of servers`));
  balancer.reload();
  await sleep(1000);
  const { heard, end } = callers();
  await sleep(1000);
  expect(await end()).toEqual([]);
  expect([...heard.keys()].toSorted()).toEqual(['sdk-gateway-1', 'sdk-gateway-2']);
  members.members.pop();
  writeFileSync(file, before);
  balancer.reload();
});

test('a list without anybody of the service, or no list at all, leaves the configuration as it is', async () => {
  const file = join(dir, 'ha', place.name, 'haproxy.cfg');
  await update();
  const before = readFileSync(file, 'utf8');
  const kept = members.members.splice(0);
  await expect(update()).rejects.toThrow('NO_REPLICAS');
  expect(readFileSync(file, 'utf8')).toBe(before);
  members.members.push(...kept);
  members.joinUrls.push(`https://localhost:${await freePort()}`);
  expect(await update()).toBe(false);
  // It was told of another app-server, and asks there from now on.
  await expect(update()).rejects.toThrow('APP_SERVER_UNREACHABLE');
  expect(readFileSync(file, 'utf8')).toBe(before);
});
