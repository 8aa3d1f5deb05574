import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { Directory } from './directory.ts';
import type { AccountStatus, DirectoryPerson } from './entry.ts';
import { DirectoryStatus } from './status.ts';

const FRESH_MS = 60_000;
const MINUTE_MS = 60_000;
const link = { directoryId: 'hospital', objectId: 'alice' };
let now: number;
let problems: unknown[];
/** What the directory answers, and how often it was asked. */
let answers: () => Promise<AccountStatus | undefined>;
let asked: number;

const directory = {
  standing: async () => {
    asked += 1;
    const status = await answers();
    return status === undefined ? undefined : ({ status } as DirectoryPerson);
  },
} as unknown as Directory;

function statusOf(): DirectoryStatus {
  return new DirectoryStatus({
    directories: { get: (directoryId) => (directoryId === 'hospital' ? directory : undefined) },
    freshMs: () => FRESH_MS,
    now: () => now,
    onProblem: (error) => problems.push(error),
  });
}

beforeEach(() => {
  [now, asked, problems] = [1_000_000_000, 0, []];
  answers = () => Promise.resolve('enabled');
});

describe('R17: whom a directory keeps out', () => {
  test.each<[AccountStatus | undefined, boolean]>([
    ['enabled', false],
    ['locked', false],
    ['disabled', true],
    ['expired', true],
    [undefined, true],
  ])('%s: %s', async (status, isKeptOut) => {
    answers = () => Promise.resolve(status);
    expect(await statusOf().isKeptOut(link)).toBe(isKeptOut);
  });

  test('a directory that was never asked keeps out nobody', async () => {
    expect(await statusOf().isKeptOut({ ...link, directoryId: 'gone' })).toBe(false);
  });
});

test('a directory that this replica cannot open any more keeps out whom it kept out', async () => {
  let isOpen = true;
  const status = new DirectoryStatus({
    directories: { get: () => (isOpen ? directory : undefined) },
    freshMs: () => FRESH_MS,
    now: () => now,
    onProblem: () => undefined,
  });
  answers = () => Promise.resolve('disabled');
  expect(await status.isKeptOut(link)).toBe(true);
  isOpen = false;
  now += FRESH_MS;
  expect(await status.isKeptOut(link)).toBe(true);
});

test('an answer counts for so long, then it is asked for again', async () => {
  const status = statusOf();
  await status.isKeptOut(link);
  now += FRESH_MS - 1;
  await status.isKeptOut(link);
  expect(asked).toBe(1);
  answers = () => Promise.resolve('disabled');
  now += 1;
  expect(await status.isKeptOut(link)).toBe(true);
  expect(asked).toBe(2);
});

test('one question at a time, however many logins of one user there are', async () => {
  const status = statusOf();
  answers = () => sleep(20, 'disabled' as const);
  expect(await Promise.all(Array.from({ length: 50 }, () => status.isKeptOut(link)))).not.toContain(false);
  expect(asked).toBe(1);
  await status.isKeptOut({ ...link, objectId: 'bob' });
  expect(asked).toBe(2);
});

test('what a sign-in has just seen counts without a question', async () => {
  const status = statusOf();
  status.note(link, true);
  expect(await status.isKeptOut(link)).toBe(true);
  expect(asked).toBe(0);
});

describe('a directory that does not answer', () => {
  const away = () => Promise.reject(new Error('away'));

  test('keeps out nobody of whom nothing is known, and is reported', async () => {
    answers = away;
    expect(await statusOf().isKeptOut(link)).toBe(false);
    expect(problems).toHaveLength(1);
  });

  test('what it said last counts for 15 minutes', async () => {
    const status = statusOf();
    answers = () => Promise.resolve('disabled');
    await status.isKeptOut(link);
    answers = away;
    now += 15 * MINUTE_MS - 1;
    expect(await status.isKeptOut(link)).toBe(true);
    now += 1;
    expect(await status.isKeptOut(link)).toBe(false);
  });

  test('holds a login up for a second, and no more; what it says later still counts', async () => {
    vi.useFakeTimers();
    try {
      const status = statusOf();
      const { promise, resolve } = Promise.withResolvers<AccountStatus>();
      answers = () => promise;
      let said: boolean | undefined;
      void status.isKeptOut(link).then((isKeptOut) => (said = isKeptOut));
      await vi.advanceTimersByTimeAsync(999);
      expect(said).toBeUndefined();
      await vi.advanceTimersByTimeAsync(1);
      expect(said).toBe(false);
      resolve('disabled');
      await vi.advanceTimersByTimeAsync(0);
      expect(await status.isKeptOut(link)).toBe(true);
      expect(asked).toBe(1);
    } finally {
      vi.useRealTimers();
    }
  });
});
