import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { floorStepOf, MAX_CLOCK_SPREAD_MS } from './floor.ts';
import { START_OF_TEST, stepAt } from './testing/commands.ts';

const token = { periodSeconds: 30, createdAt: 0, futureSteps: 1, maxDriftSteps: 2 };

describe('HA-20: the recovery floor', () => {
  test('nothing was ever lost: every step counts of a token enrolled since 1970', () => {
    expect(floorStepOf({ at: 0 }, { ...token, createdAt: START_OF_TEST })).toBe(-1);
  });

  test('is as far ahead of the loss as a code can have been accepted, by the clock that was ahead the most', () => {
    const beginOfStep = stepAt(START_OF_TEST) * 30_000;
    expect(floorStepOf({ at: beginOfStep }, token)).toBe(stepAt(beginOfStep) + 3);
    expect(floorStepOf({ at: beginOfStep + 30_000 - MAX_CLOCK_SPREAD_MS }, token)).toBe(stepAt(beginOfStep) + 4);
  });

  test('a token enrolled after the loss cannot have been used before it', () => {
    expect(floorStepOf({ at: START_OF_TEST }, { ...token, createdAt: START_OF_TEST + 1 })).toBe(-1);
    expect(floorStepOf({ at: START_OF_TEST }, { ...token, createdAt: START_OF_TEST })).toBeGreaterThan(0);
  });

  test('INV-2: no step that can have been accepted before the loss is above it, whatever the token drifted', () => {
    const reach = fc.record({
      periodSeconds: fc.constantFrom(30, 60),
      createdAt: fc.constant(0),
      futureSteps: fc.nat(10),
      maxDriftSteps: fc.nat(10),
    });
    const spentBefore = fc.nat(600_000);
    const clockAhead = fc.nat(MAX_CLOCK_SPREAD_MS);
    fc.assert(
      fc.property(reach, spentBefore, clockAhead, fc.nat(20), (match, beforeMs, aheadMs, stepsAhead) => {
        const acceptedAt = START_OF_TEST - beforeMs + aheadMs;
        const step =
          Math.floor(acceptedAt / 1000 / match.periodSeconds) +
          Math.min(stepsAhead, match.futureSteps + match.maxDriftSteps);
        expect(floorStepOf({ at: START_OF_TEST }, match)).toBeGreaterThanOrEqual(step);
      }),
    );
  });

  test('by the default policy nobody waits for longer than two and a half minutes', () => {
    fc.assert(
      fc.property(fc.nat(60_000), (offset) => {
        const at = START_OF_TEST + offset;
        const firstGood = (floorStepOf({ at }, token) + 1) * 30_000;
        expect(firstGood - at).toBeLessThanOrEqual(150_000);
        expect(firstGood - at).toBeGreaterThan(60_000);
      }),
    );
  });
});
