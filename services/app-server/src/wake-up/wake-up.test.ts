import { createLogger, createMetrics } from '@countersign/telemetry';
import { beforeEach, describe, expect, test } from 'vitest';
import { WAKE_UPS } from './metrics.ts';
import {
  WakeUps,
  type FcmTarget,
  type WakeUpChannel,
  type WakeUpOptions,
  type WakeUpOutcome,
  type WakeUpsDependencies,
  type WakeUpTarget,
} from './wake-up.ts';

const fcmTarget: FcmTarget = { kind: 'fcm', deviceId: 'device-1', token: 'token-of-the-phone' };
const apnsTarget: WakeUpTarget = { kind: 'apns', deviceId: 'device-2', token: 'a1'.repeat(32) };

/** A channel that does as it is told, and remembers what it was asked. */
function channelThat(work: (options: WakeUpOptions) => Promise<WakeUpOutcome>, kind: 'fcm' | 'apns' = 'fcm') {
  const asked: WakeUpTarget[] = [];
  const channel: WakeUpChannel = {
    kind,
    wake: (target, options) => {
      asked.push(target);
      return work(options);
    },
    close: () => Promise.resolve(),
  };
  return { channel, asked };
}

let lines: string[];
let metrics: ReturnType<typeof createMetrics>;
let gone: [string, WakeUpTarget][];
beforeEach(() => {
  lines = [];
  gone = [];
  metrics = createMetrics({ service: 'test', replica: 'test-1', processMetrics: false });
});

function wakeUps(channels: WakeUpChannel[], other: Partial<WakeUpsDependencies> = {}): WakeUps {
  return new WakeUps({
    channels,
    onGone: (deviceId, target) => void gone.push([deviceId, target]),
    logger: createLogger({
      service: 'test',
      replica: 'test-1',
      level: 'debug',
      destination: { write: (line) => void lines.push(line) },
    }),
    metrics,
    ...other,
  });
}

async function counted(): Promise<Record<string, number>> {
  const { values } = await metrics.counter(WAKE_UPS).get();
  return Object.fromEntries(values.map(({ labels, value }) => [`${labels.kind} ${labels.result}`, value]));
}
const levels = () => lines.map((line) => (JSON.parse(line) as { level: string }).level);
const never = () => new Promise<WakeUpOutcome>(() => undefined);
const sent = () => Promise.resolve({ outcome: 'sent' } as const);

test('each target goes to the channel of its kind', async () => {
  const fcm = channelThat(sent);
  const apns = channelThat(sent, 'apns');
  const both = wakeUps([fcm.channel, apns.channel]);
  expect(await both.wake(fcmTarget, 90)).toBe('sent');
  expect(await both.wake(apnsTarget, 90)).toBe('sent');
  expect(fcm.asked).toEqual([fcmTarget]);
  expect(apns.asked).toEqual([apnsTarget]);
  expect(await counted()).toEqual({ 'fcm sent': 1, 'apns sent': 1 });
});

test('a kind that is not configured is off', async () => {
  expect(await wakeUps([]).wake(fcmTarget, 90)).toBe('off');
  expect(await counted()).toEqual({ 'fcm off': 1 });
});

describe('a subscription that is gone', () => {
  test('is reported with the device, once', async () => {
    const { channel } = channelThat(() => Promise.resolve({ outcome: 'gone' }));
    expect(await wakeUps([channel]).wake(fcmTarget, 90)).toBe('gone');
    expect(gone).toEqual([['device-1', fcmTarget]]);
    expect(await counted()).toEqual({ 'fcm gone': 1 });
  });

  test('and cannot be forgotten harms nobody', async () => {
    const { channel } = channelThat(() => Promise.resolve({ outcome: 'gone' }));
    const onGone = () => Promise.reject(new Error('the database is away'));
    expect(await wakeUps([channel], { onGone }).wake(fcmTarget, 90)).toBe('gone');
    expect(levels()).toEqual(['warn']);
  });

  test('is not reported when it only failed', async () => {
    const { channel } = channelThat(() => Promise.resolve({ outcome: 'failed', reason: 'http_404' }));
    await wakeUps([channel]).wake(fcmTarget, 90);
    expect(gone).toEqual([]);
  });
});

describe('nothing is thrown, and nothing of the address is logged', () => {
  test.each([
    ['rejects', () => Promise.reject(new Error(`no ${fcmTarget.token}`))],
    [
      'throws',
      () => {
        throw new Error(`no ${fcmTarget.token}`);
      },
    ],
  ])('by a channel that %s', async (_, work) => {
    const { channel } = channelThat(work);
    expect(await wakeUps([channel]).wake(fcmTarget, 90)).toBe('failed');
    expect(levels()).toEqual(['warn']);
    expect(lines.join()).toContain('"reason":"fault"');
    expect(lines.join()).not.toMatch(/token-of-the-phone|device-1/);
  });

  test.each([
    ['http_503', 'debug'],
    ['timeout', 'debug'],
    ['private_address', 'debug'],
    ['http_403', 'warn'],
    ['http_400_BadDeviceToken', 'warn'],
    ['account_http_400', 'warn'],
  ])('%s is worth a line of level %s', async (reason, level) => {
    const { channel } = channelThat(() => Promise.resolve({ outcome: 'failed', reason }));
    expect(await wakeUps([channel]).wake(fcmTarget, 90)).toBe('failed');
    expect(levels()).toEqual([level]);
  });
});

describe('what does not end', () => {
  test('is over in time, for the channel too', async () => {
    let ended = false;
    const { channel } = channelThat(({ signal }) => {
      signal.addEventListener('abort', () => (ended = true));
      return never();
    });
    expect(await wakeUps([channel], { timeoutMs: 50 }).wake(fcmTarget, 90)).toBe('failed');
    expect(ended).toBe(true);
  });

  test('holds up no more than so many, and those of its kind alone; what is too many is dropped', async () => {
    const hanging = channelThat(never);
    const apns = channelThat(sent, 'apns');
    const both = wakeUps([hanging.channel, apns.channel], { mostAtOnce: 2, timeoutMs: 100 });
    const begun = [both.wake(fcmTarget, 90), both.wake(fcmTarget, 90)];
    expect(await both.wake(fcmTarget, 90)).toBe('dropped');
    expect(await both.wake(apnsTarget, 90)).toBe('sent');
    expect(hanging.asked).toHaveLength(2);
    expect(await Promise.all(begun)).toEqual(['failed', 'failed']);
    expect(await both.wake(fcmTarget, 90)).toBe('failed');
    expect(await counted()).toEqual({ 'fcm dropped': 1, 'fcm failed': 3, 'apns sent': 1 });
  });
});
