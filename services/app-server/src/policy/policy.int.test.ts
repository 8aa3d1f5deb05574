import { DEFAULT_POLICY } from '@countersign/contracts';
import { waitUntil } from '@countersign/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { create } from '../application/create.ts';
import { requestOf, startHouse, type House, type Replica } from '../testing/house.ts';
import { explain } from './explain.ts';
import { get } from './get.ts';
import { set } from './set.ts';

let house: House;
let a: Replica;
let b: Replica;

beforeAll(async () => {
  house = await startHouse('policy');
  [a, b] = [await house.replica('a'), await house.replica('b')];
});
afterAll(() => house.stop());

test('a policy is edited by version, narrower wins, and every replica has it within seconds', async () => {
  const { applicationId } = await create(a, { name: 'Intranet', scopes: ['challenge'] }, requestOf());
  expect(await get(a, { scope: 'global' })).toEqual({ scope: 'global', version: 0, document: {} });
  expect(a.policies.effective(applicationId)).toEqual(DEFAULT_POLICY);

  await set(a, { scope: 'global', expectedVersion: 0, document: { code: { digits: 8 } } }, requestOf());
  await set(a, { scope: applicationId, expectedVersion: 0, document: { code: { lifeSeconds: 60 } } }, requestOf());
  expect(a.policies.effective(applicationId).code).toMatchObject({ digits: 8, lifeSeconds: 60 });
  await waitUntil(() => b.policies.effective(applicationId).code.lifeSeconds === 60, { what: 'the other replica' });

  const { values } = await explain(b, { applicationId });
  expect(values).toContainEqual({ path: 'code.digits', value: 8, origin: 'global v1' });
  expect(values).toContainEqual({ path: 'code.lifeSeconds', value: 60, origin: 'application v1' });

  await set(b, { scope: 'global', expectedVersion: 1, document: {} }, requestOf());
  expect(await get(a, { scope: 'global' })).toEqual({ scope: 'global', version: 2, document: {} });
  expect(b.policies.effective(applicationId).code.digits).toBe(6);
  const history = await a.router.read((db) =>
    db.selectFrom('policy').select(['version', 'author']).where('scope', '=', 'global').orderBy('version').execute(),
  );
  expect(history).toEqual([
    { version: 1, author: 'helpdesk' },
    { version: 2, author: 'helpdesk' },
  ]);
});

test('of two administrators who start from the same version, one is told to read again', async () => {
  const { version } = await get(a, { scope: 'global' });
  const edits = [a, b, a, b].map((replica, index) =>
    set(replica, { scope: 'global', expectedVersion: version, document: { code: { digits: 6 + index } } }, requestOf()),
  );
  const outcomes = await Promise.allSettled(edits);
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'POLICY_CONFLICT' });
  }
});

test('INV-21: the same attempt, repeated, is told the version that it made', async () => {
  const { version } = await get(a, { scope: 'global' });
  const [input, request] = [
    { scope: 'global', expectedVersion: version, document: { code: { digits: 9 } } },
    requestOf(),
  ];
  expect(await set(a, input, request)).toEqual({ scope: 'global', version: version + 1 });
  expect(await set(b, input, request)).toEqual({ scope: 'global', version: version + 1 });
  expect((await get(b, { scope: 'global' })).version).toBe(version + 1);
});

test('a document that is wrong, and an application that does not exist, change nothing', async () => {
  const { version } = await get(a, { scope: 'global' });
  const wrong = set(a, { scope: 'global', expectedVersion: version, document: { code: { digits: 99 } } }, requestOf());
  await expect(wrong).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
  const nobody = set(a, { scope: crypto.randomUUID(), expectedVersion: 0, document: {} }, requestOf());
  await expect(nobody).rejects.toMatchObject({ code: 'APPLICATION_NOT_FOUND' });
  expect((await get(a, { scope: 'global' })).version).toBe(version);
});

test('with both Postgres nodes away the policy in force stays in force', async () => {
  const digits = a.policies.effective('x').code.digits;
  await house.whileHung(house.pair.nodes, async () => {
    await expect(a.policies.refresh()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(a.policies.effective('x').code.digits).toBe(digits);
  });
});
