import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  applicationDelete,
  applicationRotate,
  authenticatorConfirm,
  authenticatorEnrol,
  authenticatorRemove,
  keysRotate,
  userBlock,
  userBypass,
  userCreate,
  userUnblock,
  userUpdate,
} from '@countersign/contracts';
import { base32Decode, totpCode, totpStep } from '@countersign/otp';
import { issueCertificate, waitUntil } from '@countersign/testkit';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify, type JSONWebKeySet } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Answer } from '../client.ts';
import { startStack, type Stack } from '../stack.ts';

let stack: Stack;
let one: string;
let two: string;

beforeAll(async () => {
  stack = await startStack({ policy: { messages: { resendWaitSeconds: 0 }, attempts: { free: 20 } } });
  [one, two] = stack.gateways.map(({ url }) => url) as [string, string];
});
afterAll(() => stack?.stop());

async function jwks(gateway = two): Promise<JSONWebKeySet> {
  const { body } = await stack.client.request(gateway, 'GET', '/.well-known/jwks.json');
  return body as unknown as JSONWebKeySet;
}

/** A code that is not this one, of the same length. */
function wrongFor(code: string): string {
  return String((Number(code) + 1) % 10 ** code.length).padStart(code.length, '0');
}

async function startBySms(username: string, gateway = one): Promise<Answer & { challengeId: string }> {
  const answer = await stack.client.start(gateway, { username, method: 'sms' });
  expect(answer.status, answer.text).toBe(201);
  return { ...answer, challengeId: answer.body.challengeId ?? '' };
}

test('the main job: started on one gateway, the code from the phone, answered through the other, the result verified offline', async () => {
  const user = await stack.addUser();
  const started = await stack.client.start(one, {
    username: user.username,
    method: 'sms',
    context: { ip: '203.0.113.7', device: 'Firefox on Debian', location: 'Riga' },
  });
  expect(started.status, started.text).toBe(201);
  expect(started.body).toEqual({
    challengeId: expect.stringMatching(/^[\w-]{44}$/),
    state: 'pending',
    method: 'sms',
    prompt: expect.stringContaining(user.phone!.slice(-2)),
    expiresAt: expect.stringMatching(/^\d{4}-.*Z$/),
    alternatives: [],
  });
  expect(started.headers['countersign-replica']).toMatch(/^sdk-gateway-1, app-server-\d$/);

  const code = await stack.inbox.code(user.phone);
  const challengeId = started.body.challengeId ?? '';
  const verified = await stack.client.verify(two, challengeId, code);
  expect(verified.status, verified.text).toBe(200);
  expect(verified.body).toEqual({ challengeId, state: 'approved', method: 'sms', result: expect.any(String) });
  expect(verified.headers['countersign-replica']).toMatch(/^sdk-gateway-2, app-server-\d$/);

  const { payload, protectedHeader } = await jwtVerify(verified.body.result ?? '', createLocalJWKSet(await jwks()), {
    issuer: 'https://mfa.example.test',
    algorithms: ['ES256'],
  });
  expect(JSON.stringify(payload)).toContain(challengeId);
  expect(JSON.stringify(payload)).toContain(user.userId);
  expect(JSON.stringify([payload.aud, payload['application']])).toContain(stack.application.applicationId);
  expect(payload['amr']).toEqual(expect.arrayContaining(['otp']));
  expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBeLessThanOrEqual(300);
  expect(protectedHeader.alg).toBe('ES256');
});

test('OATH-23, R1: a code is accepted once, and the challenge stays closed', async () => {
  const user = await stack.addUser();
  const { challengeId } = await startBySms(user.username);
  const code = await stack.inbox.code(user.phone);
  expect((await stack.client.verify(one, challengeId, code)).status).toBe(200);
  for (const gateway of [one, two]) {
    const again = await stack.client.verify(gateway, challengeId, code);
    expect([again.status, again.body.code]).toEqual([409, 'CHALLENGE_CLOSED']);
  }
  const other = await startBySms(user.username, two);
  const replayed = await stack.client.verify(one, other.challengeId, code);
  // One in a million: both challenges have the same code.
  const second = await stack.inbox.code(user.phone, 2);
  if (second !== code) expect([replayed.status, replayed.body.code]).toEqual([422, 'CODE_REJECTED']);
});

test('TOTP: enrolled with a URI and a QR image, confirmed by its first code, then logs in; each code once', async () => {
  const { userId, username } = await stack.admin(userCreate, { username: `totp-${randomUUID().slice(0, 8)}` });
  const enrolled = await stack.admin(authenticatorEnrol, { userId, type: 'totp', algorithm: 'SHA256', digits: 8 });
  expect(enrolled.state).toBe('pending');
  expect(enrolled.uri).toMatch(/^otpauth:\/\/totp\/.*secret=[A-Z2-7]+/);
  expect(enrolled.qr).toMatch(/^data:image\/png;base64,iVBOR/);
  const totp = {
    secret: base32Decode(enrolled.secret ?? '')!,
    algorithm: 'SHA256',
    digits: 8,
    periodSeconds: 30,
  } as const;
  const step = totpStep(Date.now(), 30);

  const before = await stack.client.start(one, { username, method: 'totp' });
  const tooEarly = await stack.client.verify(two, before.body.challengeId ?? '', totpCode(totp, step));
  expect(tooEarly.status, 'a pending authenticator lets nobody in').toBeGreaterThanOrEqual(400);

  const first = totpCode(totp, step);
  const { authenticatorId } = enrolled;
  await expect(
    stack.admin(authenticatorConfirm, { userId, authenticatorId, code: wrongFor(first) }),
  ).rejects.toMatchObject({ code: 'CODE_REJECTED' });
  await stack.admin(authenticatorConfirm, { userId, authenticatorId, code: first });

  const { body } = await stack.client.start(one, { username });
  expect(body).toMatchObject({ method: 'totp', prompt: expect.stringContaining('8') });
  const spent = await stack.client.verify(two, body.challengeId ?? '', first);
  expect([spent.status, spent.body.code], 'confirming spends the code (OATH-61)').toEqual([422, 'CODE_REJECTED']);
  const next = totpCode(totp, step + 1);
  const approved = await stack.client.verify(two, body.challengeId ?? '', next);
  expect(approved.status, approved.text).toBe(200);
  expect(approved.body.method).toBe('totp');

  const later = await stack.client.start(two, { username });
  const replayed = await stack.client.verify(one, later.body.challengeId ?? '', next);
  expect([replayed.status, replayed.body.code]).toEqual([422, 'CODE_REJECTED']);
});

test('challenge.get waits on another gateway until the code came, and says how things stand meanwhile', async () => {
  const user = await stack.addUser();
  const { challengeId } = await startBySms(user.username);
  const now = await stack.client.get(two, challengeId);
  expect(now.body).toMatchObject({ challengeId, state: 'pending', method: 'sms' });
  const short = await stack.client.get(two, challengeId, 1);
  expect(short.body.state).toBe('pending');
  expect(short.ms).toBeGreaterThan(800);

  const waiting = stack.client.get(two, challengeId, 20);
  const code = await stack.inbox.code(user.phone);
  await sleep(300);
  expect((await stack.client.verify(one, challengeId, code)).status).toBe(200);
  const answeredAt = performance.now();
  const ended = await waiting;
  expect(ended.body.state).toBe('approved');
  expect(ended.body.result, 'a result is told to whoever verified, and to nobody else').toBeUndefined();
  expect(performance.now() - answeredAt, 'woken and not found by re-reading').toBeLessThan(2500);
});

test('a cancelled challenge takes no code, on any gateway', async () => {
  const user = await stack.addUser();
  const { challengeId } = await startBySms(user.username);
  const code = await stack.inbox.code(user.phone);
  expect((await stack.client.cancel(two, challengeId)).body).toMatchObject({ state: 'cancelled' });
  const late = await stack.client.verify(one, challengeId, code);
  expect([late.status, late.body.code]).toEqual([409, 'CHALLENGE_CLOSED']);
  expect((await stack.client.get(one, challengeId)).body.state).toBe('cancelled');
});

test('AAL-10: a resend sends a new code and voids the one before', async () => {
  const user = await stack.addUser();
  const { challengeId } = await startBySms(user.username);
  const first = await stack.inbox.code(user.phone);
  const resent = await stack.client.resend(two, challengeId);
  expect(resent.status, resent.text).toBe(200);
  const second = await stack.inbox.code(user.phone, 2);
  expect(second).not.toBe(first);
  const old = await stack.client.verify(one, challengeId, first);
  expect([old.status, old.body.code]).toEqual([422, 'CODE_REJECTED']);
  expect((await stack.client.verify(two, challengeId, second)).status).toBe(200);
});

test('R21: a name that nobody has is asked in the same way, always the same, and is never right', async () => {
  const user = await stack.addUser();
  const nobody = `nobody-${randomUUID().slice(0, 8)}`;
  const known = await startBySms(user.username);
  const decoy = await startBySms(nobody, two);
  expect(Object.keys(decoy.body)).toEqual(Object.keys(known.body));
  expect(decoy.body.prompt?.replace(/\d\d(?=\D*$)/, '##')).toBe(known.body.prompt?.replace(/\d\d(?=\D*$)/, '##'));
  expect(decoy.challengeId).toHaveLength(known.challengeId.length);
  const again = await startBySms(nobody.toUpperCase());
  expect(again.body.prompt, 'asking twice tells nothing').toBe(decoy.body.prompt);

  const code = await stack.inbox.code(user.phone);
  const wrong = await stack.client.verify(one, known.challengeId, wrongFor(code));
  const wrongDecoy = await stack.client.verify(two, decoy.challengeId, code);
  expect(wrongDecoy.status).toBe(wrong.status);
  expect({ ...wrongDecoy.body, instance: '' }).toEqual({ ...wrong.body, instance: '' });
  expect((await stack.client.get(one, decoy.challengeId)).body).toMatchObject({ state: 'pending', method: 'sms' });
  expect((await stack.client.resend(one, decoy.challengeId)).status).toBe(200);
  expect((await stack.client.cancel(two, decoy.challengeId)).body.state).toBe('cancelled');
});

test('revealUnknown: the truth is for applications that may read users', async () => {
  const unknown = { username: `nobody-${randomUUID().slice(0, 8)}`, revealUnknown: true };
  const refused = await stack.client.start(one, unknown);
  expect([refused.status, refused.body.code]).toEqual([403, 'FORBIDDEN']);

  const reader = stack.clientAs({ apiKey: (await stack.addApplication(['challenge', 'user.read'])).apiKey });
  const truth = await reader.start(one, unknown);
  expect([truth.status, truth.body.code]).toEqual([404, 'USER_NOT_FOUND']);
  const { username, userId } = await stack.addUser({ phone: false });
  const nothing = await reader.start(two, { username, revealUnknown: true });
  expect([nothing.status, nothing.body.code]).toEqual([409, 'METHOD_UNAVAILABLE']);
  await stack.admin(userUpdate, { userId, status: 'disabled' });
  const disabled = await reader.start(two, { username, revealUnknown: true });
  expect([disabled.status, disabled.body.code]).toEqual([409, 'USER_DISABLED']);
  expect((await reader.start(two, { username: unknown.username })).status, 'without asking for it: a decoy').toBe(201);
});

test('a one-time bypass lets one login through, named as such, and no second', async () => {
  const user = await stack.addUser();
  await stack.admin(userBypass, { userId: user.userId, reason: 'Phone left at home, ticket 4711', seconds: 120 });
  const answers = await Promise.all(
    [1, 2, 3, 4].map((n) => stack.client.start(n % 2 === 0 ? one : two, { username: user.username })),
  );
  const approved = answers.filter(({ body }) => body.state === 'approved');
  expect(approved, 'four at once').toHaveLength(1);
  const [first] = approved;
  expect(first?.body).toMatchObject({ method: 'bypass', result: expect.any(String) });
  const { payload } = await jwtVerify(first?.body.result ?? '', createLocalJWKSet(await jwks()));
  expect(payload['amr'], 'no method was used (RFC 8176 has no name for none)').toEqual([]);
  expect((await startBySms(user.username)).body.state).toBe('pending');
});

test('a block holds at once on every replica, also for challenges that are open, and an unblock ends it', async () => {
  const user = await stack.addUser();
  const { challengeId } = await startBySms(user.username);
  const code = await stack.inbox.code(user.phone);
  await stack.admin(userBlock, { userId: user.userId, reason: 'Phone reported stolen' });
  const blocked = await stack.client.verify(two, challengeId, code);
  expect(blocked.status, blocked.text).toBe(422);
  const sent = (await stack.inbox.messages(user.phone)).length;
  const during = await startBySms(user.username, two);
  expect(during.body.state, 'looks like any other').toBe('pending');

  await stack.admin(userUnblock, { userId: user.userId, reason: 'Phone found again' });
  const after = await startBySms(user.username);
  await waitUntil(async () => (await stack.inbox.messages(user.phone)).length > sent, {
    what: 'a message after the unblock',
  });
  const newest = (await stack.inbox.messages(user.phone))[0];
  expect((await stack.inbox.messages(user.phone)).length, 'nothing was sent to the blocked user').toBe(sent + 1);
  const fresh = /\d{6}/.exec(newest?.text ?? '')?.[0];
  expect((await stack.client.verify(one, after.challengeId, fresh)).status).toBe(200);
});

test.each([
  ['disabled', (userId: string) => stack.admin(userUpdate, { userId, status: 'disabled' as const })],
  [
    'stripped of the phone',
    async (userId: string) => {
      const [row] = await stack.sql<{ id: string }>(
        'select authenticator_id as id from authenticator where user_id = $1',
        [userId],
      );
      return stack.admin(authenticatorRemove, { userId, authenticatorId: row?.id ?? '' });
    },
  ],
])('R17: a user who is %s between challenge and answer is refused, on every replica', async (_, happens) => {
  const user = await stack.addUser();
  const { challengeId } = await startBySms(user.username);
  const code = await stack.inbox.code(user.phone);
  await happens(user.userId);
  for (const gateway of [one, two]) {
    const refused = await stack.client.verify(gateway, challengeId, code);
    expect(refused.status, refused.text).toBeGreaterThanOrEqual(400);
    expect(refused.status).toBeLessThan(500);
    expect(refused.body.result).toBeUndefined();
  }
  const after = await stack.client.start(two, { username: user.username, method: 'sms' });
  expect([after.status, after.body.state], 'looks like any other').toEqual([201, 'pending']);
});

test('an API key is rotated without an outage; a deleted application is out', async () => {
  const { applicationId, apiKey } = await stack.addApplication(['challenge']);
  const { username } = await stack.addUser();
  const identities = { old: stack.clientAs({ apiKey }) };
  expect((await identities.old.start(one, { username })).status).toBe(201);
  const rotated = await stack.admin(applicationRotate, { applicationId, overlapSeconds: 3600 });
  const fresh = stack.clientAs({ apiKey: rotated.apiKey });
  for (const gateway of [one, two, one, two]) {
    expect((await fresh.start(gateway, { username })).status, 'the new key works at once').toBe(201);
    expect((await identities.old.start(gateway, { username })).status, 'and so does the old one').toBe(201);
  }
  const last = await stack.admin(applicationRotate, { applicationId, overlapSeconds: 0 });
  const newest = stack.clientAs({ apiKey: last.apiKey });
  await waitUntil(async () => (await identities.old.start(one, { username })).status === 401, {
    what: 'the old key to be refused',
  });
  await sleep(2500);
  for (const gateway of [one, two, one, two]) {
    const refused = await fresh.start(gateway, { username });
    expect([refused.status, refused.body.code]).toEqual([401, 'UNAUTHENTICATED']);
    expect((await newest.start(gateway, { username })).status).toBe(201);
  }
  await stack.admin(applicationDelete, { applicationId });
  await sleep(2500);
  for (const gateway of [one, two]) expect((await newest.start(gateway, { username })).status).toBe(401);
});

test("a client certificate stands for an application; a stranger's, and none, do not", async () => {
  const issue = () => issueCertificate(stack.authority, { commonName: 'AD FS', usage: 'client', now: Date.now() });
  const [ours, strangers] = [await issue(), await issue()];
  await stack.addApplication(['challenge'], [ours.fingerprint]);
  const { username } = await stack.addUser();
  const client = stack.clientAs({ certificate: ours });
  const started = await client.start(one, { username });
  expect(started.status, started.text).toBe(201);
  const another = await stack.client.get(two, started.body.challengeId ?? '');
  expect([another.status, another.body.code], "another application's challenge").toEqual([404, 'CHALLENGE_NOT_FOUND']);
  for (const identity of [{ certificate: strangers }, {}]) {
    const refused = await stack.clientAs(identity).start(two, { username });
    expect([refused.status, refused.body.code]).toEqual([401, 'UNAUTHENTICATED']);
  }
});

test('R14: a challenge belongs to the application that started it; a scope is needed for what one does', async () => {
  const user = await stack.addUser();
  const { challengeId } = await startBySms(user.username);
  const code = await stack.inbox.code(user.phone);
  const other = stack.clientAs({ apiKey: (await stack.addApplication(['challenge'])).apiKey });
  const answers = [
    await other.verify(one, challengeId, code),
    await other.get(two, challengeId),
    await other.cancel(one, challengeId),
    await other.resend(two, challengeId),
  ];
  for (const { status, body } of answers) expect([status, body.code]).toEqual([404, 'CHALLENGE_NOT_FOUND']);
  const forbidden = await stack.client.request(one, 'GET', `/v1/users/${user.userId}`);
  expect([forbidden.status, forbidden.body.code]).toEqual([403, 'FORBIDDEN']);
  expect((await stack.client.verify(two, challengeId, code)).status, 'the owner still can').toBe(200);
});

test('signing keys rotate: the new one is published before it signs, and the old results stay good', async () => {
  const login = async () => {
    const user = await stack.addUser();
    const { challengeId } = await startBySms(user.username);
    const { body } = await stack.client.verify(two, challengeId, await stack.inbox.code(user.phone));
    return body.result ?? '';
  };
  const before = await login();
  const { kid } = await stack.admin(keysRotate, { leadSeconds: 0 });
  await waitUntil(async () => (await jwks(one)).keys.some((key) => key.kid === kid), {
    timeoutMs: 45_000,
    everyMs: 500,
    what: 'the new key to be published',
  });
  let after = '';
  await waitUntil(async () => decodeProtectedHeader((after = await login())).kid === kid, {
    timeoutMs: 20_000,
    what: 'a result under the new key',
  });
  const published = createLocalJWKSet(await jwks(one));
  await jwtVerify(after, published);
  await jwtVerify(before, published);
  await expect(jwtVerify(`${after.slice(0, -6)}AAAAAA`, published)).rejects.toThrow('signature');
});

test('INV-21: Idempotency-Key gives the first answer again, on another gateway and replica, and refuses another body', async () => {
  const user = await stack.addUser();
  const idempotencyKey = randomUUID();
  const body = { username: user.username, method: 'sms' };
  const answers = await Promise.all(
    [one, two, one, two, one, two].map((gateway) => stack.client.start(gateway, body, { idempotencyKey })),
  );
  const made = answers.filter(({ status }) => status === 201);
  expect(made.length).toBeGreaterThan(0);
  for (const {
    status,
    body: { code },
  } of answers.filter((answer) => !made.includes(answer))) {
    expect([status, code]).toEqual([409, 'IDEMPOTENCY_KEY_BUSY']);
  }
  const again = await stack.client.start(two, body, { idempotencyKey });
  expect(again.status, again.text).toBe(201);
  expect(new Set([...made, again].map(({ body: { challengeId } }) => challengeId)).size).toBe(1);
  await stack.inbox.code(user.phone);
  await sleep(500);
  expect(await stack.inbox.messages(user.phone), 'one message').toHaveLength(1);

  const other = await stack.client.start(one, { ...body, method: 'totp' }, { idempotencyKey });
  expect([other.status, other.body.code]).toEqual([409, 'IDEMPOTENCY_KEY_REUSED']);

  const challengeId = again.body.challengeId ?? '';
  const code = await stack.inbox.code(user.phone);
  const verifyKey = { idempotencyKey: randomUUID() };
  const first = await stack.client.verify(one, challengeId, code, verifyKey);
  const second = await stack.client.verify(two, challengeId, code, verifyKey);
  expect([first.status, second.status], second.text).toEqual([200, 200]);
  expect(second.body).toEqual(first.body);
  const without = await stack.client.verify(two, challengeId, code);
  expect(without.body.code, 'the same without the key is a second use').toBe('CHALLENGE_CLOSED');
});

test('a code of another number of digits is malformed and spends nothing; spaces and dashes as people type them are let through', async () => {
  const user = await stack.addUser();
  const { challengeId } = await startBySms(user.username);
  const code = await stack.inbox.code(user.phone);
  for (let n = 0; n < 30; n++) {
    const answer = await stack.client.verify(n % 2 === 0 ? one : two, challengeId, '12345');
    expect([answer.status, answer.body.code]).toEqual([400, 'REQUEST_INVALID']);
  }
  const typed = `${code.slice(0, 3)} ${code.slice(3)}`;
  expect((await stack.client.verify(two, challengeId, typed)).status).toBe(200);
});

test('what a caller gets back is signed, typed and never kept: headers of an answer', async () => {
  const { headers } = await startBySms((await stack.addUser()).username);
  expect(headers['cache-control']).toBe('no-store');
  expect(headers['content-type']).toMatch(/^application\/json/);
  expect(headers['strict-transport-security']).toBeDefined();
  const openapi = await stack.client.request(one, 'GET', '/v1/openapi.json');
  expect(openapi.body['openapi']).toMatch(/^3\.1/);
  expect(createHash('sha256').update(openapi.text).digest('hex')).toBe(
    createHash('sha256')
      .update((await stack.client.request(two, 'GET', '/v1/openapi.json')).text)
      .digest('hex'),
  );
});
