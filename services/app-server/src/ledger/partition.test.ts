import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MOST_PARTITIONS, partitionsOf, partOf, UNDIVIDED } from './partition.ts';
import { partitionedLedger, type UserLedger } from './partitioned-ledger.ts';

const counts = fc.integer({ min: 1, max: MOST_PARTITIONS });

test('one part is the stream that there always was', () => expect(partitionsOf(1)).toEqual([UNDIVIDED]));

test('no subject belongs to two parts: of any two, neither prefix begins the other', () => {
  for (let count = 2; count <= MOST_PARTITIONS; count++) {
    const subjects = partitionsOf(count).map(({ prefix }) => prefix);
    expect(new Set(subjects).size).toBe(count);
    for (const one of subjects)
      for (const other of subjects) expect(one !== other && one.startsWith(other)).toBe(false);
  }
});

test('a user always has the same part, and there is one', () =>
  fc.assert(
    fc.property(fc.uuid(), counts, (userId, count) => {
      const part = partOf(userId, count);
      expect(part).toBe(partOf(userId, count));
      expect(partitionsOf(count)[part]).toBeDefined();
    }),
  ));

// Where users are is written on disks: another hash would leave every spent code behind.
test.each([
  ['1b4e28ba-2fa1-4d9a-8f1c-0c2d7f3a9e11', 0, 3],
  ['f47ac10b-58cc-4372-a567-0e02b2c3d479', 1, 1],
  ['9b2de7c1-43aa-4a61-b4a8-5d2f8e9c0a17', 1, 4],
])('%s is where it was with earlier versions', (userId, ofThree, ofSix) => {
  expect([partOf(userId, 3), partOf(userId, 6)]).toEqual([ofThree, ofSix]);
});

test('users are spread evenly', () => {
  const found = [0, 0, 0];
  for (let n = 0; n < 30_000; n++) found[partOf(crypto.randomUUID(), 3)]! += 1;
  for (const share of found) expect(share / 10_000).toBeCloseTo(1, 1);
});

test('a user is looked at and decided on in their own part, and in no other', async () => {
  const asked: string[] = [];
  const part = (name: string): UserLedger => ({
    peek: (userId) => Promise.reject(new Error(`${name} peek ${userId}`)),
    act: (userId, attemptId) => {
      asked.push(`${name} ${userId} ${attemptId}`);
      return Promise.reject(new Error('enough'));
    },
  });
  const ledger = partitionedLedger([part('first'), part('second')]);
  const users = ['a', 'b', 'c', 'd', 'e'];
  for (const user of users) {
    await expect(ledger.act(user, 'try', () => expect.fail(), { deadline: 0 })).rejects.toThrow('enough');
    const name = partOf(user, 2) === 0 ? 'first' : 'second';
    expect(asked.at(-1)).toBe(`${name} ${user} try`);
    await expect(ledger.peek(user)).rejects.toThrow(`${name} peek ${user}`);
  }
  expect(new Set(users.map((user) => partOf(user, 2))).size).toBe(2);
});
