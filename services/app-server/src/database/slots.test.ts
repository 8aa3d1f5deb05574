import { stat } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { PoolBusy } from './failure.ts';
import { createSlots } from './slots.ts';

test('places go to who waited longest', async () => {
  const slots = createSlots({ lanes: [['any', 1]], maxWaiting: 10, waitMs: 1000, longestWaitMs: 1000 });
  const order: number[] = [];
  await slots.take('any');
  const waiting = [1, 2, 3].map((name) => slots.take('any').then(() => order.push(name)));
  for (const one of waiting) {
    slots.give(true);
    await one;
  }
  expect(order).toEqual([1, 2, 3]);
});

test('R26: a full queue refuses at once, a long wait ends', async () => {
  const slots = createSlots({ lanes: [['any', 2]], maxWaiting: 3, waitMs: 30, longestWaitMs: 30 });
  await Promise.all([slots.take('any'), slots.take('any')]);
  const waiting = [slots.take('any'), slots.take('any'), slots.take('any')];
  const ended: string[] = [];
  for (const one of waiting) one.catch(() => ended.push('a long wait'));
  await expect(slots.take('any').finally(() => ended.push('one too many'))).rejects.toThrow(PoolBusy);
  expect(ended).toEqual(['one too many']);
  for (const outcome of await Promise.allSettled(waiting)) expect(outcome.status).toBe('rejected');
  expect(slots.waiting).toBe(0);
});

test('R26: who gave up waiting takes no place, and no place is lost', async () => {
  const slots = createSlots({ lanes: [['any', 1]], maxWaiting: 5, waitMs: 10, longestWaitMs: 10 });
  await slots.take('any');
  await expect(slots.take('any')).rejects.toThrow(PoolBusy);
  slots.give(true);
  for (let round = 0; round < 3; round++) {
    await slots.take('any');
    slots.give(true);
  }
  const held = slots.take('any');
  const refused = slots.take('any');
  slots.refuseAll();
  await expect(refused).rejects.toThrow('given up');
  await held;
  await sleep(20);
  expect(slots.waiting).toBe(0);
});

test('R26: what is less urgent leaves places free, and waits behind what is more urgent', async () => {
  const slots = createSlots({
    lanes: [
      ['verify', 3],
      ['login', 2],
      ['report', 1],
    ],
    maxWaiting: 5,
    waitMs: 1000,
    longestWaitMs: 1000,
  });
  await slots.take('login');
  const order: string[] = [];
  const waiting = (['report', 'login', 'login', 'verify', 'verify'] as const).map((lane, n) =>
    slots.take(lane).then(() => order.push(`${lane} ${n}`)),
  );
  // The second login and one verify fit in; the last verify, the last login and the report wait.
  await Promise.all([waiting[1], waiting[3]]);
  expect(slots.waiting).toBe(3);
  for (let given = 0; given < 5; given++) {
    slots.give(true);
    await sleep(0);
  }
  await Promise.all(waiting);
  expect(order).toEqual(['login 1', 'verify 3', 'verify 4', 'login 2', 'report 0']);
});

test('R26: a lane whose queue is full refuses its own and nobody else', async () => {
  const slots = createSlots({
    lanes: [
      ['verify', 1],
      ['login', 1],
    ],
    maxWaiting: 1,
    waitMs: 1000,
    longestWaitMs: 1000,
  });
  await slots.take('login');
  const waiting = slots.take('login');
  await expect(slots.take('login')).rejects.toThrow(PoolBusy);
  const urgent = slots.take('verify');
  slots.give(true);
  await urgent;
  slots.give(true);
  await waiting;
});

test('an answer that came while the process was busy is heard before anybody is refused', async () => {
  const slots = createSlots({ lanes: [['any', 1]], maxWaiting: 1, waitMs: 20, longestWaitMs: 1000 });
  await slots.take('any');
  const next = slots.take('any');
  setImmediate(() => {
    stat(import.meta.dirname, () => slots.give(true));
    const busyUntil = performance.now() + 100;
    while (performance.now() < busyUntil);
  });
  await expect(next).resolves.toBeUndefined();
});

describe('by a clock of our own', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** What became of it so far. */
  function watched(taking: Promise<void>): { outcome: string } {
    const seen = { outcome: 'waits' };
    taking.then(
      () => (seen.outcome = 'served'),
      () => (seen.outcome = 'refused'),
    );
    return seen;
  }

  test('R26: who waits in a queue that moves waits longer, and not for ever', async () => {
    const slots = createSlots({ lanes: [['any', 1]], maxWaiting: 20, waitMs: 100, longestWaitMs: 550 });
    await slots.take('any');
    const before = Array.from({ length: 9 }, () => watched(slots.take('any')));
    const last = watched(slots.take('any'));
    for (let turns = 0; turns < 6; turns++) {
      await vi.advanceTimersByTimeAsync(70);
      slots.give(true);
    }
    expect([before[0]?.outcome, last.outcome]).toEqual(['served', 'waits']);
    await vi.advanceTimersByTimeAsync(80);
    slots.give(true);
    await vi.advanceTimersByTimeAsync(10);
    expect(last.outcome).toBe('refused');
  });

  test('R26: a place given back by somebody who was not served moves no queue', async () => {
    const slots = createSlots({ lanes: [['any', 1]], maxWaiting: 9, waitMs: 100, longestWaitMs: 10_000 });
    await slots.take('any');
    const first = watched(slots.take('any'));
    const second = watched(slots.take('any'));
    await vi.advanceTimersByTimeAsync(50);
    slots.give(false);
    await vi.advanceTimersByTimeAsync(60);
    expect([first.outcome, second.outcome]).toEqual(['served', 'refused']);
  });

  test('R26: in a burst that nobody is served in, who heard of the server waits on; who did not is refused', async () => {
    const slots = createSlots({
      lanes: [
        ['login', 1],
        ['change', 1],
      ],
      maxWaiting: 9,
      waitMs: 100,
      longestWaitMs: 10_000,
      onStill: () => setTimeout(() => slots.heard(['login']), 30),
    });
    await slots.take('login');
    const login = watched(slots.take('login'));
    const change = watched(slots.take('change'));
    await vi.advanceTimersByTimeAsync(990);
    expect([login.outcome, change.outcome]).toEqual(['waits', 'refused']);
    slots.give(true);
    await vi.advanceTimersByTimeAsync(10);
    expect(login.outcome).toBe('served');
  });

  test('R26: nobody asks whether the server is there while it serves', async () => {
    const onStill = vi.fn<() => void>();
    const slots = createSlots({ lanes: [['any', 1]], maxWaiting: 9, waitMs: 100, longestWaitMs: 10_000, onStill });
    await slots.take('any');
    for (let turns = 0; turns < 9; turns++) void slots.take('any');
    for (let turns = 0; turns < 5; turns++) {
      await vi.advanceTimersByTimeAsync(40);
      slots.give(true);
    }
    expect(onStill).not.toHaveBeenCalled();
  });
});
