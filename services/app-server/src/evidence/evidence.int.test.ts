import { generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { amrOf } from '../keys/signing.ts';
import { ISSUER, requestOf, startHouse, type House, type Replica } from '../testing/house.ts';
import type { Evidence } from './evidence.ts';

let house: House;
let a: Replica;
let b: Replica;
beforeAll(async () => {
  house = await startHouse('evidence');
  a = await house.replica('a');
  b = await house.replica('b');
});
afterAll(() => house.stop());

const { application } = requestOf({ scopes: ['portal'] });
const other = requestOf({ scopes: ['portal'] }).application;
const userId = crypto.randomUUID();
const SECOND = 1000;

const tokens = async () => {
  const at = Math.floor(a.now() / SECOND) * SECOND;
  const { firstFactor } = await a.evidence.issueFirstFactor({ userId, amr: ['pwd'], at }, application);
  const facts = {
    sessionId: 's',
    userId,
    level: 'full',
    amr: ['otp'],
    confirmedAt: at,
    issuedAt: at,
    endsAt: at + 3600 * SECOND,
  } as const;
  const access = await a.evidence.issueAccess(facts, application);
  const handover = await a.evidence.issueHandover({
    applicationId: application.applicationId,
    applicationName: 'AD FS',
    username: 'alice',
    returnUrl: 'https://sts.example.com/return',
    state: 'x'.repeat(16),
    endsAt: at + 600 * SECOND,
  });
  const { invitation } = await a.evidence.issueInvitation(application);
  const policy = a.policies.effective(application.applicationId);
  const user = { userId, username: 'alice', status: 'enabled', authenticators: [] } as const;
  const result = await a.signer.sign({
    user: { ...user, authenticators: [] },
    application,
    challengeId: 'c',
    method: 'totp',
    at,
    policy,
  });
  return { at, facts, 'first-factor': firstFactor, access, handover, invitation, result };
};

type Kind = 'first-factor' | 'access' | 'handover' | 'invitation' | 'result';
const KINDS: readonly Kind[] = ['first-factor', 'access', 'handover', 'invitation', 'result'];
const readers: Record<Kind, (evidence: Evidence, token: string, who?: typeof application) => Promise<unknown>> = {
  'first-factor': (evidence, token, who = application) => evidence.readFirstFactor(token, who),
  access: (evidence, token, who = application) => evidence.readAccess(token, who),
  handover: (evidence, token) => evidence.readHandover(token),
  invitation: (evidence, token, who = application) => evidence.readInvitation(token, who),
  result: (evidence, token, who = application) => evidence.readProof(token, who),
};

/** Evidence of who somebody is sends them to sign in; what asks for something is over. */
const REFUSED: Record<Kind, string> = {
  'first-factor': 'SIGN_IN_NEEDED',
  access: 'SIGN_IN_NEEDED',
  result: 'SIGN_IN_NEEDED',
  handover: 'CHALLENGE_CLOSED',
  invitation: 'CHALLENGE_CLOSED',
};

test('WEB-02: an invitation is read on another replica for five minutes, to the millisecond', async () => {
  const { invitation, key, issuedAt, endsAt } = await a.evidence.issueInvitation(application);
  expect(await b.evidence.readInvitation(invitation, application)).toEqual({ key, issuedAt });
  expect(key).toHaveLength(22);
  expect(endsAt - issuedAt).toBeLessThanOrEqual(300_000);
  const later = await house.replica('later-invited');
  later.advance(300_001);
  await expect(later.evidence.readInvitation(invitation, application)).rejects.toMatchObject({
    code: 'CHALLENGE_CLOSED',
  });
});

test('what one replica said another reads', async () => {
  const { at, facts, ...said } = await tokens();
  expect(await b.evidence.readFirstFactor(said['first-factor'], application)).toEqual({
    userId,
    amr: ['pwd'],
    at,
    issuedAt: at,
  });
  expect(await b.evidence.readAccess(said.access, application)).toEqual(facts);
  expect(await b.evidence.readProof(said.result, application)).toEqual({
    userId,
    challengeId: 'c',
    amr: amrOf('totp'),
    at,
  });
  expect(await b.evidence.readHandover(said.handover)).toMatchObject({ username: 'alice', applicationName: 'AD FS' });
});

describe.each(KINDS)('R14: %s', (kind) => {
  test('is read as itself and as nothing else', async () => {
    const said = await tokens();
    for (const reader of KINDS.filter((one) => one !== kind)) {
      await expect(readers[reader](b.evidence, said[kind]), reader).rejects.toMatchObject({
        code: REFUSED[reader],
      });
    }
  });

  test('counts for nobody else, not altered, not past its end', async () => {
    const said = await tokens();
    if (kind !== 'handover') {
      await expect(readers[kind](b.evidence, said[kind], other)).rejects.toMatchObject({ code: REFUSED[kind] });
    }
    const [header, payload = '', signature] = said[kind].split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object;
    const forged = Buffer.from(JSON.stringify({ ...claims, sub: crypto.randomUUID() })).toString('base64url');
    const unsigned = Buffer.from(JSON.stringify({ alg: 'none', typ: `countersign-${kind}+jwt` })).toString('base64url');
    for (const token of [
      `${header}.${forged}.${signature}`,
      `${unsigned}.${payload}.`,
      'x',
      '',
      said[kind].slice(0, -2),
    ]) {
      await expect(readers[kind](b.evidence, token)).rejects.toMatchObject({
        code: expect.stringMatching(/SIGN_IN_NEEDED|CHALLENGE_CLOSED/),
      });
    }
    const later = await house.replica(`later-${kind}`);
    later.advance(3601 * SECOND);
    await expect(readers[kind](later.evidence, said[kind])).rejects.toMatchObject({ code: expect.any(String) });
  });

  test('signed by somebody else, or with our public key as a secret, is refused', async () => {
    const said = await tokens();
    const [, payload = ''] = said[kind].split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
    const [jwk] = a.signingKeys.jwks().keys;
    const header = { kid: jwk?.kid ?? '', typ: `countersign-${kind}+jwt` };
    const { privateKey } = await generateKeyPair('ES256');
    const theirs = await new SignJWT(claims).setProtectedHeader({ ...header, alg: 'ES256' }).sign(privateKey);
    const confused = await new SignJWT(claims)
      .setProtectedHeader({ ...header, alg: 'HS256' })
      .sign(Buffer.from(JSON.stringify(jwk)));
    for (const token of [theirs, confused]) {
      await expect(readers[kind](b.evidence, token)).rejects.toMatchObject({ code: REFUSED[kind] });
    }
    expect(claims['iss']).toBe(ISSUER);
  });
});
