import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EMPTY_WINDOW, giveBack, take, type Window } from './window.ts';

const HOUR = 3_600_000;
const START = 1_800_000_000_000;

function spend(times: number[], limit: { limit: number; periodMs: number }): number[] {
  let window: Window = EMPTY_WINDOW;
  const accepted: number[] = [];
  for (const now of times) {
    const taken = take(window, now, limit);
    if (!taken.ok) continue;
    window = taken.window;
    accepted.push(now);
  }
  return accepted;
}

describe('INV-15, TEL-42: a budget of N in a period', () => {
  test('gives N at once, the next one a period later, and says when', () => {
    let window: Window = EMPTY_WINDOW;
    for (let n = 0; n < 5; n++) {
      const taken = take(window, START, { limit: 5, periodMs: HOUR });
      if (!taken.ok) throw new Error('refused inside the budget');
      window = taken.window;
    }
    const refused = take(window, START + 1000, { limit: 5, periodMs: HOUR });
    expect(refused.ok).toBe(false);
    if (refused.ok) return;
    expect(refused.retryAfterMs).toBeGreaterThan(HOUR - 1001);
    expect(refused.retryAfterMs).toBeLessThanOrEqual(HOUR + HOUR / 60);
    const then = START + 1000 + refused.retryAfterMs;
    expect(take(window, then - 1, { limit: 5, periodMs: HOUR }).ok).toBe(false);
    expect(take(window, then, { limit: 5, periodMs: HOUR }).ok).toBe(true);
  });

  test('never lets more than N through in any stretch of the period, wherever it begins', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.array(fc.integer({ min: 0, max: HOUR / 3 }), { maxLength: 200 }),
        (limit, gaps) => {
          let at = START;
          const times = gaps.map((gap) => (at += gap));
          const accepted = spend(times, { limit, periodMs: HOUR });
          for (const from of accepted) {
            expect(accepted.filter((time) => time >= from && time < from + HOUR).length).toBeLessThanOrEqual(limit);
          }
        },
      ),
    );
  });

  test('refuses nobody whose last N are more than a period and a tick ago', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 0, max: 1000 }), (limit, jitter) => {
        const gap = (HOUR + HOUR / 60) / limit + jitter;
        const times = Array.from({ length: 60 }, (_, n) => START + Math.ceil(n * gap));
        expect(spend(times, { limit, periodMs: HOUR })).toEqual(times);
      }),
    );
  });

  test('HA-52: a clock that goes back frees nothing', () => {
    const first = take(EMPTY_WINDOW, START, { limit: 1, periodMs: HOUR });
    if (!first.ok) throw new Error('refused inside the budget');
    expect(take(first.window, START - 10 * HOUR, { limit: 1, periodMs: HOUR }).ok).toBe(false);
  });

  test('stays small however much is taken, and takes back what was given back', () => {
    let window: Window = EMPTY_WINDOW;
    for (let n = 0; n < 20_000; n++) {
      const taken = take(window, START + n * 500, { limit: 1_000_000, periodMs: HOUR });
      if (!taken.ok) throw new Error('refused inside the budget');
      window = taken.window;
    }
    expect(window.taken.length).toBeLessThanOrEqual(61);
    const one = take(EMPTY_WINDOW, START, { limit: 1, periodMs: HOUR });
    if (!one.ok) throw new Error('refused inside the budget');
    expect(giveBack(one.window, one.tick)).toEqual(EMPTY_WINDOW);
    expect(giveBack(EMPTY_WINDOW, one.tick)).toEqual(EMPTY_WINDOW);
  });
});
