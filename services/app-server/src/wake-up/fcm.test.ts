import { generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fcmChannel, readServiceAccount } from './fcm.ts';
import { startFakeFcm, type FakeFcm } from './testing/fake-fcm.ts';
import { localTls } from './testing/tls.ts';
import type { FcmTarget, WakeUpChannel } from './wake-up.ts';

const tls = await localTls();
const target: FcmTarget = { kind: 'fcm', deviceId: 'device-1', token: 'registration:token_of-the-phone' };

let time: number;
let fcm: FakeFcm;
let channel: WakeUpChannel<FcmTarget>;
beforeEach(async () => {
  time = 1_800_000_000_000;
  fcm = await startFakeFcm(tls, () => time);
  const account = readServiceAccount(fcm.accountFile)!;
  channel = fcmChannel({ account, now: () => time, url: fcm.url, authorities: tls.authorities });
});
afterEach(async () => {
  await channel.close();
  await fcm.stop();
});

const wake = (signal = AbortSignal.timeout(2000)) => channel.wake(target, { ttlSeconds: 90, signal });

test('DEV-24: the message says check, and nothing else', async () => {
  expect(await wake()).toEqual({ outcome: 'sent' });
  expect(fcm.messages).toHaveLength(1);
  expect(fcm.messages[0]).toMatchObject({ path: '/v1/projects/example-project/messages:send' });
  expect(JSON.parse(fcm.messages[0]!.body)).toEqual({
    message: { token: target.token, data: { check: '1' }, android: { priority: 'HIGH', ttl: '90s' } },
  });
  expect(JSON.stringify(fcm.messages)).not.toContain('device-1');
});

describe('the token of the service account', () => {
  test('is asked for once, by however many', async () => {
    expect(await Promise.all([wake(), wake(), wake()])).toEqual(Array.from({ length: 3 }, () => ({ outcome: 'sent' })));
    expect(await wake()).toEqual({ outcome: 'sent' });
    expect(fcm.tokensAsked).toBe(1);
  });

  test('is another one before its end', async () => {
    await wake();
    time += 54 * 60_000;
    await wake();
    expect(fcm.tokensAsked).toBe(1);
    time += 60_000;
    expect(await wake()).toEqual({ outcome: 'sent' });
    expect(fcm.tokensAsked).toBe(2);
  });

  test('is another one once it was refused', async () => {
    await wake();
    fcm.revoke();
    expect(await wake()).toEqual({ outcome: 'failed', reason: 'http_401' });
    expect(await wake()).toEqual({ outcome: 'sent' });
    expect(fcm.tokensAsked).toBe(2);
  });

  test('that is not given is a failure, and asked for again', async () => {
    fcm.behaveAtTokens('refuse');
    expect(await wake()).toEqual({ outcome: 'failed', reason: 'account_http_400' });
    expect(fcm.messages).toEqual([]);
    fcm.behaveAtTokens('grant');
    expect(await wake()).toEqual({ outcome: 'sent' });
  });

  test('that never comes is a failure', async () => {
    fcm.behaveAtTokens('hang');
    const from = performance.now();
    expect(await wake()).toEqual({ outcome: 'failed', reason: 'token_timeout' });
    expect(performance.now() - from).toBeLessThan(4000);
  });
});

test('404 UNREGISTERED: the app is no more', async () => {
  fcm.behave([404, 'UNREGISTERED']);
  expect(await wake()).toEqual({ outcome: 'gone' });
});

test.each([
  [404, 'http_404'],
  [[400, 'INVALID_ARGUMENT'], 'http_400_INVALID_ARGUMENT'],
  [[403, 'SENDER_ID_MISMATCH'], 'http_403_SENDER_ID_MISMATCH'],
  [[429, 'QUOTA_EXCEEDED'], 'http_429_QUOTA_EXCEEDED'],
  [[500, 'INTERNAL'], 'http_500_INTERNAL'],
  [[503, `of ${target.token}`], 'http_503'],
  [302, 'http_302'],
] as const)('%j: not this time, and no phone is forgotten', async (behaviour, reason) => {
  fcm.behave(behaviour);
  expect(await wake()).toEqual({ outcome: 'failed', reason });
  expect(fcm.messages).toHaveLength(1);
});

test('when FCM hangs it is left when the time is over', async () => {
  await wake();
  fcm.behave('hang');
  expect(await wake(AbortSignal.timeout(300))).toEqual({ outcome: 'failed', reason: 'timeout' });
});

describe('no key file of a service account', () => {
  const file = () => JSON.parse(fcm.accountFile) as Record<string, unknown>;
  const ecKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' });

  test.each([
    ['nothing', () => ''],
    ['a key of another kind', () => JSON.stringify({ ...file(), private_key: ecKey })],
    ['no key', () => JSON.stringify({ ...file(), private_key: 'x' })],
    ['an account of a user', () => JSON.stringify({ ...file(), type: 'authorized_user' })],
    [
      'a token endpoint without TLS',
      () => JSON.stringify({ ...file(), token_uri: 'http://oauth2.googleapis.com/token' }),
    ],
    ['a project that is a path', () => JSON.stringify({ ...file(), project_id: '../x' })],
  ])('%s', (_, text) => expect(readServiceAccount(text())).toBeUndefined());
});
