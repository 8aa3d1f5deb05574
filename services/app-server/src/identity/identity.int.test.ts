import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createAuthority, issueCertificate } from '@countersign/testkit';
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT, type JWTPayload } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { create } from '../user/create.ts';
import { remove } from '../user/delete.ts';
import { block } from '../user/block.ts';
import { requestOf, startHouse, type House, type Replica } from '../testing/house.ts';
import { SETTLED } from '../ledger/testing/settled.ts';
import type { TrailEvent } from '../audit/trail.ts';
import { IdentityProvider } from './provider.ts';
import { unlink } from './unlink.ts';
import { verify, type IdentityDependencies } from './verify.ts';

const CLIENT = 'countersign-portal';
const NONCE = 'n'.repeat(22);

let house: House;
let a: Replica;
let b: Replica;
let server: Server;
let issuer: string;
let authorities: string;
let keys: Awaited<ReturnType<typeof generateKeyPair>>;
/** What the provider says of itself; a test may let it lie. */
let said: { issuer?: string } = {};
const trail: TrailEvent[] = [];

beforeAll(async () => {
  house = await startHouse('identity');
  [a, b] = await Promise.all([house.replica('a'), house.replica('b')]);
  keys = await generateKeyPair('ES256', { extractable: true });
  const authority = await createAuthority({ commonName: 'Provider', now: Date.now() });
  const pair = await issueCertificate(authority, { commonName: 'localhost', usage: 'server', now: Date.now() });
  authorities = authority.certificatePem;
  const jwk = { ...(await exportJWK(keys.publicKey)), kid: 'k', alg: 'ES256', use: 'sig' };
  server = createServer({ cert: pair.certificatePem, key: pair.keyPem }, ({ url }, answer) => {
    const isDiscovery = url === '/.well-known/openid-configuration';
    answer.setHeader('content-type', 'application/json');
    answer.end(JSON.stringify(isDiscovery ? { issuer, jwks_uri: `${issuer}/keys`, ...said } : { keys: [jwk] }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  issuer = `https://localhost:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await house.stop();
});

function at(replica: Replica, options: { usernameClaim?: string; issuer?: string } = {}): IdentityDependencies {
  const { usernameClaim = 'upn', issuer: asked = issuer } = options;
  return {
    ...replica,
    settled: SETTLED,
    trail: {
      record: async (event) => {
        trail.push(event);
      },
    },
    identityProvider: new IdentityProvider({
      issuer: asked,
      clientId: CLIENT,
      usernameClaim,
      authorities,
      now: replica.now,
    }),
  };
}

const portal = (attemptId?: string) =>
  requestOf({ scopes: ['password'], ...(attemptId !== undefined && { attemptId }) });
let people = 0;
async function person(): Promise<{ userId: string; upn: string; sub: string }> {
  people += 1;
  const upn = `person-${people}@example.com`;
  const { userId } = await create(a, { username: upn }, requestOf());
  return { userId, upn, sub: `subject-${people}` };
}

let tokens = 0;
function idToken(claims: JWTPayload, sign: { key?: CryptoKey; kid?: string } = {}): Promise<string> {
  tokens += 1;
  return new SignJWT({ nonce: NONCE, jti: String(tokens), ...claims })
    .setProtectedHeader({ alg: 'ES256', kid: sign.kid ?? 'k' })
    .setIssuer(claims.iss ?? issuer)
    .setAudience(claims.aud ?? CLIENT)
    .setIssuedAt(claims.iat)
    .setExpirationTime(claims.exp ?? '5m')
    .sign(sign.key ?? keys.privateKey);
}

const ask = (replica: IdentityDependencies, token: string, request = portal(), nonce = NONCE) =>
  verify(replica, { idToken: token, nonce }, request);

test('FED-12: a name counts for whoever was never linked; from then on the subject alone', async () => {
  const { userId, upn, sub } = await person();
  await expect(ask(at(a, { usernameClaim: 'email' }), await idToken({ sub, upn }))).rejects.toMatchObject({
    code: 'CREDENTIALS_REJECTED',
  });
  const first = await ask(at(a), await idToken({ sub, upn }));
  expect(first).toMatchObject({ userId, username: upn, next: 'access-code' });
  expect(await ask(at(b), await idToken({ sub, upn: 'married@example.com' }))).toMatchObject({ userId });
  expect(await ask(at(b), await idToken({ sub }))).toMatchObject({ userId });
});

test('FED-12: a name that the provider gave to somebody else leads nowhere, until an administrator forgets whose it was', async () => {
  const { userId, upn, sub } = await person();
  await ask(at(a), await idToken({ sub, upn }));
  const heir = { sub: `${sub}-heir`, upn };
  await expect(ask(at(b), await idToken(heir))).rejects.toMatchObject({ code: 'CREDENTIALS_REJECTED' });
  expect(trail.at(-1)).toMatchObject({ type: 'identity.refused', reason: 'unknown identity' });
  await unlink(a, { userId, reason: 'new account' }, requestOf());
  expect(await ask(at(b), await idToken(heir))).toMatchObject({ userId });
  await expect(ask(at(a), await idToken({ sub }))).rejects.toMatchObject({ code: 'CREDENTIALS_REJECTED' });
  const events = await a.router.read((db) =>
    db.selectFrom('audit_event').select('type').where('user_id', '=', userId).orderBy('at').execute(),
  );
  expect(events.map(({ type }) => type).filter((type) => type.startsWith('identity'))).toEqual([
    'identity.link',
    'identity.unlink',
    'identity.link',
  ]);
});

test('two who come at once by the same name: one is linked', async () => {
  const { userId, upn, sub } = await person();
  const both = await Promise.allSettled([
    ask(at(a), await idToken({ sub, upn })),
    ask(at(b), await idToken({ sub: `${sub}-other`, upn })),
  ]);
  const linked = both.flatMap((one) => (one.status === 'fulfilled' ? [one.value.userId] : []));
  expect(linked).toEqual([userId]);
});

describe('RFC 9700 section 4.5: a token counts once', () => {
  test('on whichever replica it is brought again; the attempt itself may be repeated', async () => {
    const { userId, upn, sub } = await person();
    const token = await idToken({ sub, upn });
    await ask(at(a), token, portal('attempt-of-the-first'));
    expect(await ask(at(b), token, portal('attempt-of-the-first'))).toMatchObject({ userId });
    await expect(ask(at(b), token)).rejects.toMatchObject({ code: 'CREDENTIALS_REJECTED' });
  });
});

describe('OpenID Connect Core section 3.1.3.7', () => {
  test.each<[string, () => Promise<string> | string]>([
    ['another issuer', () => idToken({ sub: 's', iss: 'https://evil.example.com' })],
    ['another audience', () => idToken({ sub: 's', aud: 'somebody-else' })],
    ['an audience beside ours, and nobody authorised', () => idToken({ sub: 's', aud: [CLIENT, 'somebody-else'] })],
    ['authorised for another', () => idToken({ sub: 's', azp: 'somebody-else' })],
    ['another nonce', () => idToken({ sub: 's', nonce: 'x'.repeat(22) })],
    ['no nonce', () => idToken({ sub: 's', nonce: undefined })],
    ['no subject', () => idToken({})],
    ['an empty subject', () => idToken({ sub: '' })],
    ['expired', () => idToken({ sub: 's', exp: Math.floor(Date.now() / 1000) - 60 })],
    ['issued too long ago', () => idToken({ sub: 's', iat: Math.floor(Date.now() / 1000) - 3600 })],
    ['issued in time to come', () => idToken({ sub: 's', iat: Math.floor(Date.now() / 1000) + 3600 })],
    ['a key that the provider does not have', () => idToken({ sub: 's' }, { kid: 'other' })],
    [
      'somebody else’s signature',
      async () => idToken({ sub: 's' }, { key: (await generateKeyPair('ES256')).privateKey }),
    ],
    ['no signature', () => new UnsecuredJWT({ sub: 's', nonce: NONCE }).setIssuer(issuer).setAudience(CLIENT).encode()],
    [
      'signed with what everybody knows',
      () =>
        new SignJWT({ sub: 's', nonce: NONCE })
          .setProtectedHeader({ alg: 'HS256', kid: 'k' })
          .setIssuer(issuer)
          .setAudience(CLIENT)
          .setIssuedAt()
          .setExpirationTime('5m')
          .sign(new TextEncoder().encode(CLIENT.padEnd(32, '.'))),
    ],
    ['no token', () => 'nothing'],
  ])('%s is refused', async (_, token) => {
    await expect(ask(at(a), await token())).rejects.toMatchObject({ code: 'CREDENTIALS_REJECTED' });
  });

  test('a provider that calls itself otherwise is not asked for keys', async () => {
    said = { issuer: 'https://evil.example.com' };
    try {
      await expect(ask(at(a), await idToken({ sub: 's' }))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    } finally {
      said = {};
    }
  });

  test('a provider that is away lets nobody in', async () => {
    const token = await idToken({ sub: 's', iss: 'https://localhost:1' });
    await expect(ask(at(a, { issuer: 'https://localhost:1' }), token)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});

test('R17: whoever is blocked, or was deleted, is nobody here', async () => {
  const { userId, upn, sub } = await person();
  await ask(at(a), await idToken({ sub, upn }));
  await block({ ...at(a), ...a }, { userId, reason: 'left' }, requestOf());
  await expect(ask(at(b), await idToken({ sub }))).rejects.toMatchObject({ code: 'CREDENTIALS_REJECTED' });
  expect(trail.at(-1)).toMatchObject({ type: 'identity.refused', reason: 'kept out', userId });
  await remove({ ...at(a), ...a }, { userId }, requestOf());
  await expect(ask(at(b), await idToken({ sub }))).rejects.toMatchObject({ code: 'CREDENTIALS_REJECTED' });
});
