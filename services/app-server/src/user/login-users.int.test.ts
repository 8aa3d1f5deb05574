import { afterAll, beforeAll, expect, test } from 'vitest';
import { requestOf, startHouse, type House, type Replica } from '../testing/house.ts';
import { create } from './create.ts';
import { remove } from './delete.ts';

let house: House;
let a: Replica;

beforeAll(async () => {
  house = await startHouse('login-users');
  a = await house.replica('a');
});
afterAll(() => house.stop());

test('with both Postgres nodes away, users seen lately are found, by name and by id; others are not taken for unknown', async () => {
  const seen = await create(a, { username: 'seen', aliases: ['Seen@Example.com'] }, requestOf());
  const unseen = await create(a, { username: 'unseen' }, requestOf());
  expect(await a.users.byName('seen')).toMatchObject({ userId: seen.userId });
  expect(await a.users.byName('nobody')).toBeUndefined();

  await house.whileHung(house.pair.nodes, async () => {
    expect(await a.users.byName('seen')).toMatchObject({ userId: seen.userId });
    expect(await a.users.byId(seen.userId)).toMatchObject({ username: 'seen' });
    for (const question of [
      a.users.byName('unseen'),
      a.users.byId(unseen.userId),
      // An alias that nobody used yet, and a name that nobody has: both are not known, and neither is "nobody".
      a.users.byName('seen@example.com'),
      a.users.byName('nobody'),
    ]) {
      await expect(question).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    }
    a.advance(16 * 60_000);
    await expect(a.users.byName('seen')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});

test('a user who was found to be gone is not remembered', async () => {
  const { userId } = await create(a, { username: 'leaving' }, requestOf());
  expect(await a.users.byName('leaving')).toMatchObject({ userId });
  await remove(a, { userId }, requestOf());
  expect(await a.users.byName('leaving')).toBeUndefined();
  await house.whileHung(house.pair.nodes, async () => {
    await expect(a.users.byName('leaving')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});
