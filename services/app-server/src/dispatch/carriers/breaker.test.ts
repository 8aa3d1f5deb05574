import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { advance, CLOSED, isReady, type BreakerState } from './breaker.ts';

const settings = { failures: 3, firstRestMs: 1000, longestRestMs: 4000, probeMs: 500 };
const open = (until: number, rests: number): BreakerState => ({ phase: 'open', until, rests });
const halfOpen = (until: number, rests: number): BreakerState => ({ phase: 'halfOpen', until, rests });
const closed = (failures: number): BreakerState => ({ phase: 'closed', failures });

describe('TEL-10: the circuit breaker', () => {
  test.each([
    ['a failure is counted', closed(0), 'failed', closed(1)],
    ['a success forgets them', closed(2), 'succeeded', closed(0)],
    ['the last one opens it', closed(2), 'failed', open(11_000, 1)],
    ['a message begun while closed changes nothing', closed(2), 'begun', closed(2)],
    ['open stays open before its time', open(10_001, 1), 'begun', open(10_001, 1)],
    ['open lets one through when its time has come', open(10_000, 1), 'begun', halfOpen(10_500, 1)],
    ['a late failure does not lengthen the rest', open(10_001, 2), 'failed', open(10_001, 2)],
    ['a late success closes it', open(10_001, 2), 'succeeded', closed(0)],
    ['half open: the answer closes it', halfOpen(10_500, 2), 'succeeded', closed(0)],
    ['half open: a failure rests twice as long', halfOpen(10_500, 1), 'failed', open(12_000, 2)],
    ['half open: up to the longest rest', halfOpen(10_500, 9), 'failed', open(14_000, 10)],
    ['half open: nobody else meanwhile', halfOpen(10_500, 1), 'begun', halfOpen(10_500, 1)],
    ['half open: somebody else when the first was never heard of', halfOpen(10_000, 1), 'begun', halfOpen(10_500, 1)],
  ] as const)('%s', (_, from, event, to) => {
    expect(advance(from, event, 10_000, settings)).toEqual(to);
  });

  test('is ready when closed, or when its time has come', () => {
    expect(isReady(CLOSED, 0)).toBe(true);
    expect(isReady(open(10, 1), 9)).toBe(false);
    expect(isReady(open(10, 1), 10)).toBe(true);
    expect(isReady(halfOpen(10, 1), 9)).toBe(false);
    expect(isReady(halfOpen(10, 1), 10)).toBe(true);
  });

  test('never rests longer than the longest rest, and always comes back', () => {
    const event = fc.constantFrom('begun', 'succeeded', 'failed');
    fc.assert(
      fc.property(fc.array(fc.tuple(event, fc.integer({ min: 0, max: 2000 }))), (events) => {
        let state: BreakerState = CLOSED;
        let now = 0;
        for (const [name, gapMs] of events) {
          now += gapMs;
          state = advance(state, name, now, settings);
        }
        expect(isReady(state, now + settings.longestRestMs)).toBe(true);
        expect(advance(state, 'succeeded', now, settings)).toEqual(CLOSED);
      }),
    );
  });
});
