import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { boundDriftSteps, nextDriftSteps } from './drift.ts';
import { matchTotpStep, totpCode, totpStep } from './totp.ts';

const periodSeconds = 30;
const periodMs = 30_000;
const step = 56_666_666;
const params = { secret: Buffer.from('12345678901234567890'), algorithm: 'SHA1', digits: 8, periodSeconds } as const;

/** What a token whose clock is `offMs` ahead shows at `ms`. */
function shown(ms: number, offMs: number): string {
  return totpCode(params, totpStep(ms + offMs, periodSeconds));
}

describe('the drift estimate (OATH-22)', () => {
  test.each([
    { current: 0, off: 0, early: 0, late: 0 },
    // Typed in the first half of a step, the code of the one before may only have been typed slowly.
    { current: 0, off: -1, early: 0, late: -1 },
    // Typed in the second half, the code of the next step may come from a clock that is a few seconds fast.
    { current: 0, off: 1, early: 1, late: 0 },
    { current: 0, off: -2, early: -1, late: -2 },
    { current: 0, off: 2, early: 2, late: 1 },
    { current: -1, off: 0, early: 0, late: -1 },
    { current: 1, off: 0, early: 1, late: 0 },
    { current: -2, off: 0, early: 0, late: -1 },
  ])(
    'at $current, a code $off steps off: $early early in a step, $late late in it',
    ({ current, off, early, late }) => {
      expect(nextDriftSteps(current, step + off, step * periodMs + 3000, periodSeconds, 10)).toBe(early);
      expect(nextDriftSteps(current, step + off, step * periodMs + 27_000, periodSeconds, 10)).toBe(late);
    },
  );

  test('a token two steps slow is refused, accepted by a wide window, and from then on by the default one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: periodMs - 1 }), (intoStepMs) => {
        const firstMs = step * periodMs + intoStepMs;
        const windowSteps = { past: 1, future: 1 };
        const slow = -2 * periodMs;
        const code = shown(firstMs, slow);
        expect(matchTotpStep(params, code, { nowMs: firstMs, windowSteps, driftSteps: 0 })).toBeUndefined();

        const resynced = matchTotpStep(params, code, {
          nowMs: firstMs,
          windowSteps: { past: 10, future: 10 },
          driftSteps: 0,
        });
        expect(resynced).toBe(step - 2);
        const driftSteps = nextDriftSteps(0, step - 2, firstMs, periodSeconds, 10);
        for (const laterMs of [firstMs + 60_000, firstMs + 71_234, firstMs + 10_000_000]) {
          expect(
            matchTotpStep(params, shown(laterMs, slow), { nowMs: laterMs, windowSteps, driftSteps }),
          ).toBeDefined();
        }
      }),
    );
  });

  test.each([1, -1])(
    'a token that loses or gains (%d) a second a day is never shut out by the default window',
    (sign) => {
      let driftSteps = 0;
      for (let day = 1; day <= 300; day += 1) {
        // A different moment within the step each day.
        const nowMs = step * periodMs + day * 86_400_000 + ((day * 7919) % periodMs);
        const matched = matchTotpStep(params, shown(nowMs, sign * day * 1000), {
          nowMs,
          windowSteps: { past: 1, future: 1 },
          driftSteps,
        });
        expect(matched, `day ${day}`).toBeDefined();
        driftSteps = nextDriftSteps(driftSteps, matched ?? 0, nowMs, periodSeconds, 10);
      }
      expect(Math.abs(driftSteps - sign * 10)).toBeLessThanOrEqual(1);
    },
  );

  test('a phone with the right time whose codes are typed up to half a step late stays at 0', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: 1_000_000_000 }), fc.nat({ max: periodMs / 2 })), { maxLength: 50 }),
        (logins) => {
          let driftSteps = 0;
          for (const [ms, lateMs] of logins) {
            const nowMs = step * periodMs + ms;
            driftSteps = nextDriftSteps(driftSteps, totpStep(nowMs - lateMs, periodSeconds), nowMs, periodSeconds, 10);
            expect(driftSteps).toBe(0);
          }
        },
      ),
    );
  });

  test('a code typed up to a step late never shuts out the next one that is typed in time', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: 1_000_000_000 }), fc.nat({ max: periodMs })), { maxLength: 50 }),
        fc.nat({ max: 1_000_000_000 }),
        (logins, lastMs) => {
          let driftSteps = 0;
          for (const [ms, lateMs] of logins) {
            const nowMs = step * periodMs + ms;
            driftSteps = nextDriftSteps(driftSteps, totpStep(nowMs - lateMs, periodSeconds), nowMs, periodSeconds, 10);
          }
          const nowMs = step * periodMs + lastMs;
          const inTime = { nowMs, windowSteps: { past: 1, future: 1 }, driftSteps };
          expect(matchTotpStep(params, shown(nowMs, 0), inTime)).toBe(totpStep(nowMs, periodSeconds));
        },
      ),
    );
  });

  test('it is a whole number within the bound, never -0, and the matched step is not beyond it and the window', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 12 }),
        fc.integer({ min: -12, max: 12 }),
        fc.nat({ max: 10 }),
        fc.nat({ max: 10 }),
        fc.double({ min: 0, max: 1e12, noNaN: true }),
        fc.integer({ min: -10, max: 10 }),
        (maxDriftSteps, anyDrift, past, future, nowMs, offset) => {
          const current = boundDriftSteps(anyDrift, maxDriftSteps);
          const nowStep = totpStep(nowMs, periodSeconds);
          const matched = nowStep + current + Math.max(-past, Math.min(offset, future));
          fc.pre(matched >= 0);
          const next = nextDriftSteps(current, matched, nowMs, periodSeconds, maxDriftSteps);
          expect(Number.isInteger(next) && !Object.is(next, -0)).toBe(true);
          expect(Math.abs(next)).toBeLessThanOrEqual(maxDriftSteps);
          expect(matched).toBeLessThanOrEqual(nowStep + next + future);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('a bound of 0 switches it off', () => {
    for (const off of [-10, -1, 0, 1, 10]) {
      expect(nextDriftSteps(0, step + off, step * periodMs + 29_000, periodSeconds, 0)).toBe(0);
    }
    expect(nextDriftSteps(5, step + 5, step * periodMs, periodSeconds, 0)).toBe(0);
  });

  test.each([
    ['a fraction as the estimate', [0.5, step, 0, 30, 2]],
    ['no matched step', [0, Number.NaN, 0, 30, 2]],
    ['a matched step before the first', [0, -1, 0, 30, 2]],
    ['a time before the epoch', [0, step, -1, 30, 2]],
    ['no period', [0, step, 0, 0, 2]],
    ['a bound below 0', [0, step, 0, 30, -1]],
    ['a bound that is no number', [0, step, 0, 30, Number.NaN]],
  ] as const)('%s is refused', (_, [current, matched, nowMs, period, max]) => {
    expect(() => nextDriftSteps(current, matched, nowMs, period, max)).toThrow(RangeError);
  });
});
