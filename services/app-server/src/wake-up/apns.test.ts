import { generateKeyPairSync } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { apnsChannel, readApnsKey } from './apns.ts';
import { startFakeApns, type FakeApns } from './testing/fake-apns.ts';
import { localTls } from './testing/tls.ts';
import type { ApnsTarget, WakeUpChannel } from './wake-up.ts';

const tls = await localTls();
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const names = { keyId: 'ABC123DEFG', teamId: 'DEF123GHIJ' };
const target: ApnsTarget = { kind: 'apns', deviceId: 'device-1', token: 'a1'.repeat(32) };

let time: number;
let apns: FakeApns;
let channel: WakeUpChannel<ApnsTarget>;
beforeEach(async () => {
  time = 1_800_000_000_000;
  const now = () => time;
  apns = await startFakeApns(tls, { publicKey, ...names, now });
  channel = channelWith({});
});
afterEach(async () => {
  await channel.close();
  await apns.stop();
});

function channelWith(other: { keyId?: string; teamId?: string }): WakeUpChannel<ApnsTarget> {
  const { authorities } = tls;
  return apnsChannel({
    ...names,
    ...other,
    key: privateKey,
    topic: 'com.example.mfa',
    now: () => time,
    url: apns.url,
    authorities,
  });
}
const wake = (signal = AbortSignal.timeout(2000), token = target.token) =>
  channel.wake({ ...target, token }, { ttlSeconds: 90, signal });

test('DEV-24: the message is always the same, and nothing says which login it is for', async () => {
  expect(await wake()).toEqual({ outcome: 'sent' });
  const [{ headers, body } = { headers: {}, body: '' }] = apns.requests;
  expect(JSON.parse(body)).toEqual({ aps: { alert: { 'loc-key': 'LOOK' }, sound: 'default', 'content-available': 1 } });
  expect(headers).toMatchObject({
    ':method': 'POST',
    ':path': `/3/device/${target.token}`,
    'apns-topic': 'com.example.mfa',
    'apns-push-type': 'alert',
    'apns-priority': '10',
    'apns-expiration': '1800000090',
    'apns-collapse-id': 'look',
  });
  expect(JSON.stringify(apns.requests)).not.toContain('device-1');
});

describe('the provider token', () => {
  test.each([{ keyId: 'XXXXXXXXXX' }, { teamId: 'XXXXXXXXXX' }])('of somebody else is not taken: %j', async (other) => {
    const stranger = channelWith(other);
    const outcome = await stranger.wake(target, { ttlSeconds: 90, signal: AbortSignal.timeout(2000) });
    await stranger.close();
    expect(outcome).toEqual({ outcome: 'failed', reason: 'http_403_InvalidProviderToken' });
  });

  test('is another one after 20 minutes at the soonest, and before it is an hour old', async () => {
    for (let minute = 0; minute <= 180; minute += 5) {
      expect(await wake()).toEqual({ outcome: 'sent' });
      time += 5 * 60_000;
    }
    const madeAt = [...apns.tokensMadeAt];
    expect(madeAt.length).toBeGreaterThan(3);
    for (const [index, at] of madeAt.slice(1).entries()) {
      expect(at - madeAt[index]!).toBeGreaterThanOrEqual(20 * 60);
      expect(at - madeAt[index]!).toBeLessThan(60 * 60);
    }
  });

  test('is another one after the clock was set back', async () => {
    await wake();
    time -= 24 * 3_600_000;
    expect(await wake()).toEqual({ outcome: 'sent' });
  });
});

test('410: the app is no more', async () => {
  apns.behave([410, 'Unregistered']);
  expect(await wake()).toEqual({ outcome: 'gone' });
});

test.each([
  [[400, 'BadDeviceToken'], 'http_400_BadDeviceToken'],
  [404, 'http_404'],
  [[429, 'TooManyRequests'], 'http_429_TooManyRequests'],
  [[500, 'InternalServerError'], 'http_500_InternalServerError'],
  [[503, `about ${target.token}`], 'http_503'],
  [302, 'http_302'],
] as const)('%j: not this time, and no phone is forgotten', async (behaviour, reason) => {
  apns.behave(behaviour);
  expect(await wake()).toEqual({ outcome: 'failed', reason });
  expect(apns.requests).toHaveLength(1);
});

test('a token that is none does not get into the path', async () => {
  for (const token of ['', 'a1', `${target.token}/../x`, 'z'.repeat(64)]) {
    expect(await wake(undefined, token)).toEqual({ outcome: 'failed', reason: 'device_token' });
  }
  expect(apns.connections).toBe(0);
});

describe('the connection', () => {
  test('is one for all', async () => {
    const outcomes = await Promise.all([wake(), wake(), wake()]);
    expect(outcomes).toEqual(Array.from({ length: 3 }, () => ({ outcome: 'sent' })));
    await wake();
    expect(apns.connections).toBe(1);
  });

  test('is another one after it hung', async () => {
    await wake();
    apns.behave('hang');
    expect(await wake(AbortSignal.timeout(300))).toEqual({ outcome: 'failed', reason: 'timeout' });
    apns.behave(200);
    expect(await wake()).toEqual({ outcome: 'sent' });
    expect(apns.connections).toBe(2);
  });

  test.each(['die', 'goaway'] as const)('is another one after the other side left it: %s', async (behaviour) => {
    apns.behave(behaviour);
    const { outcome } = await wake();
    expect(outcome).toBe(behaviour === 'die' ? 'failed' : 'sent');
    await sleep(50);
    apns.behave(200);
    expect(await wake()).toEqual({ outcome: 'sent' });
    expect(apns.connections).toBe(2);
  });

  test('that nobody takes is a failure', async () => {
    await apns.stop();
    expect(await wake()).toEqual({ outcome: 'failed', reason: 'econnrefused' });
    apns = await startFakeApns(tls, { publicKey, ...names, now: () => time });
  });

  test('is not opened to who shows a certificate of somebody else', async () => {
    const trusting = apnsChannel({ ...names, key: privateKey, topic: 'x', now: () => time, url: apns.url });
    const outcome = await trusting.wake(target, { ttlSeconds: 90, signal: AbortSignal.timeout(2000) });
    await trusting.close();
    expect(outcome).toMatchObject({ outcome: 'failed' });
    expect(apns.requests).toEqual([]);
  });
});

test.each([
  ['nothing', ''],
  ['no key', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'],
  [
    'an RSA key',
    generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
  ],
  [
    'another curve',
    generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
  ],
])('no .p8 file: %s', (_, text) => expect(readApnsKey(text)).toBeUndefined());
