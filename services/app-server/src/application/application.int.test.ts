import { createHash } from 'node:crypto';
import { credentialFromApiKey } from '@countersign/bus';
import { applicationCreate, challengeStart, keysJwks, userGet } from '@countersign/contracts';
import { waitUntil } from '@countersign/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requestOf, startHouse, type House, type Replica } from '../testing/house.ts';
import { assertMay } from './authorise.ts';
import { create } from './create.ts';
import { remove } from './delete.ts';
import { find } from './find.ts';
import { rotate } from './rotate.ts';

let house: House;
let a: Replica;
let b: Replica;

beforeAll(async () => {
  house = await startHouse('application');
  [a, b] = [await house.replica('a'), await house.replica('b')];
});
afterAll(() => house.stop());

let counter = 0;
const made = () => create(a, { name: `App ${counter++}`, scopes: ['challenge'] }, requestOf());
const authenticate = (replica: Replica, apiKey: string) =>
  replica.applications.authenticate(credentialFromApiKey(apiKey));
const fingerprint = (fill: string) => createHash('sha256').update(fill).digest('hex');

describe('a key', () => {
  test('opens on every replica at once, and is kept only as a hash', async () => {
    const { applicationId, apiKey, keyId } = await made();
    for (const replica of [a, b]) {
      expect(await authenticate(replica, apiKey)).toMatchObject({ applicationId, scopes: ['challenge'] });
    }
    const secret = apiKey.split('_').slice(2).join('_');
    expect(Buffer.from(secret, 'base64url')).toHaveLength(32);
    const row = await a.router.read((db) =>
      db.selectFrom('application_key').selectAll().where('key_id', '=', keyId).executeTakeFirstOrThrow(),
    );
    const { digest } = credentialFromApiKey(apiKey) as { digest: string };
    expect(row.secret_hash).toEqual(createHash('sha256').update(digest).digest());
    const kept = row.secret_hash.toString('base64url');
    // Neither the row nor what crosses the bus gives the key.
    expect(kept).not.toBe(digest);
    await expect(authenticate(a, `csk_${keyId}_${kept}`)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  test('missing, unknown, of another application or with one character wrong opens nothing', async () => {
    const [one, two] = [await made(), await made()];
    const secretOf = (apiKey: string) => apiKey.split('_').slice(2).join('_');
    const last = one.apiKey.at(-2) === 'A' ? 'B' : 'A';
    const wrong = [
      `csk_${one.keyId}_${secretOf(two.apiKey)}`,
      `csk_nobody_${secretOf(one.apiKey)}`,
      one.apiKey.slice(0, -2) + last + one.apiKey.slice(-1),
    ];
    for (const apiKey of wrong)
      await expect(authenticate(a, apiKey)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    await expect(a.applications.authenticate(undefined)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  test('is replaced without an outage: both are valid for the overlap, then the old one ends everywhere', async () => {
    const { applicationId, apiKey: old } = await made();
    const { apiKey: fresh } = await rotate(b, { applicationId, overlapSeconds: 3600 }, requestOf());
    for (const replica of [a, b]) {
      await authenticate(replica, old);
      await authenticate(replica, fresh);
    }
    const c = await house.replica('c');
    c.advance(3_601_000);
    await c.applications.refresh();
    await expect(authenticate(c, old)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(await authenticate(c, fresh)).toMatchObject({ applicationId });
    const now = await rotate(a, { applicationId, overlapSeconds: 0 }, requestOf());
    await waitUntil(
      () =>
        authenticate(b, fresh).then(
          () => false,
          () => true,
        ),
      { what: 'the key to end on b' },
    );
    expect(await authenticate(b, now.apiKey)).toMatchObject({ applicationId });
  });

  test('INV-21: the same attempt gives the same key, and repeated later does not end a newer one', async () => {
    const { applicationId } = await made();
    const request = requestOf();
    const first = await rotate(a, { applicationId, overlapSeconds: 3600 }, request);
    const newer = await rotate(a, { applicationId, overlapSeconds: 3600 }, requestOf());
    expect(await rotate(b, { applicationId, overlapSeconds: 0 }, request)).toEqual(first);
    await b.applications.refresh();
    expect(await authenticate(b, newer.apiKey)).toMatchObject({ applicationId });
    expect(await authenticate(b, first.apiKey)).toMatchObject({ applicationId });
  });

  test('of a deleted application ends on the replica that deleted it at once, on the others within seconds', async () => {
    const { applicationId, apiKey } = await made();
    await authenticate(b, apiKey);
    const request = requestOf();
    await remove(a, { applicationId }, request);
    await expect(authenticate(a, apiKey)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    await waitUntil(
      () =>
        authenticate(b, apiKey).then(
          () => false,
          () => true,
        ),
      { what: 'the key to end on b' },
    );
    expect(await remove(b, { applicationId }, request)).toEqual({ applicationId });
    await expect(remove(b, { applicationId }, requestOf())).rejects.toMatchObject({ code: 'APPLICATION_NOT_FOUND' });
  });
});

test('a client certificate opens like a key, and belongs to one application', async () => {
  const certificates = [fingerprint('one')];
  const { applicationId } = await create(a, { name: 'Portal', scopes: ['user.read'], certificates }, requestOf());
  const credential = { type: 'certificate', fingerprint: fingerprint('one') } as const;
  expect(await b.applications.authenticate(credential)).toMatchObject({ applicationId });
  const other = { type: 'certificate', fingerprint: fingerprint('two') } as const;
  await expect(b.applications.authenticate(other)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  const thief = create(a, { name: 'Other', scopes: ['admin'], certificates }, requestOf());
  await expect(thief).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
  expect((await find(a)).applications.map(({ name }) => name)).not.toContain('Other');
});

test('a name is taken once, and the list holds no secret', async () => {
  const { apiKey } = await create(a, { name: 'Named', scopes: ['challenge'] }, requestOf());
  const again = create(b, { name: 'Named', scopes: ['challenge'] }, requestOf());
  await expect(again).rejects.toMatchObject({
    code: 'REQUEST_INVALID',
    invalid: [{ pointer: '/name', message: 'is taken' }],
  });
  const list = JSON.stringify(await find(b));
  expect(list).toContain('"Named"');
  expect(list).not.toContain(apiKey.split('_').slice(2).join('_'));
  expect(list).not.toMatch(/hash|secret/i);
});

test('scopes: what is not given is forbidden, admin has all of them', () => {
  const of = (...scopes: ('challenge' | 'admin')[]) => ({ applicationId: '', name: '', scopes });
  expect(() => assertMay(of('challenge'), challengeStart)).not.toThrow();
  expect(() => assertMay(of('challenge'), keysJwks)).not.toThrow();
  expect(() => assertMay(of('challenge'), userGet)).toThrow(expect.objectContaining({ code: 'FORBIDDEN' }));
  expect(() => assertMay(of('challenge'), applicationCreate)).toThrow(expect.objectContaining({ code: 'FORBIDDEN' }));
  expect(() => assertMay(of('admin'), userGet)).not.toThrow();
});

test('with both Postgres nodes away known keys open for some minutes, unknown ones never', async () => {
  const { apiKey } = await made();
  const c = await house.replica('c2');
  await house.whileHung(house.pair.nodes, async () => {
    expect(await authenticate(c, apiKey)).toBeDefined();
    c.advance(10 * 60_000);
    expect(await authenticate(c, apiKey)).toBeDefined();
    await expect(authenticate(c, 'csk_nobody_x')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    c.advance(6 * 60_000);
    await expect(authenticate(c, apiKey)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});
