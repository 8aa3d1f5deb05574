import { PHONE_HINTS } from '@countersign/contracts';
import type { Bus } from '@countersign/bus';
import { expect, test, vi } from 'vitest';
import { hintsFrom } from './hints.ts';

type Heard = (error: Error | null, message: { subject: string }) => void;

/** NATS as far as it is listened to. */
function listenedTo() {
  let heard: Heard = () => {};
  const reconnects: (() => void)[] = [];
  const nats = {
    subscribe: (_subject: string, { callback }: { callback: Heard }) => {
      heard = callback;
    },
    async *status() {
      for (;;) {
        await new Promise<void>((resolve) => reconnects.push(resolve));
        yield { type: 'reconnect' };
      }
    },
  };
  return {
    hints: hintsFrom({ nats } as unknown as Pick<Bus, 'nats'>),
    hint: (name: string) => heard(null, { subject: `${PHONE_HINTS}.${name}` }),
    reconnect: () => reconnects.splice(0).forEach((go) => go()),
  };
}

const A_WHILE = 20;

test('a hint that came while app-server was asked counts, one from before does not', async () => {
  const { hints, hint } = listenedTo();
  hint('dana');
  await new Promise((resolve) => setTimeout(resolve, 5));
  const since = performance.now();
  using early = hints.listen('dana', since);
  expect(await early.next(A_WHILE)).toBe(false);
  hint('dana');
  using late = hints.listen('dana', since);
  expect(await late.next(A_WHILE)).toBe(true);
  expect(await late.next(A_WHILE), 'once').toBe(false);
  using other = hints.listen('boris', since);
  expect(await other.next(A_WHILE), 'of nobody else').toBe(false);
});

test('what had to be forgotten may have been a hint', async () => {
  const { hints, hint } = listenedTo();
  await new Promise((resolve) => setTimeout(resolve, 5));
  const since = performance.now();
  hint('dana');
  for (let other = 0; other < 50_000; other += 1) hint(`other-${other}`);
  using listening = hints.listen('dana', since);
  expect(await listening.next(A_WHILE)).toBe(true);
});

test('when NATS was away everybody looks again, in the course of ten seconds', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  try {
    const { hints, reconnect } = listenedTo();
    const listening = ['dana', 'boris'].map((name) => hints.listen(name, performance.now() + 60_000));
    const looked: string[] = [];
    for (const [n, one] of listening.entries()) void one.next(25_000).then((was) => was && looked.push(String(n)));
    await vi.advanceTimersByTimeAsync(1);
    reconnect();
    await vi.advanceTimersByTimeAsync(1);
    expect(looked).toEqual(['0']);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(looked).toEqual(['0', '1']);
    for (const one of listening) one[Symbol.dispose]();
  } finally {
    vi.useRealTimers();
  }
});

test('of one person so many polls wait here, and no more', () => {
  const { hints } = listenedTo();
  const some = Array.from({ length: 20 }, () => hints.listen('dana', 0));
  expect(() => hints.listen('dana', 0)).toThrow(expect.objectContaining({ code: 'TRY_LATER' }));
  hints.listen('boris', 0)[Symbol.dispose]();
  some[0]?.[Symbol.dispose]();
  expect(() => hints.listen('dana', 0)).not.toThrow();
});
