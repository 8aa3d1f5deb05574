import { expect, test } from 'vitest';
import { createRate } from './rate.ts';

test('a burst, then one in each interval, for each key by itself (RAD-70)', () => {
  const rate = createRate({ burst: 3, everyMs: 200 });
  const taken = (now: number, times: number, key = 'a') =>
    Array.from({ length: times }, () => rate.take(key, now)).filter(Boolean).length;
  expect(taken(0, 10)).toBe(3);
  expect(taken(0, 10, 'b')).toBe(3);
  expect(taken(199, 10)).toBe(0);
  expect(taken(200, 10)).toBe(1);
  expect(taken(10_000, 10)).toBe(3);
});

test('so many keys and no more are remembered, and who rested is forgotten', () => {
  const rate = createRate({ burst: 1, everyMs: 1000 });
  for (let key = 0; key < 10_000; key += 1) expect(rate.take(String(key), 0)).toBe(true);
  expect(rate.take('one more', 500)).toBe(false);
  expect(rate.take('one more', 1000)).toBe(true);
});

test('R29: whoever makes up more of them is not looked through all of them each time', () => {
  const rate = createRate({ burst: 1, everyMs: 60_000 });
  for (let key = 0; key < 10_000; key += 1) rate.take(String(key), 0);
  const since = performance.now();
  for (let key = 0; key < 20_000; key += 1) expect(rate.take(`made up ${key}`, 500)).toBe(false);
  expect(performance.now() - since).toBeLessThan(1000);
});
