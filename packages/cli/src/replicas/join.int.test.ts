import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fingerprintOfPem, writeToken, type Admission, type ServiceName } from '@countersign/authority';
import { createAuthority, issueCertificate, type KeyAndCertificate } from '@countersign/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../run.ts';
import { recordedTerminal } from '../testing/terminal.ts';

const dir = mkdtempSync(join(tmpdir(), 'join-'));
let authority: KeyAndCertificate;
let server: Server;
/** Whom the stand-in of an app-server admits. */
let admitted: Admission;

beforeAll(async () => {
  authority = await createAuthority({ commonName: 'test', now: Date.now() });
  const { certificatePem, keyPem } = await issueCertificate(authority, {
    commonName: 'app-server-1',
    usage: 'server',
    now: Date.now(),
    names: ['localhost'],
  });
  server = createServer({ cert: certificatePem, key: keyPem }, (request, response) => {
    const answer = request.url === '/join/authority' ? { certificate: authority.certificatePem } : admitted;
    request.resume().once('end', () => response.end(JSON.stringify(answer)));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(async () => {
  server.close();
  await once(server, 'close');
  rmSync(dir, { recursive: true, force: true });
});

async function joined(
  service: ServiceName,
  settings: Record<string, string> = {},
): Promise<{ out: string; folder: string }> {
  const name = `${service}-7`;
  admitted = {
    service,
    name,
    certificate: 'certificate',
    authority: authority.certificatePem,
    expiresAt: '2027-01-01T00:00:00.000Z',
    natsJwt: 'jwt',
    settings: { COUNTERSIGN_NATS_URLS: 'nats://nats-1:4222', ...settings },
    secretSettings: {},
  };
  const token = writeToken({
    urls: [`https://localhost:${(server.address() as AddressInfo).port}`],
    authority: fingerprintOfPem(authority.certificatePem),
    id: 'i'.repeat(22),
    secret: 's'.repeat(43),
    service,
    name,
    hosts: ['localhost'],
  });
  const terminal = recordedTerminal({ input: token });
  const unused = () => {
    throw new Error('it needs no settings');
  };
  const folder = mkdtempSync(join(dir, service));
  const deps = { terminal, settings: unused, connect: unused, now: Date.now, signal: new AbortController().signal };
  expect(await run(['join', '--out', folder], deps), terminal.err).toBe(0);
  return { out: terminal.out, folder };
}

test('a portal is told what its administrator has to add, and how it is started', async () => {
  const { out, folder } = await joined('user-portal');
  expect(out).toContain('Add to user-portal.env: COUNTERSIGN_PORTAL_URL, COUNTERSIGN_API_KEY_FILE\n');
  expect(out).toContain('Start it: systemctl enable --now countersign-user-portal.service\n');
  const settings = readFileSync(join(folder, 'user-portal.env'), 'utf8');
  expect(settings).toContain(`COUNTERSIGN_TLS_CERT_FILE=${folder}/tls.pem\n`);
  // What is left to add stands there in no form that would pass for it.
  expect(settings).not.toMatch(/API_KEY|PORTAL_URL/);
  expect(statSync(join(folder, 'user-portal.env')).mode & 0o777).toBe(0o600);
});

test('what app-server knows is not left to add', async () => {
  const { out, folder } = await joined('user-portal', { COUNTERSIGN_PORTAL_URL: 'https://portal.example.com' });
  expect(out).toContain('Add to user-portal.env: COUNTERSIGN_API_KEY_FILE\n');
  expect(readFileSync(join(folder, 'user-portal.env'), 'utf8')).toContain(
    'COUNTERSIGN_PORTAL_URL=https://portal.example.com\n',
  );
});

test('whoever serves phones needs the key of its application, and where phones reach it unless app-server knows', async () => {
  const { out } = await joined('mobile-app-web-service');
  expect(out).toContain('Add to mobile-app-web-service.env: COUNTERSIGN_DEVICE_URL, COUNTERSIGN_API_KEY_FILE\n');
  const { out: told } = await joined('mobile-app-web-service', {
    COUNTERSIGN_DEVICE_URL: 'https://phones.example.com',
  });
  expect(told).toContain('Add to mobile-app-web-service.env: COUNTERSIGN_API_KEY_FILE\n');
  expect(told).toContain('systemctl enable --now countersign-mobile-app-web-service.service\n');
});

test('whoever speaks RADIUS needs the key of its application, and nothing else', async () => {
  const { out } = await joined('radius-server');
  expect(out).toContain('Add to radius-server.env: COUNTERSIGN_API_KEY_FILE\n');
  expect(out).toContain('systemctl enable --now countersign-radius-server.service\n');
});

test('who was given everything is told nothing of it', async () => {
  const { out } = await joined('sdk-gateway');
  expect(out).not.toContain('Add to');
});
