import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { PoolBusy } from './failure.ts';
import { createSlots } from './slots.ts';

test('places go to who waited longest', async () => {
  const slots = createSlots({ lanes: [['any', 1]], maxWaiting: 10, waitMs: 1000 });
  const order: number[] = [];
  await slots.take('any');
  const waiting = [1, 2, 3].map((name) => slots.take('any').then(() => order.push(name)));
  for (const one of waiting) {
    slots.give();
    await one;
  }
  expect(order).toEqual([1, 2, 3]);
});

test('R26: a full queue refuses at once, a long wait ends', async () => {
  const slots = createSlots({ lanes: [['any', 2]], maxWaiting: 3, waitMs: 30 });
  await Promise.all([slots.take('any'), slots.take('any')]);
  const waiting = [slots.take('any'), slots.take('any'), slots.take('any')];
  const from = performance.now();
  await expect(slots.take('any')).rejects.toThrow(PoolBusy);
  expect(performance.now() - from).toBeLessThan(20);
  for (const outcome of await Promise.allSettled(waiting)) expect(outcome.status).toBe('rejected');
  expect(slots.waiting).toBe(0);
});

test('R26: who gave up waiting takes no place, and no place is lost', async () => {
  const slots = createSlots({ lanes: [['any', 1]], maxWaiting: 5, waitMs: 10 });
  await slots.take('any');
  await expect(slots.take('any')).rejects.toThrow(PoolBusy);
  slots.give();
  for (let round = 0; round < 3; round++) {
    await slots.take('any');
    slots.give();
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
    slots.give();
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
  });
  await slots.take('login');
  const waiting = slots.take('login');
  await expect(slots.take('login')).rejects.toThrow(PoolBusy);
  const urgent = slots.take('verify');
  slots.give();
  await urgent;
  slots.give();
  await waiting;
});
