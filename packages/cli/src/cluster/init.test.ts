import { X509Certificate } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readInstallation } from '@countersign/authority';
import { afterAll, expect, test } from 'vitest';
import { run } from '../run.ts';
import { recordedTerminal } from '../testing/terminal.ts';

const parent = mkdtempSync(join(tmpdir(), 'init-'));
const out = join(parent, 'installation');
afterAll(() => rmSync(parent, { recursive: true, force: true }));

function init(...words: string[]) {
  const terminal = recordedTerminal();
  const offline = () => {
    throw new Error('it works offline');
  };
  const deps = {
    terminal,
    settings: offline,
    connect: offline,
    now: () => Date.now(),
    signal: new AbortController().signal,
  };
  return run(['cluster', 'init', ...words], deps).then((code) => ({ code, terminal }));
}

const machines = [
  ['--nats', 'nats-1.example.com,nats-2.example.com,nats-3.example.com'],
  ['--postgres', 'db-1.example.com,db-2.example.com:5433'],
  ['--etcd', 'etcd-1.example.com,etcd-2.example.com,etcd-3.example.com'],
  ['--balancer', 'lb-1.example.com,lb-2.example.com'],
  ['--app-server', 'app-1.example.com'],
  ['--public-url', 'https://mfa.example.com'],
].flat();

test('every machine gets a folder with what it needs, said where it goes, and nothing of another', async () => {
  const { code, terminal } = await init('--out', out, ...machines);
  expect(terminal.err).toBe('');
  expect(code).toBe(0);
  const files = (folder: string) => readdirSync(join(out, folder)).toSorted();
  const certificate = ['ca.pem', 'replica.json', 'tls.key', 'tls.pem'];
  expect(Object.fromEntries(readdirSync(out).map((folder) => [folder, files(folder)]))).toEqual({
    admin: ['admin.env', 'ca.pem', 'nats.creds', 'replica.json', 'tls.key', 'tls.pem'],
    'app-server-1': [
      'app-server.env',
      'authority.json',
      'ca.pem',
      'key-ring',
      'nats.creds',
      'postgres-owner-urls',
      'postgres-urls',
      'replica.json',
      'tls.key',
      'tls.pem',
    ],
    'balancer-1': ['ca.pem', 'replica.json', 'tls.both.pem', 'tls.key', 'tls.pem'],
    'balancer-2': ['ca.pem', 'replica.json', 'tls.both.pem', 'tls.key', 'tls.pem'],
    'etcd-1': certificate,
    'etcd-2': certificate,
    'etcd-3': certificate,
    'nats-1': ['ca.pem', 'nats-server.conf', ...certificate.slice(1)],
    'nats-2': ['ca.pem', 'nats-server.conf', ...certificate.slice(1)],
    'nats-3': ['ca.pem', 'nats-server.conf', ...certificate.slice(1)],
    offline: ['operator.json'],
    'postgres-1': ['ca.pem', 'database.sql', 'monitor-password', ...certificate.slice(1)],
    'postgres-2': certificate,
  });
  for (const folder of readdirSync(out)) {
    for (const file of files(folder)) expect(statSync(join(out, folder, file)).mode & 0o077).toBe(0);
  }
  expect(terminal.out).toContain(`${out}/nats-2: to /etc/countersign/nats-server on nats-2.example.com\n`);
  expect(terminal.out).toContain(`${out}/postgres-2: to /etc/countersign/postgres on db-2.example.com\n`);
  expect(terminal.out).toContain(`${out}/offline: into a safe, onto no machine\n`);

  const text = (path: string) => readFileSync(join(out, path), 'utf8');
  expect(text('app-server-1/app-server.env')).toContain(
    'COUNTERSIGN_POSTGRES_URLS_FILE=/etc/countersign/app-server/postgres-urls\n',
  );
  expect(
    text('app-server-1/postgres-urls')
      .trim()
      .split(',')
      .map((url) => new URL(url).host),
  ).toEqual(['db-1.example.com:5432', 'db-2.example.com:5433']);
  expect(new X509Certificate(text('balancer-2/tls.both.pem')).subjectAltName).toBe(
    'DNS:lb-2.example.com, DNS:balancer-2',
  );
  const { founders } = readInstallation(text('app-server-1/authority.json'));
  expect(founders.find(({ service }) => service === 'app-server')).toMatchObject({
    postgresLogin: 'countersign_r_app_server_1',
  });
});

test('an installation is made into a new folder, of machines with names', async () => {
  expect((await init('--out', out, ...machines)).terminal.err).toContain('exists');
  const { code, terminal } = await init('--out', join(parent, 'other'), ...machines, '--etcd', '10.0.0.1');
  expect(code).toBe(2);
  expect(terminal.err).toContain('10.0.0.1');
});

test('an installation on NATS servers that sync no write is founded by whoever accepts it, and by nobody else', async () => {
  const unsynced = join(parent, 'unsynced');
  for (const version of ['2.9', '2.9.25']) {
    const { code, terminal } = await init('--out', unsynced, ...machines, '--nats-version', version);
    expect(code).toBe(2);
    expect(terminal.err).toContain('--accept-unsynced');
    expect(existsSync(unsynced)).toBe(false);
  }
  const settings = (folder: string) => readFileSync(join(folder, 'app-server-1/app-server.env'), 'utf8');
  expect((await init('--out', unsynced, ...machines, '--nats-version', '2.9', '--accept-unsynced')).code).toBe(0);
  expect(settings(unsynced)).toContain('COUNTERSIGN_NATS_UNSYNCED=');
  expect(settings(out)).not.toContain('COUNTERSIGN_NATS_UNSYNCED');
  expect(readFileSync(join(out, 'nats-1/nats-server.conf'), 'utf8')).toContain('sync_interval: always');
});
