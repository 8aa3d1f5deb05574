import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDatabase, ensureRole, startPostgres, type PostgresNode } from '@countersign/testkit';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { assertSchema, migrate } from './migrate.ts';
import { createRouter, type Router } from './router.ts';
import { assertServiceRole, refusalOfMigration, refusalOfService } from './service-role.ts';

const dir = mkdtempSync(join(tmpdir(), 'service-role-'));
const SERVICE = 'countersign_service';
let node: PostgresNode;
/** As the superuser of the cluster. */
let root: string;
let admin: pg.Client;

beforeAll(async () => {
  node = await startPostgres({ dir, password: 'secret', fsync: false });
  root = await createDatabase(node, 'roles');
  admin = new pg.Client({ connectionString: root });
  await admin.connect();
  for (const role of ['owner', SERVICE, 'stranger']) await ensureRole(node, role, 'secret');
  await admin.query('alter database roles owner to owner');
  await admin.query('grant all on schema public to owner');
  await admin.query(`create role member login password 'secret' in role ${SERVICE}`);
  await migrate([as('owner')]);
});
afterAll(async () => {
  await admin.end();
  await node.kill();
  rmSync(dir, { recursive: true, force: true });
});

function as(role: string, password = 'secret', database = root): string {
  const url = new URL(database);
  [url.username, url.password] = [role, password];
  return url.href;
}

async function look(url: string, work: (router: Router) => Promise<void> = assertServiceRole): Promise<void> {
  const router = createRouter({ urls: [url], now: Date.now });
  try {
    await work(router);
  } finally {
    await router.close();
  }
}

test.each([SERVICE, 'member'])('%s may what it needs, and no more', async (role) => {
  await expect(look(as(role))).resolves.toBeUndefined();
});

test.each<[string, () => string, RegExp]>([
  ['the superuser', () => root, /names the superuser \w+: .* Name countersign_service/],
  ['the owner', () => as('owner'), /names owner, who owns the tables .* Name countersign_service there/],
  [
    'a role without grants',
    () => as('stranger'),
    /names stranger, who may not select on app_user\. Name countersign_service/,
  ],
])('%s in COUNTERSIGN_POSTGRES_URLS is refused', async (_, url, sentence) => {
  await expect(look(url())).rejects.toMatchObject({ name: 'StartRefused', message: expect.stringMatching(sentence) });
});

test('a grant that is missing is named', async () => {
  await admin.query(`revoke update on authenticator from ${SERVICE}`);
  await expect(look(as(SERVICE))).rejects.toThrow('who may not update on authenticator');
  await migrate([as('owner')]);
  await expect(look(as(SERVICE))).resolves.toBeUndefined();
});

test('where nobody separated the two, the role that owns its tables is let be', async () => {
  await admin.query('create database small owner stranger');
  const small = new URL(as('stranger'));
  small.pathname = '/small';
  await migrate([small.href]);
  await admin.query(`alter role ${SERVICE} rename to elsewhere`);
  try {
    await expect(look(small.href)).resolves.toBeUndefined();
  } finally {
    await admin.query(`alter role elsewhere rename to ${SERVICE}`);
    await admin.query(`alter role ${SERVICE} password 'secret'`);
  }
});

const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

test('the service role given as the owner is refused, and a wrong password of the owner', async () => {
  const serviceAsOwner = await failureOf(migrate([as(SERVICE)]));
  expect(refusalOfMigration(serviceAsOwner, true)?.message).toMatch(
    /^COUNTERSIGN_POSTGRES_OWNER_URLS names a role that may not/,
  );
  // Without that setting the owner migrates elsewhere, and this one waits for the schema.
  expect(refusalOfMigration(serviceAsOwner, false)).toBeUndefined();
  const wrongPassword = await failureOf(migrate([as('owner', 'wrong')]));
  expect(refusalOfMigration(wrongPassword, true)?.message).toMatch(
    /does not let in the user of COUNTERSIGN_POSTGRES_OWNER_URLS/,
  );
});

test('a node that is away is no refusal: the replica may start when it is back', async () => {
  const away = await failureOf(migrate(['postgres://owner:secret@127.0.0.1:1/roles']));
  expect(away).toBeInstanceOf(Error);
  expect(refusalOfMigration(away, true)).toBeUndefined();
  const unread = await failureOf(look('postgres://x:y@127.0.0.1:1/roles', (router) => assertSchema(router)));
  expect(unread).toBeInstanceOf(Error);
  expect(refusalOfService(unread)).toBeUndefined();
});

test('a wrong password of the service is told as that', async () => {
  const refused = await failureOf(look(as(SERVICE, 'wrong'), (router) => assertSchema(router)));
  expect(refusalOfService(refused)?.message).toMatch(/does not let in the user of COUNTERSIGN_POSTGRES_URLS/);
});
