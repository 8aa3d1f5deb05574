import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import {
  createAuthority,
  freePort,
  issueCertificate,
  startNats,
  startProcess,
  waitUntil,
  type KeyAndCertificate,
  type NatsServer,
} from '@countersign/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'gateway-main-'));
const MAIN = join(import.meta.dirname, 'main.ts');
const ARGUMENTS = ['--conditions=source', MAIN];
let nats: NatsServer;
/** Lets in nobody without a password. */
let strict: NatsServer;
let authority: KeyAndCertificate;
let ca = '';
let port = 0;
let env: Record<string, string> = {};

beforeAll(async () => {
  nats = await startNats({ storeDir: join(folder, 'nats') });
  port = await freePort();
  authority = await createAuthority({ commonName: 'test', now: Date.now() });
  const issued = await issueCertificate(authority, { commonName: 'localhost', usage: 'server', now: Date.now() });
  ca = authority.certificatePem;
  writeFileSync(join(folder, 'cert.pem'), issued.certificatePem);
  writeFileSync(join(folder, 'key.pem'), issued.keyPem);
  const other = await issueCertificate(authority, { commonName: 'localhost', usage: 'server', now: Date.now() });
  writeFileSync(join(folder, 'other.pem'), other.keyPem);
  strict = await startNats({ storeDir: join(folder, 'strict'), users: [{ user: 'known', password: 'secret' }] });
  env = {
    COUNTERSIGN_REPLICA: 'sdk-gateway-1',
    COUNTERSIGN_PORT: String(port),
    COUNTERSIGN_PUBLIC_URL: 'https://mfa.example.com',
    COUNTERSIGN_TLS_CERT_FILE: join(folder, 'cert.pem'),
    COUNTERSIGN_TLS_KEY_FILE: join(folder, 'key.pem'),
    COUNTERSIGN_NATS_URLS: nats.url,
    // Filled by the first test. Without it, the machinery that strips types counts as memory of the service.
    NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? join(folder, 'compiled'),
  };
});
afterAll(async () => {
  await Promise.all([nats.stop(), strict.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

function status(path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', servername: 'localhost', port, path, ca, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    }).on('error', reject);
  });
}

test('missing settings end it with a sentence for each, and no stack', () => {
  const { status: code, stderr } = spawnSync(process.execPath, ARGUMENTS, {
    env: { COUNTERSIGN_PORT: 'x', NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? join(folder, 'compiled') },
    encoding: 'utf8',
  });
  expect(code).toBe(1);
  for (const name of ['COUNTERSIGN_REPLICA', 'COUNTERSIGN_TLS_KEY', 'COUNTERSIGN_NATS_URLS', 'COUNTERSIGN_PORT']) {
    expect(stderr).toContain(name);
  }
  expect(stderr).not.toContain('    at ');
});

test.each<[string, () => Record<string, string>, string]>([
  [
    'the key of another certificate',
    () => ({ COUNTERSIGN_TLS_KEY_FILE: join(folder, 'other.pem') }),
    'The key is not that of',
  ],
  ['a certificate for a key', () => ({ COUNTERSIGN_TLS_KEY_FILE: join(folder, 'cert.pem') }), 'The key cannot be read'],
  [
    'a public address without TLS',
    () => ({ COUNTERSIGN_PUBLIC_URL: 'http://mfa.example.com' }),
    'COUNTERSIGN_PUBLIC_URL',
  ],
  [
    'R20: a proxy with a typing mistake',
    () => ({ COUNTERSIGN_TRUSTED_PROXIES: '10.0.0.1,10.0.0.0/33' }),
    'COUNTERSIGN_TRUSTED_PROXIES holds "10.0.0.0/33"',
  ],
  [
    'a network of Prometheus that is none',
    () => ({ COUNTERSIGN_METRICS_FROM: 'prometheus' }),
    'COUNTERSIGN_METRICS_FROM holds "prometheus"',
  ],
  [
    'a certificate of a server for an authority',
    () => ({ COUNTERSIGN_CLIENT_CA_FILE: join(folder, 'cert.pem') }),
    'of no authority',
  ],
  [
    'a NATS user that NATS does not know',
    () => ({
      COUNTERSIGN_NATS_URLS: strict.url.replace(/\/\/.*@/, '//'),
      COUNTERSIGN_NATS_USER: 'sdk-gateway-9',
      COUNTERSIGN_NATS_PASSWORD: 'x',
    }),
    'NATS refuses the user sdk-gateway-9',
  ],
  [
    'NATS credentials that are not there',
    () => ({ COUNTERSIGN_NATS_CREDENTIALS_FILE: join(folder, 'none.creds') }),
    'none.creds, which cannot be read',
  ],
])('%s ends it at once, with a sentence that says what to change', (_, changed, sentence) => {
  const {
    status: code,
    stdout,
    stderr,
  } = spawnSync(process.execPath, ARGUMENTS, {
    env: { ...env, ...changed() },
    encoding: 'utf8',
    timeout: 20_000,
  });
  expect(code).toBe(1);
  expect(stderr + stdout).toContain(sentence.replaceAll('"', stderr.includes(sentence) ? '"' : '\\"'));
  expect(stderr).not.toContain('    at ');
});

test('it starts before NATS, comes when NATS comes, and stops in order', async () => {
  await nats.stop();
  const started = await startProcess({
    name: 'gateway',
    command: process.execPath,
    args: ARGUMENTS,
    env: { ...process.env, ...env },
  });
  try {
    await waitUntil(() => started.tail().includes('bus.waiting'), { what: 'it to say that it waits' });
    await nats.start();
    await waitUntil(async () => (await status('/health/ready')) === 200, { what: 'it to be ready' });
    expect(await status('/v1/openapi.json')).toBe(200);
  } finally {
    await started.stop();
  }
  expect(started.tail()).toContain('gateway.stopping');
  await expect(status('/health/live')).rejects.toThrow('ECONNREFUSED');
});

test("a renewed certificate is shown from SIGHUP on, to nobody's loss; a broken one is not", async () => {
  const started = await startProcess({
    name: 'gateway',
    command: process.execPath,
    args: ARGUMENTS,
    env: { ...process.env, ...env },
    // Requests are logged as well, so that what it says of certificates is soon not among the last lines.
    logFile: join(folder, 'renewal.log'),
    readyWhen: async () => (await status('/health/ready')) === 200,
  });
  const said = (event: string) => readFileSync(join(folder, 'renewal.log'), 'utf8').includes(event);
  const kept = new Agent({ keepAlive: true, maxSockets: 1 });
  const seen = (agent: Agent | false) =>
    new Promise<{ serial: string; socket: TLSSocket; status: number }>((resolve, reject) => {
      get({ host: '127.0.0.1', servername: 'localhost', port, path: '/v1/openapi.json', ca, agent }, (response) => {
        const socket = response.socket as TLSSocket;
        const { serialNumber: serial } = socket.getPeerCertificate();
        response.resume().once('end', () => resolve({ serial, socket, status: response.statusCode ?? 0 }));
      }).on('error', reject);
    });
  try {
    const before = await seen(kept);
    // Whoever asks meanwhile is answered, over old connections and new ones.
    const asking = new AbortController();
    const asked = (async () => {
      const statuses: number[] = [];
      while (!asking.signal.aborted) statuses.push((await seen(kept)).status, (await seen(false)).status);
      return statuses;
    })();
    const issued = await issueCertificate(authority, { commonName: 'localhost', usage: 'server', now: Date.now() });
    writeFileSync(join(folder, 'key.pem'), issued.keyPem);
    process.kill(started.pid, 'SIGHUP');
    // The key alone fits no certificate.
    await waitUntil(() => said('certificate.kept'), { what: 'it to refuse the half of a pair' });
    expect((await seen(false)).serial).toBe(before.serial);

    writeFileSync(join(folder, 'cert.pem'), issued.certificatePem);
    process.kill(started.pid, 'SIGHUP');
    await waitUntil(() => said('certificate.reloaded'), { what: 'it to reload' });
    expect((await seen(false)).serial).not.toBe(before.serial);
    const still = await seen(kept);
    expect(still).toMatchObject({ serial: before.serial, status: 200 });
    expect(still.socket).toBe(before.socket);
    asking.abort();
    const statuses = await asked;
    expect(statuses.length).toBeGreaterThan(3);
    expect(new Set(statuses)).toEqual(new Set([200]));
  } finally {
    kept.destroy();
    await started.stop();
  }
});
