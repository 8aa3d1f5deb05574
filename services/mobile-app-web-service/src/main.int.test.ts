import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

const folder = mkdtempSync(join(tmpdir(), 'mobile-main-'));
const ARGUMENTS = ['--conditions=source', join(import.meta.dirname, 'main.ts')];
let nats: NatsServer;
let ca = '';
let port = 0;
let env: Record<string, string> = {};

beforeAll(async () => {
  nats = await startNats({ storeDir: join(folder, 'nats') });
  port = await freePort();
  const authority = await createAuthority({ commonName: 'test', now: Date.now() });
  const issued = await issueCertificate(authority, { commonName: 'localhost', usage: 'server', now: Date.now() });
  ca = authority.certificatePem;
  mkdirSync(join(folder, 'pages', 'assets'), { recursive: true });
  writeFileSync(join(folder, 'pages', 'index.html'), '<!doctype html>');
  writeFileSync(join(folder, 'cert.pem'), issued.certificatePem);
  writeFileSync(join(folder, 'key.pem'), issued.keyPem);
  env = {
    COUNTERSIGN_REPLICA: 'mobile-app-web-service-1',
    COUNTERSIGN_PORT: String(port),
    COUNTERSIGN_DEVICE_URL: 'https://phones.example.com',
    COUNTERSIGN_API_KEY: 'csk_mobile_AAAAAAAAAAAAAAAAAAAA',
    COUNTERSIGN_PAGES: join(folder, 'pages'),
    COUNTERSIGN_TLS_CERT_FILE: join(folder, 'cert.pem'),
    COUNTERSIGN_TLS_KEY_FILE: join(folder, 'key.pem'),
    COUNTERSIGN_NATS_URLS: nats.url,
    NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? join(folder, 'compiled'),
  };
});
afterAll(async () => {
  await nats.stop();
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

test.each<[string, Record<string, string>, string]>([
  ['a key that is none', { COUNTERSIGN_API_KEY: 'secret' }, 'create <name> --scope device'],
  ['an address with a path', { COUNTERSIGN_DEVICE_URL: 'https://example.com/mfa' }, 'COUNTERSIGN_DEVICE_URL'],
  ['an address without TLS', { COUNTERSIGN_DEVICE_URL: 'http://example.com' }, 'COUNTERSIGN_DEVICE_URL'],
  ['pages that are not there', { COUNTERSIGN_PAGES: join(folder, 'none') }, 'Build them (pnpm build)'],
  ['more phones than a process can hold', { COUNTERSIGN_MAX_WAITING: '100001' }, 'COUNTERSIGN_MAX_WAITING'],
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

test('it is ready when NATS is, serves the authenticator, and stops in order', async () => {
  const started = await startProcess({
    name: 'mobile',
    command: process.execPath,
    args: ARGUMENTS,
    env: { ...process.env, ...env },
  });
  try {
    await waitUntil(() => started.tail().includes('mobile.started'), { what: 'it to start' });
    expect(await status('/health/ready')).toBe(200);
    expect(await status('/v1/openapi.json')).toBe(200);
    expect(await status('/app/')).toBe(200);
  } finally {
    await started.stop();
  }
  expect(started.tail()).toContain('mobile.stopping');
});
