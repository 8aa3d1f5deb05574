import { expect, test } from 'vitest';
import { pauseMs } from './backoff.ts';
import { Problem } from './problem.ts';

const least = { randomBytes: () => new Uint8Array([0]) };
const most = { randomBytes: () => new Uint8Array([255]) };
const away = new Problem('UNAVAILABLE');

test.each([
  [0, 250, 500],
  [1, 500, 1000],
  [4, 4000, 8000],
  [6, 15_000, 30_000],
  [500, 15_000, 30_000],
])('after %i failures it is %i to %i ms', (tries, leastMs, mostMs) => {
  expect(pauseMs(away, tries, least)).toBe(leastMs);
  expect(pauseMs(away, tries, most)).toBe(mostMs);
});

test('what the server asks for is waited, up to 30 s', () => {
  expect(pauseMs(new Problem('UNAVAILABLE', { retryAfterSeconds: 10 }), 0, least)).toBe(10_000);
  expect(pauseMs(new Problem('UNAVAILABLE', { retryAfterSeconds: 3600 }), 0, least)).toBe(30_000);
});

test('too many tries are waited out, however long', () => {
  expect(pauseMs(new Problem('TRY_LATER', { retryAfterSeconds: 60 }), 0, least)).toBe(60_000);
});

test.each([
  [0, 30_000, 60_000],
  [3, 240_000, 480_000],
  [500, 1_800_000, 3_600_000],
])(
  'a server that does not know this phone is asked again after %i such answers in %i to %i ms',
  (tries, leastMs, mostMs) => {
    const unknown = new Problem('DEVICE_UNKNOWN');
    expect(pauseMs(unknown, tries, least)).toBe(leastMs);
    expect(pauseMs(unknown, tries, most)).toBe(mostMs);
  },
);

test('what is no problem of the server is treated as one', () => {
  expect(pauseMs(new Error('unforeseen'), 0, most)).toBe(500);
});
