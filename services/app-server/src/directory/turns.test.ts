import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { DirectoryProblem } from './problem.ts';
import { Turns } from './turns.ts';

function gate() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}

test('R26: no more than so many at a time, and the others in the order in which they came', async () => {
  const turns = new Turns({ most: 2, mostWaiting: 10, waitMs: 5000 });
  const gates = Array.from({ length: 5 }, gate);
  const begun: number[] = [];
  const all = gates.map(({ opened }, index) =>
    turns.take(async () => {
      begun.push(index);
      await opened;
      return index;
    }),
  );
  await sleep(5);
  expect(begun).toEqual([0, 1]);
  gates[1]!.open();
  await all[1];
  await sleep(1);
  expect(begun).toEqual([0, 1, 2]);
  for (const one of gates) one.open();
  expect(await Promise.all(all)).toEqual([0, 1, 2, 3, 4]);
  expect(begun).toEqual([0, 1, 2, 3, 4]);
});

test('R26: where too many wait already, the next hears it at once', async () => {
  const turns = new Turns({ most: 1, mostWaiting: 1, waitMs: 5000 });
  const { opened, open } = gate();
  const first = turns.take(() => opened);
  const second = turns.take(() => Promise.resolve('second'));
  await expect(turns.take(() => Promise.resolve('third'))).rejects.toThrow(DirectoryProblem);
  open();
  await first;
  expect(await second).toBe('second');
});

test('R26: nobody waits for a turn longer than so long, and whoever gave up takes none', async () => {
  const turns = new Turns({ most: 1, mostWaiting: 5, waitMs: 20 });
  const { opened, open } = gate();
  const first = turns.take(() => opened);
  await expect(turns.take(() => Promise.reject(new Error('must not run')))).rejects.toThrow('too many');
  open();
  await first;
  expect(await turns.take(() => Promise.resolve('free again'))).toBe('free again');
});

test('a turn that failed is given back', async () => {
  const turns = new Turns({ most: 1, mostWaiting: 0, waitMs: 20 });
  for (let round = 0; round < 3; round++) {
    await expect(turns.take(() => Promise.reject(new Error('it failed')))).rejects.toThrow('it failed');
  }
});
