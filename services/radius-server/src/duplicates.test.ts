import { expect, test } from 'vitest';
import { createDuplicates } from './duplicates.ts';

const one = Buffer.alloc(16, 1);
const two = Buffer.alloc(16, 2);
const answer = Buffer.from('answer');

test('the same again is told, undecided first, and then with what was answered (RAD-41)', () => {
  const duplicates = createDuplicates({ limit: 10 });
  const taken = duplicates.take('a', one, 0);
  expect(taken).toMatchObject({ is: 'new', entry: { tries: 1 } });
  expect(duplicates.take('a', one, 3000)).toMatchObject({
    is: 'again',
    afterMs: 3000,
    entry: { tries: 2, octets: undefined },
  });
  duplicates.answer(taken.entry, answer, 4000);
  expect(duplicates.take('a', one, 6000)).toMatchObject({
    is: 'again',
    afterMs: 3000,
    entry: { tries: 3, octets: answer },
  });
  expect(duplicates.take('b', one, 6000).is).toBe('new');
});

test('what was answered is kept for 30 s, and what is undecided for as long as it takes (RAD-42)', () => {
  const duplicates = createDuplicates({ limit: 10 });
  const taken = duplicates.take('a', one, 0);
  expect(duplicates.take('a', one, 45_000).is).toBe('again');
  duplicates.answer(taken.entry, answer, 50_000);
  expect(duplicates.take('a', one, 79_000).is).toBe('again');
  expect(duplicates.take('a', one, 81_000).is).toBe('new');
});

test('another authenticator is another request, and the one before it is let go (RAD-40)', () => {
  const duplicates = createDuplicates({ limit: 10 });
  const before = duplicates.take('a', one, 0);
  const after = duplicates.take('a', two, 1);
  expect(after.is).toBe('new');
  expect(before.entry.superseded.signal.aborted).toBe(true);
  // An answer that comes too late is nobody's.
  duplicates.answer(before.entry, answer, 2);
  expect(before.entry.octets).toBeUndefined();
  expect(duplicates.take('a', two, 3)).toMatchObject({ is: 'again', entry: { octets: undefined } });
  duplicates.forget(before.entry);
  expect(duplicates.take('a', two, 4).is).toBe('again');
  expect(after.entry.superseded.signal.aborted).toBe(false);
});

test('of a request that is answered nothing is let go: nobody waits for it', () => {
  const duplicates = createDuplicates({ limit: 10 });
  const { entry } = duplicates.take('a', one, 0);
  duplicates.answer(entry, answer, 1);
  expect(duplicates.take('a', two, 2).is).toBe('new');
  expect(entry.superseded.signal.aborted).toBe(false);
});

test('what was not answered is decided again (RAD-44)', () => {
  const duplicates = createDuplicates({ limit: 10 });
  duplicates.forget(duplicates.take('a', one, 0).entry);
  expect(duplicates.take('a', one, 1).is).toBe('new');
});

test('beyond the bound the oldest answers are forgotten, and nothing that is undecided', () => {
  const duplicates = createDuplicates({ limit: 3 });
  const undecided = duplicates.take('undecided', one, 0);
  for (const slot of ['a', 'b', 'c', 'd']) duplicates.answer(duplicates.take(slot, one, 1).entry, answer, 1);
  expect(duplicates.size).toBeLessThanOrEqual(3);
  expect(duplicates.take('a', one, 2).is).toBe('new');
  expect(duplicates.take('undecided', one, 2)).toEqual({ is: 'again', entry: undecided.entry, afterMs: 2 });
});

test('no whole datagram is kept for the sixteen octets that are looked at', () => {
  const datagram = Buffer.alloc(4096, 1);
  const { entry } = createDuplicates({ limit: 10 }).take('a', datagram.subarray(4, 20), 0);
  expect(entry.authenticator).toEqual(one);
  expect(entry.authenticator.buffer.byteLength).toBe(16);
});
