import { expect, test } from 'vitest';
import { createStrainGauge, type Look } from './strain.ts';

/** Looks that follow each other, each as long as its delay and the pause before it. */
function see(delays: readonly number[], busy = 1): boolean[] {
  const gauge = createStrainGauge();
  let from = 0;
  return delays.map((delayMs) => {
    const look: Look = { from, to: from + 100 + delayMs, delayMs, busy };
    from = look.to;
    return gauge.see(look);
  });
}

test('R26: a delay that lasts is strain, and one look without it is the end', () => {
  const seen = see([5, ...Array<number>(7).fill(250), 5, 250]);
  expect(seen).toEqual([...Array<boolean>(6).fill(false), true, true, false, false]);
});

test('one long pause is no queue', () => {
  expect(see([5, 15_000, 5])).toEqual([false, false, false]);
});

test('a far network is no strain: the process rests meanwhile', () => {
  expect(see(Array(20).fill(400), 0.3)).not.toContain(true);
});

test('a process that never rests and yet answers in time is not strained', () => {
  expect(see(Array(50).fill(150), 1)).not.toContain(true);
});
