import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readEnvironment, SettingsError } from '@countersign/config';
import { createMetrics, silentLogger } from '@countersign/telemetry';
import { afterAll, describe, expect, test } from 'vitest';
import webPush from 'web-push';
import { StartRefused } from '../start-refused.ts';
import { WAKE_UP_SETTINGS, wakeUpsOf } from './settings.ts';
import type { WakeUpTarget } from './wake-up.ts';

const pem = { type: 'pkcs8', format: 'pem' } as const;
const appleKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export(pem);
const googleKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export(pem);
const account = JSON.stringify({
  type: 'service_account',
  project_id: 'example-project',
  private_key_id: 'key-1',
  private_key: googleKey,
  client_email: 'push@example-project.iam.gserviceaccount.com',
  token_uri: 'https://localhost:1/token',
});
const apns = {
  COUNTERSIGN_APNS_KEY: appleKey,
  COUNTERSIGN_APNS_KEY_ID: 'ABC123DEFG',
  COUNTERSIGN_APNS_TEAM_ID: 'DEF123GHIJ',
  COUNTERSIGN_APNS_TOPIC: 'com.example.mfa',
};

const folder = mkdtempSync(join(tmpdir(), 'wake-up-'));
afterAll(() => rmSync(folder, { recursive: true }));

function start(environment: Record<string, string>) {
  return wakeUpsOf(readEnvironment(WAKE_UP_SETTINGS, environment), {
    vapid: webPush.generateVAPIDKeys(),
    now: () => 1_800_000_000_000,
    onGone: () => undefined,
    logger: silentLogger(),
    metrics: createMetrics({ service: 'test', replica: 'test-1', processMetrics: false }),
  });
}

/** Such that nothing leaves this machine: refused as addresses, or where nobody listens. */
const targets: WakeUpTarget[] = [
  {
    kind: 'web-push',
    deviceId: 'd',
    subscription: { endpoint: 'https://10.0.0.1/x', keys: { p256dh: 'p'.repeat(87), auth: 'a'.repeat(22) } },
  },
  { kind: 'fcm', deviceId: 'd', token: 't' },
  { kind: 'apns', deviceId: 'd', token: 'none' },
];
async function kindsOf(environment: Record<string, string>): Promise<string[]> {
  const wakeUps = start(environment);
  const results = await Promise.all(targets.map((target) => wakeUps.wake(target, 90)));
  await wakeUps.close();
  return targets.filter((_, index) => results[index] !== 'off').map(({ kind }) => kind);
}

describe('each way to phones is off until it is configured', () => {
  test.each([
    [{}, []],
    [{ COUNTERSIGN_PUSH_HOSTS: 'push.example.lan' }, []],
    [{ COUNTERSIGN_PUSH_CONTACT: 'mailto:mfa@example.com' }, ['web-push']],
    [{ COUNTERSIGN_PUSH_CONTACT: 'https://mfa.example.com/contact' }, ['web-push']],
    [{ COUNTERSIGN_FCM_ACCOUNT: account }, ['fcm']],
    [apns, ['apns']],
  ])('%#', async (environment, kinds) => expect(await kindsOf(environment)).toEqual(kinds));

  test('keys come from files', async () => {
    const files = { COUNTERSIGN_FCM_ACCOUNT_FILE: join(folder, 'fcm'), COUNTERSIGN_APNS_KEY_FILE: join(folder, 'p8') };
    writeFileSync(files.COUNTERSIGN_FCM_ACCOUNT_FILE, `${account}\n`);
    writeFileSync(files.COUNTERSIGN_APNS_KEY_FILE, appleKey);
    const { COUNTERSIGN_APNS_KEY: _, ...names } = apns;
    expect(await kindsOf({ ...files, ...names })).toEqual(['fcm', 'apns']);
  });
});

describe('a start is refused', () => {
  test.each([
    [{ COUNTERSIGN_FCM_ACCOUNT: '{}' }, /^COUNTERSIGN_FCM_ACCOUNT is no key file/],
    [{ ...apns, COUNTERSIGN_APNS_KEY: googleKey }, /^COUNTERSIGN_APNS_KEY is no \.p8 file/],
    [{ COUNTERSIGN_APNS_KEY: appleKey }, /^Set all of COUNTERSIGN_APNS_KEY /],
    [{ COUNTERSIGN_APNS_TOPIC: 'com.example.mfa' }, /^Set all of COUNTERSIGN_APNS_KEY /],
  ])('%#', (environment, sentence) => {
    expect(() => start(environment)).toThrow(StartRefused);
    expect(() => start(environment)).toThrow(sentence);
  });

  test.each([
    { COUNTERSIGN_PUSH_CONTACT: 'mfa@example.com' },
    { COUNTERSIGN_PUSH_CONTACT: 'https://localhost/contact' },
    { COUNTERSIGN_PUSH_HOSTS: 'https://push.example.lan' },
    { COUNTERSIGN_PUSH_HOSTS: 'PUSH.example.lan' },
    { COUNTERSIGN_PUSH_HOSTS: '*.example.lan' },
    { COUNTERSIGN_FCM_ACCOUNT_FILE: join(folder, 'nowhere') },
    { ...apns, COUNTERSIGN_APNS_TEAM_ID: '../x' },
  ])('when a setting has another form: %j', (environment) =>
    expect(() => readEnvironment(WAKE_UP_SETTINGS, environment)).toThrow(SettingsError),
  );

  test('without a word of what is secret', () => {
    expect(() => start({ COUNTERSIGN_FCM_ACCOUNT: 'hunter22' })).not.toThrow(/hunter22/);
    expect(() => start({ ...apns, COUNTERSIGN_APNS_KEY: 'hunter22' })).not.toThrow(/hunter22/);
  });
});
