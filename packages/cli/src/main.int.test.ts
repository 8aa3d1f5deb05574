import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemCheck, userFind, type Check } from '@countersign/contracts';
import { startNats, type NatsServer } from '@countersign/testkit';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { EXIT } from './exit-codes.ts';
import { ADMIN_KEY, standIn, type StandIn } from './testing/stand-in.ts';

let nats: NatsServer;
const folder = mkdtempSync(join(tmpdir(), 'cli-main-'));
const running: StandIn[] = [];

beforeAll(async () => {
  nats = await startNats({ storeDir: join(folder, 'nats') });
  mkdirSync(join(folder, '.countersign'));
  const stack = { nats: nats.url, natsUsers: { admin: 'unused: this server asks nobody' }, adminKey: ADMIN_KEY };
  writeFileSync(join(folder, '.countersign', 'dev.json'), JSON.stringify(stack));
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()));
});
afterAll(async () => {
  await nats.stop();
  rmSync(folder, { recursive: true, force: true });
});

const { PATH, NODE_COMPILE_CACHE } = process.env;
const BARE = { PATH, NODE_COMPILE_CACHE: NODE_COMPILE_CACHE ?? join(folder, 'compiled') };

/** The command line as a process of its own, with no terminal. */
function countersign(words: string, options: { stopAfter?: string; environment?: Record<string, string> } = {}) {
  return new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
    const child = spawn(
      process.execPath,
      ['--conditions=source', join(import.meta.dirname, 'main.ts'), ...words.split(' ')],
      { cwd: folder, env: { ...BARE, ...options.environment }, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let [out, err] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      if (options.stopAfter !== undefined && out.includes(options.stopAfter)) child.kill('SIGINT');
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => void (err += text));
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

async function replica(name: string, checks: Check[], at = Date.now): Promise<void> {
  const server = await standIn(nats.url, name, name);
  running.push(server);
  await server.on(systemCheck, () => ({ replica: name, at: new Date(at()).toISOString(), checks }));
}

test('the development stack is found, and a user asked for over NATS', async () => {
  const server = await standIn(nats.url);
  running.push(server);
  await server.on(userFind, () => ({ users: [] }));
  expect(await countersign('users find --json')).toMatchObject({ code: 0, out: '{\n  "users": []\n}\n', err: '' });
});

test('without a stack and settings, the exit code and both forms of the error', async () => {
  const environment = { COUNTERSIGN_NATS_URLS: nats.url };
  const plain = await countersign('users show alice', { environment });
  expect([plain.code, plain.out]).toEqual([EXIT.settings.code, '']);
  expect(plain.err).toContain('COUNTERSIGN_ADMIN_KEY is not set');
  const json = await countersign('users show alice --json', { environment });
  expect(JSON.parse(json.err)).toMatchObject({ error: { code: 'SETTINGS_INVALID', exitCode: 3 } });
});

test('doctor hears every replica, groups what they say, and is well when they are', async () => {
  const fine: Check = { name: 'postgres.primary', level: 'ok', detail: 'pg-1' };
  await replica('app-server-1', [fine]);
  await replica('app-server-2', [fine]);
  const { code, out, err } = await countersign('doctor');
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toMatch(/^command line\n {2}ok {4}settings +from .*dev\.json\n {2}ok {4}nats\.connection .*2 answer/s);
  expect(out).toMatch(/app-server-1\n {2}ok .*pg-1\n\napp-server-2\n {2}ok .*pg-1\n/);
  expect(out).toContain('Everything is well.');
});

test('doctor ends with 1 when one replica alone sees a failure, and with 0 when there are only warnings', async () => {
  await replica('app-server-1', [{ name: 'keys.ring', level: 'warn', detail: 'old', advice: 'Rotate.' }]);
  await replica('app-server-2', []);
  expect((await countersign('doctor --json')).code).toBe(0);
  await replica('app-server-3', [{ name: 'keys.ring', level: 'fail', detail: 'broken', advice: 'Mend it.' }]);
  const { code, out } = await countersign('doctor --json');
  expect(code).toBe(EXIT.checkFailed.code);
  const report = JSON.parse(out) as { level: string; checks: { where: string; name: string; level: string }[] };
  expect(report.level).toBe('fail');
  expect(report.checks.filter(({ level }) => level !== 'ok')).toEqual([
    { where: 'app-server-1', name: 'keys.ring', level: 'warn', detail: 'old', advice: 'Rotate.' },
    { where: 'app-server-3', name: 'keys.ring', level: 'fail', detail: 'broken', advice: 'Mend it.' },
  ]);
});

test('HA-50: doctor sees a replica whose clock is off', async () => {
  await replica('app-server-1', []);
  await replica('app-server-2', [], () => Date.now() + 15_000);
  const { code, out } = await countersign('doctor');
  expect(code).toBe(EXIT.checkFailed.code);
  expect(out).toMatch(/fail {2}clock\.replicas +app-server-2 is 15\.\d s ahead of app-server-1/);
});

test('doctor says so when nobody answers, and when NATS is not there', async () => {
  const nobody = await countersign('doctor');
  expect([nobody.code, nobody.out]).toEqual([EXIT.checkFailed.code, expect.stringContaining('no app-server answers')]);
  const environment = { COUNTERSIGN_NATS_URLS: 'nats://127.0.0.1:1', COUNTERSIGN_ADMIN_KEY: ADMIN_KEY };
  const away = await countersign('doctor', { environment });
  expect([away.code, away.out]).toEqual([EXIT.checkFailed.code, expect.stringContaining('NATS does not answer')]);
  expect(away.out).not.toContain(ADMIN_KEY);
});

test('a reader that stops early is no error', async () => {
  const child = spawn(
    'sh',
    [
      '-c',
      `"${process.execPath}" --conditions=source "${join(import.meta.dirname, 'main.ts')}" help | head -1; echo done`,
    ],
    { cwd: folder },
  );
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (part: string) => (text += part));
  await new Promise((resolve) => child.on('close', resolve));
  expect(text).toBe('countersign: the command line of a Countersign installation\ndone\n');
});
