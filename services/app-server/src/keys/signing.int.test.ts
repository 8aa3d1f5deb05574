import { DEFAULT_POLICY } from '@countersign/contracts';
import { waitUntil } from '@countersign/testkit';
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ISSUER, requestOf, startHouse, type House, type Replica } from '../testing/house.ts';
import type { LoginUser } from '../user/store.ts';
import { rotate } from './rotate.ts';
import type { ResultFacts } from './signing.ts';

/** A result lives from the approval on. */
const APPROVED_AT = Date.now();

let house: House;
let a: Replica;
let b: Replica;

beforeAll(async () => {
  house = await startHouse('signing');
  // Both find no key and make one: together they make one.
  [a, b] = await Promise.all([house.replica('a'), house.replica('b')]);
});
afterAll(() => house.stop());

const user: LoginUser = { userId: crypto.randomUUID(), username: 'alice', status: 'enabled', authenticators: [] };
const application = { applicationId: crypto.randomUUID(), name: 'Intranet', scopes: [] };
const facts = (changes: Partial<ResultFacts> = {}): ResultFacts => ({
  user,
  application,
  challengeId: 'challenge',
  method: 'totp',
  at: APPROVED_AT,
  policy: DEFAULT_POLICY,
  ...changes,
});

/** As a caller does it: offline, with a key set it fetched from some replica. */
const verifiedBy = (replica: Replica, result: string, currentDate = new Date()) =>
  jwtVerify(result, createLocalJWKSet(replica.signingKeys.jwks()), {
    issuer: ISSUER,
    audience: application.applicationId,
    typ: 'countersign-result+jwt',
    algorithms: ['ES256'],
    currentDate,
  });

test('replicas that start together make one key, and each verifies what the other signs', async () => {
  expect(a.signingKeys.jwks()).toEqual(b.signingKeys.jwks());
  expect(a.signingKeys.jwks().keys).toHaveLength(1);
  const { payload } = await verifiedBy(b, await a.signer.sign(facts()));
  expect(payload).toMatchObject({
    iss: ISSUER,
    aud: application.applicationId,
    sub: user.userId,
    username: 'alice',
    application: 'Intranet',
    challenge: 'challenge',
    amr: ['otp'],
    auth_time: Math.floor(APPROVED_AT / 1000),
  });
  expect(payload.exp! - payload.iat!).toBe(DEFAULT_POLICY.result.lifeSeconds);
});

test('the key set holds public keys and nothing else', () => {
  for (const key of a.signingKeys.jwks().keys) {
    expect(Object.keys(key).toSorted()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
  }
});

test('RFC 8176: the result says how the user answered, and a bypass claims no authentication', async () => {
  const amr = async (method: ResultFacts['method']) => decodeJwt(await a.signer.sign(facts({ method })))['amr'];
  expect(await amr('sms')).toContain('sms');
  expect(await amr('totp')).toEqual(['otp']);
  expect(await amr('bypass')).toEqual([]);
});

test('R14: a result for one application is no result for another, and none is forever', async () => {
  const result = await a.signer.sign(facts());
  const other = { ...application, applicationId: crypto.randomUUID() };
  await expect(verifiedBy(a, await a.signer.sign(facts({ application: other })))).rejects.toThrow('aud');
  const later = new Date(Date.now() + (DEFAULT_POLICY.result.lifeSeconds + 1) * 1000);
  await expect(verifiedBy(a, result, later)).rejects.toThrow('exp');
  const [one, two] = [decodeJwt(result), decodeJwt(await a.signer.sign(facts()))];
  // An approval has one jti, however often it is told.
  expect([one.jti, two.jti]).toEqual(['challenge', 'challenge']);
});

test('a rotation publishes first and signs after the lead, and what the old key signed stays verifiable', async () => {
  const before = await a.signer.sign(facts());
  const oldKid = decodeProtectedHeader(before).kid;
  const request = requestOf();
  const rotated = await rotate(a, { leadSeconds: 3600 }, request);
  // INV-21
  expect(await rotate(b, { leadSeconds: 3600 }, request)).toEqual(rotated);
  expect(rotated.kid).not.toBe(oldKid);
  await waitUntil(() => b.signingKeys.jwks().keys.length === 2, { what: 'the new key to be published on b' });
  expect(decodeProtectedHeader(await a.signer.sign(facts())).kid).toBe(oldKid);

  const c = await house.replica('c');
  c.advance(3_601_000);
  const after = await c.signer.sign({ ...facts(), at: APPROVED_AT + 3_601_000 });
  expect(decodeProtectedHeader(after).kid).toBe(rotated.kid);
  await verifiedBy(b, after, new Date(Date.now() + 3_601_000));
  await verifiedBy(c, before);
  // A day after it signed last the old key is gone.
  c.advance(25 * 3_600_000);
  expect(c.signingKeys.jwks().keys.map(({ kid }) => kid)).toEqual([rotated.kid]);
});

test('R14: evidence that a retired key signed is none any more, and one that was replaced before its time never signs', async () => {
  const [one, other] = [await house.replica('retires'), await house.replica('reads')];
  const frame = { audience: 'portal', subject: user.userId, id: 'x', issuedAt: Math.floor(APPROVED_AT / 1000) };
  const sign = () => one.signingKeys.sign('access', { ...frame, expiresAt: frame.issuedAt + 30 * 86_400 }, {});
  const { kid } = await rotate(one, { leadSeconds: 0 }, requestOf());
  const token = await sign();
  expect(decodeProtectedHeader(token).kid).toBe(kid);
  const replaced = await rotate(one, { leadSeconds: 3600 }, requestOf());
  const last = await rotate(one, { leadSeconds: 0 }, requestOf());
  await other.signingKeys.refresh('primary');
  for (const replica of [one, other]) {
    expect(await replica.signingKeys.read('access', token, 'portal')).toMatchObject({ sub: user.userId });
    replica.advance(26 * 3_600_000);
    expect(await replica.signingKeys.read('access', token, 'portal')).toBeUndefined();
  }
  const after = await sign();
  expect(decodeProtectedHeader(after).kid).toBe(last.kid);
  expect(replaced.kid).not.toBe(last.kid);
  expect(await other.signingKeys.read('access', after, 'portal')).toMatchObject({ sub: user.userId });
});

test('signing goes on with both Postgres nodes hung', async () => {
  await house.whileHung(house.pair.nodes, async () => {
    await expect(a.signingKeys.refresh()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect((await verifiedBy(a, await a.signer.sign(facts()))).payload.sub).toBe(user.userId);
  });
});

test('KEY-01: no private key is readable in the database', async () => {
  const rows = await a.router.read((db) => db.selectFrom('signing_key').selectAll().execute());
  for (const row of rows) {
    expect(row.private_sealed).toMatch(/^v1\.k1\.[A-Za-z0-9_-]+$/);
    expect(JSON.stringify(row.public_jwk)).not.toContain('"d"');
  }
});
