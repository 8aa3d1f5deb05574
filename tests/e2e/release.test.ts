import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, lstatSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:https';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import {
  createAuthority,
  createDatabase,
  ensureRole,
  freePort,
  issueCertificate,
  startNats,
  startPostgres,
  startProcess,
  type NatsServer,
  type PostgresNode,
  type RunningProcess,
} from '@countersign/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ROOT } from '../repo/tracked-files.ts';

const run = promisify(execFile);
const dir = mkdtempSync(join(tmpdir(), 'release-'));
const release = join(dir, 'countersign');
const node = join(release, 'node');
let nats: NatsServer;
let postgres: PostgresNode;
const running: RunningProcess[] = [];
let inApp: Record<string, string>;
let adminKey: string;

beforeAll(async () => {
  [nats, postgres] = await Promise.all([
    startNats({ storeDir: join(dir, 'nats') }),
    startPostgres({ dir: join(dir, 'postgres'), password: 'secret', fsync: false }),
    run(process.execPath, ['--conditions=source', join(ROOT, 'infra/dev/release.ts'), release]),
  ]);
}, 300_000);
afterAll(async () => {
  for (const one of running.toReversed()) await one.kill();
  await postgres?.kill();
  await nats?.kill();
  rmSync(dir, { recursive: true, force: true });
});

function start(service: string, environment: Record<string, string>, readyWhen: () => Promise<boolean>) {
  return startProcess({
    name: service,
    command: node,
    args: ['--disable-proto=delete', join(release, service, 'dist', 'main.js')],
    // Nothing of the checkout is within reach.
    env: { PATH: '/usr/bin:/bin', ...environment },
    cwd: '/',
    logFile: join(dir, `${service}.log`),
    readyWhen,
    readyTimeoutMs: 60_000,
  }).then((one) => running.push(one));
}

const agent = new Agent({ rejectUnauthorized: false });
function fetched(url: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    }).on('error', reject);
  });
}
const isReady = (url: string) => async () =>
  fetched(url).then(
    ({ status }) => status === 200,
    () => false,
  );

test('nothing in it leads out of it, and nothing is for those who build it', () => {
  const links = readdirSync(release, { recursive: true, withFileTypes: true })
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((path) => lstatSync(path).isSymbolicLink());
  expect(links.length).toBeGreaterThan(20);
  expect(links.filter((path) => isAbsolute(readlinkSync(path)) || !existsSync(path))).toEqual([]);
  for (const service of [
    'app-server',
    'sdk-gateway',
    'user-portal',
    'mobile-app-web-service',
    'radius-server',
    'cli',
  ]) {
    expect(readdirSync(join(release, service))).not.toContain('src');
    expect(existsSync(join(release, service, 'node_modules', 'typescript'))).toBe(false);
  }
  expect(existsSync(join(release, 'share/systemd/countersign-app-server.service'))).toBe(true);
  expect(existsSync(join(release, 'share/ha/templates/patroni.yml'))).toBe(true);
});

test('what was compiled founds an installation, serves it and administers it', async () => {
  const database = await createDatabase(postgres, 'countersign');
  await ensureRole(postgres, 'countersign_service', 'secret');
  const asService = new URL(database);
  [asService.username, asService.password] = ['countersign_service', 'secret'];
  const health = await freePort();
  inApp = {
    COUNTERSIGN_REPLICA: 'app-server-1',
    COUNTERSIGN_PORT: String(health),
    COUNTERSIGN_NATS_URLS: nats.url,
    COUNTERSIGN_POSTGRES_URLS: asService.href,
    COUNTERSIGN_POSTGRES_OWNER_URLS: database,
    COUNTERSIGN_KEY_RING: `k1:${randomBytes(32).toString('base64')}`,
    COUNTERSIGN_PUBLIC_URL: 'https://mfa.example.com',
    COUNTERSIGN_PORTAL_URL: 'https://portal.example.com',
    COUNTERSIGN_DEVICE_URL: 'https://phones.example.com',
  };
  const bootstrap = join(release, 'app-server', 'dist', 'bootstrap.js');
  const { stdout } = await run(node, [bootstrap, 'administrator'], { cwd: '/', env: inApp });
  adminKey = (JSON.parse(stdout) as { apiKey: string }).apiKey;
  await start('app-server', inApp, async () =>
    fetch(`http://127.0.0.1:${health}/health/ready`).then(
      ({ status }) => status === 200,
      () => false,
    ),
  );

  const administer = async (...words: string[]) => {
    const starter = join(dir, 'countersign.sh');
    writeFileSync(starter, `exec ${node} ${join(release, 'cli/dist/main.js')} "$@"\n`);
    const env = { PATH: '/usr/bin:/bin', COUNTERSIGN_NATS_URLS: nats.url, COUNTERSIGN_ADMIN_KEY: adminKey };
    return (await run('/bin/sh', [starter, ...words, '--json', '--yes'], { cwd: '/', env })).stdout;
  };
  const scopes = ['portal', 'password', 'challenge'].flatMap((scope) => ['--scope', scope]);
  const { apiKey } = JSON.parse(await administer('applications', 'create', 'Portal', ...scopes)) as { apiKey: string };
  const made = await administer('applications', 'create', 'Mobile', '--scope', 'device');
  const { apiKey: deviceKey } = JSON.parse(made) as { apiKey: string };
  const speaking = await administer('applications', 'create', 'RADIUS', '--scope', 'radius');
  const { apiKey: radiusKey } = JSON.parse(speaking) as { apiKey: string };

  const now = Date.now();
  const authority = await createAuthority({ commonName: 'release', now });
  const pair = await issueCertificate(authority, { commonName: 'localhost', usage: 'server', now });
  const [gateway, portal, mobile, radius] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const edge = {
    COUNTERSIGN_TLS_CERT: pair.certificatePem,
    COUNTERSIGN_TLS_KEY: pair.keyPem,
    COUNTERSIGN_NATS_URLS: nats.url,
    COUNTERSIGN_HOST: '127.0.0.1',
  };
  await start(
    'sdk-gateway',
    {
      ...edge,
      COUNTERSIGN_REPLICA: 'sdk-gateway-1',
      COUNTERSIGN_PORT: String(gateway),
      COUNTERSIGN_PUBLIC_URL: 'https://mfa.example.com',
    },
    isReady(`https://127.0.0.1:${gateway}/health/ready`),
  );
  await start(
    'user-portal',
    {
      ...edge,
      COUNTERSIGN_REPLICA: 'user-portal-1',
      COUNTERSIGN_PORT: String(portal),
      COUNTERSIGN_PORTAL_URL: 'https://portal.example.com',
      COUNTERSIGN_API_KEY: apiKey,
    },
    isReady(`https://127.0.0.1:${portal}/health/ready`),
  );
  await start(
    'mobile-app-web-service',
    {
      ...edge,
      COUNTERSIGN_REPLICA: 'mobile-app-web-service-1',
      COUNTERSIGN_PORT: String(mobile),
      COUNTERSIGN_DEVICE_URL: 'https://phones.example.com',
      COUNTERSIGN_API_KEY: deviceKey,
    },
    isReady(`https://127.0.0.1:${mobile}/health/ready`),
  );
  await start(
    'radius-server',
    {
      ...edge,
      COUNTERSIGN_REPLICA: 'radius-server-1',
      COUNTERSIGN_PORT: String(radius),
      COUNTERSIGN_RADIUS_HOSTS: '127.0.0.1',
      COUNTERSIGN_RADIUS_PORT: String(await freePort()),
      COUNTERSIGN_RADIUS_ACCOUNTING_PORT: '0',
      COUNTERSIGN_RADSEC_PORT: '0',
      COUNTERSIGN_API_KEY: radiusKey,
    },
    isReady(`https://127.0.0.1:${radius}/health/ready`),
  );
  for (const page of [`https://127.0.0.1:${portal}/`, `https://127.0.0.1:${mobile}/app/`]) {
    const [, script = ''] = /src="([^"]*assets\/[^"]+)"/.exec((await fetched(page)).body) ?? [];
    expect((await fetched(new URL(script, page).href)).status).toBe(200);
  }
  expect((await fetched(`https://127.0.0.1:${gateway}/v1/openapi.json`)).status).toBe(200);

  const status = await administer('cluster', 'status');
  for (const service of ['app-server', 'sdk-gateway', 'user-portal', 'mobile-app-web-service', 'radius-server']) {
    expect(status).toContain(`${service}-1`);
  }
  await administer('users', 'create', 'alice');
  // Hashing has a thread of its own, which is another file when compiled.
  await administer('policy', 'set', 'pin.methods', '["totp"]');
  expect(await administer('users', 'set-pin', 'alice')).toMatch(/\d{8}/);
});
