import { createMetrics, silentLogger } from '@countersign/telemetry';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import webPush from 'web-push';
import { startFakePushService, type FakePushService } from './testing/fake-push-service.ts';
import { localTls } from './testing/tls.ts';
import { WakeUps, type WakeUpChannel, type WebPushTarget } from './wake-up.ts';
import { readEndpoint, webPushChannel } from './web-push.ts';

const vapid = webPush.generateVAPIDKeys();
const contact = 'mailto:mfa@example.com';
const tls = await localTls();

let service: FakePushService;
let channel: WakeUpChannel<WebPushTarget>;
beforeEach(async () => {
  service = await startFakePushService(tls, vapid.publicKey);
  channel = webPushChannel({ contact, vapid, ownHosts: [service.host], authorities: tls.authorities });
});
afterEach(async () => {
  await channel.close();
  await service.stop();
});

const targetAt = (endpoint: string): WebPushTarget => ({
  kind: 'web-push',
  deviceId: 'device-1',
  subscription: { endpoint, keys: { p256dh: 'p'.repeat(87), auth: 'a'.repeat(22) } },
});
const wake = (endpoint = service.endpoint, signal = AbortSignal.timeout(2000)) =>
  channel.wake(targetAt(endpoint), { ttlSeconds: 90, signal });

test('RFC 8030 and RFC 8292: a push service takes it', async () => {
  expect(await wake()).toEqual({ outcome: 'sent' });
  expect(service.complaints).toEqual([]);
  expect(service.requests).toHaveLength(1);
  expect(service.requests[0]?.path).toBe('/wpush/v2/gAAAAABsecretOfThePhone');
});

test('DEV-24: it holds nothing at all, and nothing says which login it is for', async () => {
  await wake();
  const [{ headers, body } = { headers: {}, body: 'none' }] = service.requests;
  expect(body).toBe('');
  expect(headers['content-length']).toBe('0');
  expect(Object.keys(headers).toSorted()).toEqual([
    'authorization',
    'connection',
    'content-length',
    'host',
    'ttl',
    'urgency',
  ]);
  expect(headers).toMatchObject({ ttl: '90', urgency: 'high' });
  expect(JSON.stringify(service.requests)).not.toContain('device-1');
});

test('a push service that knows another key does not take it', async () => {
  const stranger = webPushChannel({
    contact,
    vapid: webPush.generateVAPIDKeys(),
    ownHosts: [service.host],
    authorities: tls.authorities,
  });
  const outcome = await stranger.wake(targetAt(service.endpoint), {
    ttlSeconds: 90,
    signal: AbortSignal.timeout(2000),
  });
  await stranger.close();
  expect(outcome).toEqual({ outcome: 'failed', reason: 'http_403' });
  expect(service.complaints).toEqual(['another key']);
});

test.each([404, 410])('%i: the subscription is no more', async (status) => {
  service.behave(status);
  expect(await wake()).toEqual({ outcome: 'gone' });
});

test.each([400, 413, 429, 500, 503])('%i: not this time', async (status) => {
  service.behave(status);
  expect(await wake()).toEqual({ outcome: 'failed', reason: `http_${status}` });
});

test.each([301, 302, 307, 308])('%i: nobody is followed', async (status) => {
  service.behave(status);
  expect(await wake()).toEqual({ outcome: 'failed', reason: `http_${status}` });
  expect(service.requests.map(({ path }) => path)).not.toContain('/moved');
});

test('a push service that hangs is left when the time is over', async () => {
  service.behave('hang');
  const wakeUps = new WakeUps({
    channels: [channel],
    onGone: () => expect.fail('not gone'),
    logger: silentLogger(),
    metrics: createMetrics({ service: 'test', replica: 'test-1', processMetrics: false }),
  });
  const from = performance.now();
  expect(await wakeUps.wake(targetAt(service.endpoint), 90)).toBe('failed');
  expect(performance.now() - from).toBeGreaterThan(2900);
  expect(performance.now() - from).toBeLessThan(4000);
});

test('a connection that breaks is a failure with the code of the system', async () => {
  service.behave('die');
  expect(await wake()).toEqual({ outcome: 'failed', reason: expect.stringMatching(/^(econnreset|und_err_socket)$/) });
});

test('the status is enough, whatever follows it', async () => {
  service.behave('flood');
  const from = performance.now();
  expect(await wake()).toEqual({ outcome: 'sent' });
  expect(performance.now() - from, 'not read to its end').toBeLessThan(1500);
  service.behave('endless');
  expect(await wake(service.endpoint, AbortSignal.timeout(300))).toEqual({ outcome: 'sent' });
});

test('a certificate of somebody else ends it before anything is sent', async () => {
  const trusting = webPushChannel({ contact, vapid, ownHosts: [service.host] });
  const signal = AbortSignal.timeout(2000);
  const outcome = await trusting.wake(targetAt(service.endpoint), { ttlSeconds: 90, signal });
  await trusting.close();
  expect(outcome).toMatchObject({ outcome: 'failed' });
  expect(service.requests).toEqual([]);
});

describe('a phone cannot make us call the house', () => {
  test.each([
    ['https://127.0.0.1/x', 'private_address'],
    ['https://2130706433/x', 'private_address'],
    ['https://10.0.0.5/x', 'private_address'],
    ['https://169.254.169.254/latest/meta-data/', 'private_address'],
    ['https://[::1]/x', 'private_address'],
    ['https://[::ffff:192.168.0.1]/x', 'private_address'],
    ['https://[fd00::1]/x', 'private_address'],
    ['http://updates.push.services.mozilla.com/x', 'not_https'],
    ['https://updates.push.services.mozilla.com:8443/x', 'port'],
    ['https://updates.push.services.mozilla.com:22/x', 'port'],
    ['https://user:password@updates.push.services.mozilla.com/x', 'no_address'],
    ['updates.push.services.mozilla.com', 'no_address'],
  ])('%s', async (endpoint, reason) => {
    expect(await wake(endpoint)).toEqual({ outcome: 'failed', reason });
  });

  test('not by a name that leads there either', async () => {
    expect(await wake('https://localhost/x')).toEqual({ outcome: 'failed', reason: 'private_address' });
  });

  test('not at another port of a host that is on the list, nor at a host that ends like it', async () => {
    const [, port] = service.host.split(':');
    expect(await wake(`https://127.0.0.1:${port}/x`)).toEqual({ outcome: 'failed', reason: 'port' });
    expect(await wake(`https://evil-${service.host}/x`)).toEqual({ outcome: 'failed', reason: 'port' });
    expect(service.connections).toBe(0);
  });

  test.each([
    ['https://push.example.lan/x', 'push.example.lan', true],
    ['https://push.example.lan:443/x', 'push.example.lan', true],
    ['https://push.example.lan/x', 'push.example.lan:443', true],
    ['https://push.example.lan:8443/x', 'push.example.lan:8443', true],
    ['https://10.0.0.5/x', '10.0.0.5', true],
    ['https://fcm.googleapis.com/fcm/send/x', 'push.example.lan', false],
  ])('%s, with %s on the list', (endpoint, host, isOwn) => {
    expect(readEndpoint(endpoint, [host])).toEqual({ url: new URL(endpoint), isOwn });
  });

  test('a host on the list is one at 443 alone, unless it has another port there', () => {
    expect(readEndpoint('https://push.example.lan:8443/x', ['push.example.lan'])).toEqual({ refused: 'port' });
    expect(readEndpoint('https://10.0.0.5/x', ['10.0.0.5:8443'])).toEqual({ refused: 'private_address' });
  });
});
