import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDatabase, startPostgres, type PostgresNode } from '@countersign/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { migrate } from '../database/migrate.ts';
import { createRouter, type Router } from '../database/router.ts';
import { bindPasswordAt } from '../directory/store.ts';
import { LoginUsers } from '../user/login-users.ts';
import { sealedAt } from '../user/login-users.ts';
import { getLogin } from '../user/store.ts';
import { checkCanary } from './canary.ts';
import { rewrap } from './rewrap.ts';
import { loadKeyRing, SealBroken, type KeyRing } from './ring.ts';
import { adoptKeyRoot } from './root.ts';
import { addSigningKey, signingKeyAt } from './signing-keys.ts';

const now = Date.now;
const key = (fill: number) => Buffer.alloc(32, fill).toString('base64');
const OLD = `k1:${key(1)}`;
const BOTH = `k2:${key(2)},k1:${key(1)}`;
const NEW = `k2:${key(2)}`;

let dir: string;
let node: PostgresNode;
let router: Router;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'keys-'));
  node = await startPostgres({ dir, password: 'secret', fsync: false });
});
afterAll(async () => {
  await node.kill();
  rmSync(dir, { recursive: true, force: true });
});
beforeEach(async () => {
  const url = await createDatabase(node, 'keys');
  await migrate([url]);
  router = createRouter({ urls: [url], now });
});
afterEach(() => router.close());

/** What a replica does at its start. */
async function startWith(text: string): Promise<KeyRing> {
  const ring = loadKeyRing(text);
  await adoptKeyRoot(router, ring, now);
  await checkCanary(router, ring, now);
  return ring;
}

async function addUser(ring: KeyRing): Promise<string> {
  const userId = crypto.randomUUID();
  const at = new Date();
  await router.write(async (db) => {
    await db
      .insertInto('app_user')
      .values({ user_id: userId, username: userId, status: 'enabled', created_at: at, updated_at: at })
      .execute();
    const common = { user_id: userId, label: '', state: 'active' as const, created_at: at };
    const [totp, phone] = [crypto.randomUUID(), crypto.randomUUID()];
    await db
      .insertInto('authenticator')
      .values({
        ...common,
        authenticator_id: totp,
        type: 'totp',
        secret_sealed: ring.seal(Buffer.from(`totp of ${userId}`), sealedAt({ authenticatorId: totp, type: 'totp' })),
        algorithm: 'SHA1',
        digits: 6,
        period_seconds: 30,
      })
      .execute();
    await db
      .insertInto('authenticator')
      .values({
        ...common,
        authenticator_id: phone,
        type: 'phone',
        phone_sealed: ring.seal(Buffer.from('+37120000012'), sealedAt({ authenticatorId: phone, type: 'phone' })),
        phone_last_two: '12',
        phone_mac: ring.mac('phone', '+37120000012'),
      })
      .execute();
  });
  return userId;
}

/** Two, one of which is asked as nobody and has no password. */
async function addDirectories(ring: KeyRing): Promise<string> {
  const [directoryId, open] = [crypto.randomUUID(), crypto.randomUUID()];
  const at = new Date();
  const common = { version: 1, settings: '{}', created_at: at, updated_at: at };
  const sealed = ring.seal(Buffer.from('of the service account'), bindPasswordAt(directoryId));
  await router.write((db) =>
    db
      .insertInto('directory')
      .values([
        { ...common, directory_id: directoryId, name: 'sealed', bind_password_sealed: sealed },
        { ...common, directory_id: open, name: 'open', bind_password_sealed: null },
      ])
      .execute(),
  );
  return directoryId;
}

async function expectReadable(ring: KeyRing, userId: string): Promise<void> {
  const users = new LoginUsers(router, ring, now);
  const user = (await getLogin(router, userId))!;
  const [totp, phone] = ['totp', 'phone'].map((type) => user.authenticators.find((one) => one.type === type)!);
  expect(Buffer.from(users.totpParameters(totp!).secret).toString()).toBe(`totp of ${userId}`);
  expect(users.phoneNumber(phone!)).toBe('+37120000012');
}

const request = () =>
  ({
    attemptId: crypto.randomUUID(),
    application: { applicationId: '', name: 'admin', scopes: ['admin'] },
  }) as never as AuthorisedRequest;

test('KEY-05: a key is replaced while replicas with the old and the new ring run side by side', async () => {
  const old = await startWith(OLD);
  const users = [await addUser(old), await addUser(old), await addUser(old)];
  const kid = await router.write((db) => addSigningKey(db, old, now(), now()));
  const directoryId = await addDirectories(old);
  const hash = old.mac('phone', '+37120000012');

  // The new key is made known everywhere before it seals anything, then comes first.
  const first = await startWith(`${OLD},${NEW}`);
  expect(first.currentId).toBe('k1');
  const both = await startWith(BOTH);
  expect(both.mac('phone', '+37120000012')).toEqual(hash);
  users.push(await addUser(both));
  for (const user of users) await expectReadable(first, user);

  const runs = [];
  do runs.push(await rewrap({ router, ring: both, now }, { batch: 2 }, request()));
  while (runs.at(-1)!.remaining > 0 && runs.length < 20);
  expect(runs.length).toBeGreaterThan(2);
  expect(runs.reduce((sum, { rewrapped }) => sum + rewrapped, 0)).toBe(9);

  const alone = await startWith(NEW);
  expect(alone.mac('phone', '+37120000012')).toEqual(hash);
  for (const user of users) await expectReadable(alone, user);
  const signing = await router.read((db) => db.selectFrom('signing_key').selectAll().executeTakeFirstOrThrow());
  expect(alone.open(signing.private_sealed, signingKeyAt(kid)).toString()).toContain('"d"');
  const directories = await router.read((db) => db.selectFrom('directory').selectAll().orderBy('name').execute());
  expect(directories.map(({ bind_password_sealed: sealed }) => sealed === null)).toEqual([true, false]);
  const bindPassword = alone.open(directories[1]!.bind_password_sealed!, bindPasswordAt(directoryId));
  expect(bindPassword.toString()).toBe('of the service account');
});

test('R30: a ring whose key is missing, or differs under the same id, is refused', async () => {
  await startWith(OLD);
  await expect(startWith(NEW)).rejects.toThrow(SealBroken);
  await expect(startWith(`k1:${key(9)}`)).rejects.toThrow(SealBroken);
  await expect(startWith(`k2:${key(2)},k1:${key(9)}`)).rejects.toThrow(SealBroken);
  await startWith(OLD);
});

test('R30: a ring that dropped a key too early is refused', async () => {
  const old = await startWith(OLD);
  await addUser(old);
  const both = await startWith(BOTH);
  await rewrap({ router, ring: both, now }, { batch: 1 }, request());
  await expect(startWith(NEW)).rejects.toThrow(SealBroken);
});

test('INV-17: a secret that was moved to another user in SQL opens nowhere, and holds up nothing', async () => {
  const old = await startWith(OLD);
  const [a, b] = [await addUser(old), await addUser(old)];
  const users = new LoginUsers(router, old, now);
  await router.write(async (db) => {
    const from = (await getLogin(router, a))!.authenticators.find(({ type }) => type === 'totp')!;
    const to = (await getLogin(router, b))!.authenticators.find(({ type }) => type === 'totp')!;
    await db
      .updateTable('authenticator')
      .set({ secret_sealed: from.sealed })
      .where('authenticator_id', '=', to.authenticatorId)
      .execute();
  });
  const moved = (await getLogin(router, b))!.authenticators.find(({ type }) => type === 'totp')!;
  expect(() => users.totpParameters(moved)).toThrow(SealBroken);

  const both = await startWith(BOTH);
  expect(await rewrap({ router, ring: both, now }, {}, request())).toEqual({ rewrapped: 4, remaining: 1 });
  await expectReadable(both, a);
});
