import { expect, test } from 'vitest';
import { createPlaces } from './places.ts';

test('under overload a login that has begun finds a place where new ones do not (RAD-48)', () => {
  const places = createPlaces({ maxInFlight: 8, maxWaiting: 100 });
  const take = (client: string, urgent: boolean) => places.take(client, { urgent });
  const taken = ['a', 'a', 'a', 'a', 'b', 'b', 'b', 'b'].map((client) => take(client, false));
  expect(taken.every((place) => place !== undefined)).toBe(true);
  expect(take('c', false)).toBeUndefined();
  const urgent = take('c', true);
  expect(urgent).toBeDefined();
  urgent?.leave();
  taken[0]?.leave();
  expect(take('c', false)).toBeDefined();
});

test('one client has at most half (R29), and what waits works no more', () => {
  const places = createPlaces({ maxInFlight: 8, maxWaiting: 16 });
  for (let count = 0; count < 8; count += 1) places.take('a', { urgent: false })?.stopWorking();
  expect([places.working, places.held]).toEqual([0, 8]);
  expect(places.take('a', { urgent: false })).toBeUndefined();
  expect(places.take('b', { urgent: false })).toBeDefined();
});

test('a place that is not had takes nothing', () => {
  const places = createPlaces({ maxInFlight: 1, maxWaiting: 100 });
  const first = places.take('a', { urgent: false });
  expect(places.take('a', { urgent: false })).toBeUndefined();
  expect(places.held).toBe(1);
  first?.leave();
  first?.leave();
  expect([places.working, places.held]).toEqual([0, 0]);
});
