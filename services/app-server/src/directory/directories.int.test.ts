import { DEFAULT_POLICY, MfaError, type DirectorySettings } from '@countersign/contracts';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { requestOf, startHouse, type House, type Replica } from '../testing/house.ts';
import { adopt, prospectOf } from './adopt.ts';
import { check } from './check.ts';
import { create } from './create.ts';
import { remove } from './delete.ts';
import { Directories } from './directories.ts';
import type { Directory } from './directory.ts';
import { find } from './find.ts';
import { update } from './update.ts';

const SECRET = 'of the service account';
const settings: DirectorySettings = {
  kind: 'active-directory',
  urls: ['ldaps://127.0.0.1:1'],
  baseDn: 'DC=example,DC=com',
  bindDn: 'CN=countersign,DC=example,DC=com',
  netbiosNames: ['EXAMPLE'],
  suffixes: ['example.com'],
};

type Desk = Replica & { directories: Directories };
let house: House;
let a: Desk;
let b: Desk;
let problems: unknown[];

beforeAll(async () => {
  house = await startHouse('directories');
  const desk = async (name: string): Promise<Desk> => {
    const replica = await house.replica(name);
    const { router, ring, now } = replica;
    return { ...replica, directories: new Directories(router, ring, now, (error) => problems.push(error)) };
  };
  [a, b] = [await desk('a'), await desk('b')];
});
afterAll(() => house.stop());
beforeEach(async () => {
  problems = [];
  await a.router.write((db) => db.deleteFrom('directory').execute());
  await Promise.all([a, b].map(({ directories }) => directories.refresh('primary')));
});

const code = (work: Promise<unknown>) =>
  work.then(
    () => 'none',
    (error: unknown) => (error instanceof MfaError ? error.code : String(error)),
  );
const made = (name = 'Hospital') => create(a, { name, settings, bindPassword: SECRET }, requestOf());

test('KEY-02: the password is sealed, and shown by nothing: answers, rows, audit', async () => {
  const view = await made();
  expect(view).toMatchObject({ name: 'Hospital', version: 1, settings, hasPassword: true });
  const { directoryId } = view;
  await update(a, { directoryId, expectedVersion: 1, bindPassword: `${SECRET} 2` }, requestOf());
  const seen = [await find(a, {}), view];
  const rows = await a.router.read(
    async (db) => [
      await db.selectFrom('directory').selectAll().execute(),
      await db.selectFrom('audit_event').selectAll().where('type', 'like', 'directory.%').execute(),
    ],
    { from: 'primary' },
  );
  expect(rows[1]!.length).toBeGreaterThanOrEqual(2);
  expect(JSON.stringify([seen, rows])).not.toContain(SECRET);
});

test('a change is made from the version that was read; a name belongs to one', async () => {
  const { directoryId } = await made();
  await made('Clinic');
  const change = (expectedVersion: number, name: string) =>
    code(update(a, { directoryId, expectedVersion, name }, requestOf()));
  expect(await change(1, 'House')).toBe('none');
  expect(await change(1, 'Other')).toBe('DIRECTORY_CONFLICT');
  expect(await change(2, 'Clinic')).toBe('DIRECTORY_EXISTS');
  expect(await code(made('House'))).toBe('DIRECTORY_EXISTS');
  const nowhere = { directoryId: crypto.randomUUID() };
  expect(await code(update(a, { ...nowhere, expectedVersion: 1, name: 'X' }, requestOf()))).toBe('DIRECTORY_NOT_FOUND');
  expect(await code(remove(a, nowhere, requestOf()))).toBe('DIRECTORY_NOT_FOUND');
  expect(await code(check(a, nowhere))).toBe('DIRECTORY_NOT_FOUND');
  expect((await find(a, {})).directories.map(({ name, version }) => [name, version])).toEqual([
    ['House', 2],
    ['Clinic', 1],
  ]);
});

test('an attempt that is repeated makes one directory, and changes it once', async () => {
  const request = requestOf();
  const [first, again] = [
    await create(a, { name: 'Hospital', settings }, request),
    await create(b, { name: 'Hospital', settings }, request),
  ];
  expect(again.directoryId).toBe(first.directoryId);
  const { directoryId } = first;
  const change = requestOf();
  for (const on of [a, b]) await update(on, { directoryId, expectedVersion: 1, name: 'House' }, change);
  expect((await find(a, {})).directories).toMatchObject([{ name: 'House', version: 2 }]);
});

test('every replica hears of it within seconds, and keeps what it knows of one that did not change', async () => {
  const { directoryId } = await made();
  await b.directories.refresh('primary');
  const known = b.directories.get(directoryId);
  expect(known).toMatchObject({ name: 'Hospital', version: 1 });
  await b.directories.refresh('primary');
  expect(b.directories.get(directoryId)).toBe(known);
  await update(a, { directoryId, expectedVersion: 1, name: 'House' }, requestOf());
  await b.directories.refresh('primary');
  expect(b.directories.all().map(({ name }) => name)).toEqual(['House']);
  await remove(a, { directoryId }, requestOf());
  expect(a.directories.all()).toEqual([]);
  await b.directories.refresh('primary');
  expect(b.directories.get(directoryId)).toBeUndefined();
});

test('INV-17: a password that was moved to another directory in SQL opens nowhere, and holds up nobody else', async () => {
  const [moved, other] = [await made('Moved'), await made('Other')];
  const { router } = a;
  const sealed = await router.read(
    (db) => db.selectFrom('directory').selectAll().where('name', '=', 'Other').executeTakeFirstOrThrow(),
    { from: 'primary' },
  );
  await router.write((db) =>
    db
      .updateTable('directory')
      .set({ bind_password_sealed: sealed.bind_password_sealed })
      .where('directory_id', '=', moved.directoryId)
      .execute(),
  );
  await b.directories.refresh('primary');
  expect(b.directories.all().map(({ name }) => name)).toEqual(['Other']);
  expect(b.directories.unopened()).toEqual(['Moved']);
  expect(problems).toHaveLength(1);
  await update(b, { directoryId: moved.directoryId, expectedVersion: 1, bindPassword: SECRET }, requestOf());
  expect(b.directories.get(moved.directoryId)).toBeDefined();
  expect(b.directories.get(other.directoryId)).toBeDefined();
  expect(b.directories.unopened()).toEqual([]);
});

test('while Postgres answers nothing, the directories that were read go on', async () => {
  const { directoryId } = await made();
  await b.directories.refresh('primary');
  await house.whileHung(house.pair.nodes, async () => {
    await expect(b.directories.refresh()).rejects.toThrow(MfaError);
    expect(b.directories.get(directoryId)).toMatchObject({ name: 'Hospital' });
  });
});

test('directory.check tells operators of each server what is wrong', async () => {
  const { directoryId } = await made();
  const { servers, person } = await check(a, { directoryId, username: 'alice' });
  expect(servers).toMatchObject([
    { url: settings.urls[0], ok: false, problem: expect.stringMatching(/ECONNREFUSED/) as string },
  ]);
  expect(person).toBeUndefined();
});

test('R3: a node that is a moment behind does not make somebody nobody', async () => {
  const { directoryId } = await made();
  const person = {
    objectId: 'ab'.repeat(16),
    dn: 'CN=x',
    username: 'newcomer',
    names: [],
    phones: [],
    status: 'enabled' as const,
  };
  const directory = Object.create(a.directories.get(directoryId)!, {
    find: { value: () => Promise.resolve(person) },
  }) as Directory;
  const directories = { all: () => [directory], get: () => directory, unopened: () => [] };
  const signIn = async (on: Pick<Replica, 'router' | 'ring' | 'now'>, who = person) => {
    const found = { directory, person: who };
    const deps = { ...on, directories };
    const prospect = await prospectOf(deps, found, { typed: 'newcomer', known: undefined }, true);
    return prospect && adopt(deps, found, prospect, DEFAULT_POLICY, requestOf());
  };
  const first = await signIn(a);
  // The link is not there yet for the first question, and is for the second, by name.
  let questions = 0;
  const read: Replica['router']['read'] = (query, options) =>
    questions++ === 0 ? Promise.resolve(undefined as never) : a.router.read(query, { ...options, from: 'primary' });
  const behind = { ...a, router: { ...a.router, read } };
  expect((await signIn(behind))?.userId).toBe(first?.userId);
  // A name that is somebody else's in the directory stays theirs.
  expect(await signIn(a, { ...person, objectId: 'cd'.repeat(16) })).toBeUndefined();
});
