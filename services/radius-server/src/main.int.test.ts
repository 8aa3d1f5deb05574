import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectBus, endpoint, serve, type Bus } from '@countersign/bus';
import { radiusClients } from '@countersign/contracts';
import { CODE, encodeStatusServer } from '@countersign/radius';
import { silentLogger } from '@countersign/telemetry';
import {
  createAuthority,
  freePort,
  issueCertificate,
  startNats,
  startProcess,
  waitUntil,
  type NatsServer,
} from '@countersign/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SECRET, someClient } from './client.fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'radius-main-'));
const ARGUMENTS = ['--conditions=source', join(import.meta.dirname, 'main.ts')];
let nats: NatsServer;
let appBus: Bus;
let ca = '';
let port = 0;
let env: Record<string, string> = {};

beforeAll(async () => {
  nats = await startNats({ storeDir: join(folder, 'nats') });
  appBus = await connectBus({ servers: [nats.url], name: 'app-1' });
  const [https, authentication, accounting, radsec] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  port = https;
  const authority = await createAuthority({ commonName: 'test', now: Date.now() });
  const issued = await issueCertificate(authority, { commonName: 'localhost', usage: 'server', now: Date.now() });
  ca = authority.certificatePem;
  writeFileSync(join(folder, 'cert.pem'), issued.certificatePem);
  writeFileSync(join(folder, 'key.pem'), issued.keyPem);
  writeFileSync(join(folder, 'ca.pem'), ca);
  env = {
    COUNTERSIGN_REPLICA: 'radius-server-1',
    COUNTERSIGN_PORT: String(port),
    COUNTERSIGN_RADIUS_HOSTS: '127.0.0.1,::1',
    COUNTERSIGN_RADIUS_PORT: String(authentication),
    COUNTERSIGN_RADIUS_ACCOUNTING_PORT: String(accounting),
    COUNTERSIGN_RADSEC_PORT: String(radsec),
    COUNTERSIGN_RADSEC_CA_FILE: join(folder, 'ca.pem'),
    COUNTERSIGN_API_KEY: 'csk_radius_AAAAAAAAAAAAAAAAAAAA',
    COUNTERSIGN_TLS_CERT_FILE: join(folder, 'cert.pem'),
    COUNTERSIGN_TLS_KEY_FILE: join(folder, 'key.pem'),
    COUNTERSIGN_NATS_URLS: nats.url,
    NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? join(folder, 'compiled'),
  };
});
afterAll(async () => {
  await appBus.drain();
  await nats.stop();
  rmSync(folder, { recursive: true, force: true });
});

function ask(path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', servername: 'localhost', port, path, ca, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    }).on('error', reject);
  });
}

test.each<[string, Record<string, string>, string]>([
  ['a key that is none', { COUNTERSIGN_API_KEY: 'secret' }, 'create <name> --scope radius'],
  ['a name in place of an address', { COUNTERSIGN_RADIUS_HOSTS: 'localhost' }, 'COUNTERSIGN_RADIUS_HOSTS'],
  ['one port for both', { COUNTERSIGN_RADIUS_PORT: '1812', COUNTERSIGN_RADIUS_ACCOUNTING_PORT: '1812' }, 'the same'],
  [
    'an authority that is none',
    { COUNTERSIGN_RADSEC_CA_FILE: join(folder, 'cert.pem') },
    'COUNTERSIGN_RADSEC_CA is no',
  ],
  ['a refusal that says at once what was wrong', { COUNTERSIGN_REJECT_DELAY_MS: '0' }, 'COUNTERSIGN_REJECT_DELAY_MS'],
])('%s ends it at once, with a sentence that says what to change', (_, changed, sentence) => {
  const ended = spawnSync(process.execPath, ARGUMENTS, {
    env: { ...env, ...changed },
    encoding: 'utf8',
    timeout: 30_000,
  });
  expect(ended.status).toBe(1);
  expect(ended.stderr).toContain(sentence);
  expect(ended.stderr).not.toContain('    at ');
});

test('an address that is taken ends it, and the log says so', async () => {
  const taken = createSocket('udp4');
  taken.bind(Number(env['COUNTERSIGN_RADIUS_PORT']), '127.0.0.1');
  await once(taken, 'listening');
  const ended = spawnSync(process.execPath, ARGUMENTS, { env, encoding: 'utf8', timeout: 30_000 });
  taken.close();
  expect(ended.status).toBe(1);
  expect(ended.stdout).toContain('radius.unstarted');
  expect(ended.stdout).toContain('EADDRINUSE');
});

test('it is ready once it knows its clients, answers them, tells no secret, and stops in order', async () => {
  const started = await startProcess({
    name: 'radius',
    command: process.execPath,
    args: ARGUMENTS,
    env: { ...process.env, ...env },
  });
  try {
    await waitUntil(() => started.tail().includes('radius.started'), { what: 'it to start' });
    expect((await ask('/health/ready')).status).toBe(503);
    const own = endpoint(radiusClients, () => Promise.resolve({ version: '1', clients: [someClient()] }));
    const options = { queue: 'app-server', replica: 'app-1', maxInFlight: 10, logger: silentLogger() };
    await serve(appBus, [own], options);
    await waitUntil(async () => (await ask('/health/ready')).status === 200, { what: 'it to be ready' });
    const client = createSocket('udp4');
    client.bind(0, '127.0.0.1');
    const answered = once(client, 'message');
    const status = encodeStatusServer({ id: 1, authenticator: randomBytes(16) }, Buffer.from(SECRET));
    client.send(status, Number(env['COUNTERSIGN_RADIUS_PORT']), '127.0.0.1');
    const [answer] = (await answered) as [Buffer];
    client.close();
    expect(answer[0]).toBe(CODE.accessAccept);
    const { body } = await ask('/metrics');
    expect(body).toMatch(/countersign_radius_packets_total\{code="status-server",outcome="status".* 1\n/);
  } finally {
    await started.stop();
  }
  expect(started.tail()).toContain('radius.stopping');
  expect(started.tail()).not.toContain('radius.unstopped');
  expect(started.tail()).not.toContain(SECRET);
});
