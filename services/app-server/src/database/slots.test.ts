import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { PoolBusy } from './failure.ts';
import { createSlots } from './slots.ts';

test('places go to who waited longest', async () => {
  const slots = createSlots({ places: 1, maxWaiting: 10, waitMs: 1000 });
  const order: number[] = [];
  await slots.take();
  const waiting = [1, 2, 3].map((name) => slots.take().then(() => order.push(name)));
  for (const one of waiting) {
    slots.give();
    await one;
  }
  expect(order).toEqual([1, 2, 3]);
});

test('R26: a full queue refuses at once, a long wait ends', async () => {
  const slots = createSlots({ places: 2, maxWaiting: 3, waitMs: 30 });
  await Promise.all([slots.take(), slots.take()]);
  const waiting = [slots.take(), slots.take(), slots.take()];
  const from = performance.now();
  await expect(slots.take()).rejects.toThrow(PoolBusy);
  expect(performance.now() - from).toBeLessThan(20);
  for (const outcome of await Promise.allSettled(waiting)) expect(outcome.status).toBe('rejected');
  expect(slots.waiting).toBe(0);
});

test('R26: who gave up waiting takes no place, and no place is lost', async () => {
  const slots = createSlots({ places: 1, maxWaiting: 5, waitMs: 10 });
  await slots.take();
  await expect(slots.take()).rejects.toThrow(PoolBusy);
  slots.give();
  for (let round = 0; round < 3; round++) {
    await slots.take();
    slots.give();
  }
  const held = slots.take();
  const refused = slots.take();
  slots.refuseAll();
  await expect(refused).rejects.toThrow('given up');
  await held;
  await sleep(20);
  expect(slots.waiting).toBe(0);
});
