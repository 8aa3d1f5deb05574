import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInstallation, issuedAt, rolePermissions, unitePermissions } from '@countersign/authority';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startHouse, type House, type Replica } from '../testing/house.ts';
import { adoptAuthority, readAuthority } from './authority.ts';
import { deliver } from './deliver.ts';
import { joinUrlsNow } from './join-urls.ts';
import { insertFounder } from './store.ts';

let house: House;
let replicas: Replica[];

beforeAll(async () => {
  house = await startHouse('deliver');
  replicas = await Promise.all([house.replica('a'), house.replica('b')]);
});
afterAll(() => house.stop());

function delivering(replica: Replica | undefined, told: string[]) {
  if (replica === undefined) throw new Error('no replica');
  const deliverAccount = ({ accountJwt }: { accountJwt: string }) => {
    told.push(accountJwt);
    return Promise.resolve(['nats-1']);
  };
  return { ...replica, joining: { deliverAccount } };
}

test('the authority is taken over once, sealed, and only the ring opens it', async () => {
  const [a, b] = replicas;
  if (a === undefined || b === undefined) throw new Error('no replica');
  const { installation } = await createInstallation('test', Date.now());
  const text = JSON.stringify(installation);
  const adopted = await Promise.all([adoptAuthority(a, text), adoptAuthority(b, text)]);
  expect(adopted.filter(Boolean)).toHaveLength(1);
  const row = await a.router.read((db) => db.selectFrom('authority').selectAll().executeTakeFirstOrThrow(), {
    from: 'primary',
  });
  expect(row.sealed).toMatch(/^v1\.k1\./);
  for (const secret of Object.values(installation.secrets.roles)) expect(JSON.stringify(row)).not.toContain(secret);
  expect(JSON.stringify(row)).not.toContain('PRIVATE KEY');
  expect((await readAuthority(b.router, b.ring)).secrets).toEqual(installation.secrets);
  await expect(adoptAuthority(a, '{}')).rejects.toThrow('countersign cluster init');
});

test('no two accounts are issued in one second, by whichever replica: NATS would keep either', async () => {
  const told: string[] = [];
  await Promise.all([0, 1, 0, 1].map((index) => deliver(delivering(replicas[index], told))));
  const seconds = told.map(issuedAt);
  expect(seconds).toHaveLength(4);
  expect(new Set(seconds).size).toBe(4);
});

test('a replica whose clock is behind waits until it issues what is newer', async () => {
  const [a] = replicas;
  const ahead = Math.floor(Date.now() / 1000) + 3;
  await a?.router.write((db) => db.updateTable('authority').set({ issued_at: ahead }).execute());
  const told: string[] = [];
  await deliver(delivering(a, told));
  expect(told.map(issuedAt)[0]).toBeGreaterThan(ahead);
});

test('what a newer release may do stays when an older one hands in the account', async () => {
  const [a] = replicas;
  const permissions = rolePermissions();
  permissions['sdk-gateway'].publish.push('mfa.v1.of.tomorrow');
  const { secrets: _, ...document } = await readAuthority(a?.router ?? fail(), a?.ring ?? fail());
  await a?.router.write((db) =>
    db
      .updateTable('authority')
      .set({ document: JSON.stringify({ ...document, permissions }) })
      .execute(),
  );
  const told: string[] = [];
  await deliver(delivering(a, told));
  expect(Buffer.from(told[0]?.split('.')[1] ?? '', 'base64url').toString()).toContain('mfa.v1.of.tomorrow');
});

test('what no release asks for any more is gone once an operator has let it be forgotten', async () => {
  const [a] = replicas;
  // As docs/operations/joining.md has it, after the test above has left more than this release asks for.
  const page = readFileSync(join(import.meta.dirname, '../../../../docs/operations/joining.md'), 'utf8');
  const statement = /^update authority set .*;$/m.exec(page)?.[0] ?? '';
  expect(statement).not.toBe('');
  await a?.router.write((db) => sql.raw(statement).execute(db));
  const told: string[] = [];
  await deliver(delivering(a, told));
  const account = Buffer.from(told[0]?.split('.')[1] ?? '', 'base64url').toString();
  expect(account).not.toContain('mfa.v1.of.tomorrow');
  expect(account).toContain('mfa.v1.challenge.start');
  expect((await readAuthority(a?.router ?? fail(), a?.ring ?? fail())).permissions).toEqual(
    unitePermissions({}, rolePermissions()),
  );
});

test('whoever joins is told of every app-server that has joined, those of the settings first', async () => {
  const router = replicas[0]?.router ?? fail();
  const joining = { urls: ['https://app-1.example.com:8100'], port: 8100 };
  expect(await joinUrlsNow(router, joining)).toEqual(joining.urls);
  const founder = (name: string, service: 'app-server' | 'sdk-gateway', hosts: string[]) => ({
    name,
    service,
    hosts,
    fingerprint: createHash('sha256').update(name).digest('hex'),
    expiresAt: Date.now() + 86_400_000,
  });
  for (const one of [
    founder('app-server-2', 'app-server', ['app-2.example.com', '10.0.0.2']),
    founder('sdk-gateway-2', 'sdk-gateway', ['gateway2.example.com']),
  ]) {
    await router.write((db) => insertFounder(db, one, new Date()));
  }
  expect(await joinUrlsNow(router, joining)).toEqual([...joining.urls, 'https://app-2.example.com:8100']);
  // Where nobody joins, no address is told.
  expect(await joinUrlsNow(router, { ...joining, urls: [] })).toEqual([]);
});

function fail(): never {
  throw new Error('no replica');
}
