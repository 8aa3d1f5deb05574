import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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

const folder = mkdtempSync(join(tmpdir(), 'gateway-main-'));
const MAIN = join(import.meta.dirname, 'main.ts');
const ARGUMENTS = ['--conditions=source', MAIN];
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
  writeFileSync(join(folder, 'cert.pem'), issued.certificatePem);
  writeFileSync(join(folder, 'key.pem'), issued.keyPem);
  env = {
    COUNTERSIGN_REPLICA: 'sdk-gateway-1',
    COUNTERSIGN_PORT: String(port),
    COUNTERSIGN_PUBLIC_URL: 'https://mfa.example.com',
    COUNTERSIGN_TLS_CERT_FILE: join(folder, 'cert.pem'),
    COUNTERSIGN_TLS_KEY_FILE: join(folder, 'key.pem'),
    COUNTERSIGN_NATS_URLS: nats.url,
    // Filled by the first test. Without it, the machinery that strips types counts as memory of the service.
    NODE_COMPILE_CACHE: join(folder, 'compiled'),
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

test('missing settings end it with a sentence for each, and no stack', () => {
  const { status: code, stderr } = spawnSync(process.execPath, ARGUMENTS, {
    env: { COUNTERSIGN_PORT: 'x', NODE_COMPILE_CACHE: join(folder, 'compiled') },
    encoding: 'utf8',
  });
  expect(code).toBe(1);
  for (const name of ['COUNTERSIGN_REPLICA', 'COUNTERSIGN_TLS_KEY', 'COUNTERSIGN_NATS_URLS', 'COUNTERSIGN_PORT']) {
    expect(stderr).toContain(name);
  }
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
