import { randomBytes } from 'node:crypto';
import { MfaError, type PasskeyOptions, type PolicyDocument } from '@countersign/contracts';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { assert as assertChallenge } from '../challenge/assert.ts';
import { start } from '../challenge/start.ts';
import { verify } from '../challenge/verify.ts';
import { set } from '../policy/set.ts';
import { requestOf, startHouse, type House, type Replica } from '../testing/house.ts';
import { create } from '../user/create.ts';
import { update } from '../user/update.ts';
import { confirmPasskey } from './confirm.ts';
import { enrolPasskey } from './enrol.ts';
import { relyingPartyOf } from './relying-party.ts';
import { readActive } from './store.ts';
import { readMetadata } from './metadata.ts';
import { metadataFile, testAuthority } from './testing/maker.ts';
import { SoftwareAuthenticator, type Switches } from './testing/authenticator.ts';

const ORIGIN = 'https://portal.example.com';
let house: House;
let a: Desk;
let b: Desk;

type Desk = Awaited<ReturnType<typeof desk>>;

/** What messages and the audit trail do is tested there; no test here sends any. */
function desk(replica: Replica) {
  return {
    ...replica,
    relyingParty: relyingPartyOf(ORIGIN),
    randomBytes,
    settled: { number: 2 },
    wake: { publish: () => undefined, subscribe: () => expect.unreachable() },
    trail: { record: async () => undefined },
    budgets: { reserve: async () => ({ ok: true }) as const },
    dispatcher: { hand: async () => undefined },
  };
}

beforeAll(async () => {
  house = await startHouse('passkey');
  [a, b] = [desk(await house.replica('a')), desk(await house.replica('b'))];
});
afterAll(() => house.stop());

let counter = 0;
const portal = requestOf().application;
const request = (attemptId?: string): AuthorisedRequest => ({
  ...requestOf(attemptId === undefined ? {} : { attemptId }),
  application: portal,
});

async function fresh() {
  const { userId, username } = await create(a, { username: `person-${counter++}` }, requestOf());
  return { userId, username };
}

async function enrolled(switches: Switches = {}, person?: { userId: string; username: string }) {
  const user = person ?? (await fresh());
  const key = new SoftwareAuthenticator(ORIGIN);
  const { authenticatorId, passkey } = await enrolPasskey(a, { user }, request());
  await confirmPasskey(b, { user, authenticatorId, passkey: key.create(passkey ?? {}, switches) }, request());
  return { user, key, authenticatorId };
}

/** Asks as a page that can take a passkey does. */
async function asked(username: string, on: Desk = a) {
  const started = await start(on, { username, also: ['passkey'] }, request());
  return { ...started, passkey: started.passkey ?? expect.unreachable() };
}

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'ok',
    (error: unknown) => (error instanceof MfaError ? error.code : String(error)),
  );

async function withPolicy(document: PolicyDocument, work: () => Promise<void>): Promise<void> {
  const apply = async (next: PolicyDocument) => {
    const [layer] = a.policies.layers(undefined);
    const expectedVersion = Number(layer?.origin.split(' v')[1] ?? 0);
    await set(a, { scope: 'global', expectedVersion, document: next }, requestOf());
    await Promise.all([a.policies.refresh(), b.policies.refresh()]);
  };
  await apply(document);
  try {
    await work();
  } finally {
    await apply({});
  }
}

describe('enrolment', () => {
  test('WEB-07: begins on one replica, ends on another, and all that is known of the key is kept', async () => {
    const { user, authenticatorId } = await enrolled({ be: true, bs: true, signCount: 3 });
    const [row] = await a.router.read(
      (db) => db.selectFrom('passkey').selectAll().where('passkey_id', '=', authenticatorId).execute(),
      { from: 'primary' },
    );
    expect(row).toMatchObject({
      user_id: user.userId,
      state: 'active',
      rp_id: 'portal.example.com',
      sign_count: '3',
      aaguid: 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa',
      transports: ['internal'],
      backup_eligible: true,
      backup_state: true,
      user_verified: true,
      attestation_format: 'none',
      created_by: 'helpdesk',
      expires_at: null,
    });
    expect(row?.user_handle).toHaveLength(64);
    expect(row?.credential_id).toHaveLength(32);
    expect(row?.public_key?.length).toBeGreaterThan(70);
  });

  test('WEB-03: the second has the handle of the first, and the first is named so that no key keeps two', async () => {
    const { user, key } = await enrolled();
    const [first] = await readActive(a.router, user.userId, { from: 'primary' });
    const { passkey } = await enrolPasskey(b, { user, label: 'Key ring' }, request());
    expect(passkey).toMatchObject({
      user: { id: first?.userHandle.toString('base64url'), name: user.username },
      excludeCredentials: [{ id: key.passkeys[0]?.credentialId }],
    });
    const other = await enrolPasskey(b, { user: await fresh() }, request());
    expect(other.passkey).not.toMatchObject({ user: { id: first?.userHandle.toString('base64url') } });
  });

  test('INV-21: an attempt that is repeated elsewhere goes on with what it began, and ends once', async () => {
    const user = await fresh();
    const key = new SoftwareAuthenticator(ORIGIN);
    const begun = await enrolPasskey(a, { user }, request('begin once'));
    expect(await enrolPasskey(b, { user }, request('begin once'))).toEqual(begun);
    const answer = { user, authenticatorId: begun.authenticatorId, passkey: key.create(begun.passkey ?? {}) };
    const confirmed = await confirmPasskey(a, answer, request('end once'));
    expect(await confirmPasskey(b, answer, request('end once'))).toEqual(confirmed);
    expect(await codeOf(confirmPasskey(b, answer, request()))).toBe('CHALLENGE_CLOSED');
  });

  test('WEB-02: 20 posts of one answer to two replicas, and it counts once', async () => {
    const user = await fresh();
    const { authenticatorId, passkey } = await enrolPasskey(a, { user }, request());
    const answer = { user, authenticatorId, passkey: new SoftwareAuthenticator(ORIGIN).create(passkey ?? {}) };
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, index) => codeOf(confirmPasskey(index % 2 === 0 ? a : b, answer, request()))),
    );
    expect(outcomes.filter((outcome) => outcome === 'ok')).toHaveLength(1);
    expect(outcomes.filter((outcome) => !['ok', 'CHALLENGE_CLOSED', 'UNAVAILABLE'].includes(outcome))).toEqual([]);
  });

  test('a wrong answer leaves it pending and is audited; the right one still counts', async () => {
    const user = await fresh();
    const { authenticatorId, passkey } = await enrolPasskey(a, { user }, request());
    const key = new SoftwareAuthenticator(ORIGIN);
    const wrong = key.create(passkey ?? {}, { uv: false });
    expect(await codeOf(confirmPasskey(a, { user, authenticatorId, passkey: wrong }, request()))).toBe('CODE_REJECTED');
    expect(await readActive(a.router, user.userId, { from: 'primary' })).toEqual([]);
    expect((await a.ledger.peek(user.userId)).open[0]).toMatchObject({ tries: 1 });
    await confirmPasskey(b, { user, authenticatorId, passkey: key.create(passkey ?? {}) }, request());
  });

  test('a passkey that somebody has is nobody else’s', async () => {
    const { key } = await enrolled();
    const user = await fresh();
    const { authenticatorId, passkey } = await enrolPasskey(a, { user }, request());
    const credentialId = key.passkeys[0]?.credentialId ?? '';
    const answer = new SoftwareAuthenticator(ORIGIN).create(passkey ?? {}, { credentialId });
    const isTried = async () => (await a.ledger.peek(user.userId)).open[0]?.tries;
    expect(await codeOf(confirmPasskey(a, { user, authenticatorId, passkey: answer }, request()))).toBe(
      'CODE_REJECTED',
    );
    // Refused before it counted, so that the person can go on with another key.
    expect(await isTried()).toBe(1);
  });

  test('one answer is of one enrolment, and one person’s', async () => {
    const [alice, bob] = [await fresh(), await fresh()];
    const [one, two] = [
      await enrolPasskey(a, { user: alice }, request()),
      await enrolPasskey(a, { user: bob }, request()),
    ];
    const answer = new SoftwareAuthenticator(ORIGIN).create(one.passkey ?? {});
    const { authenticatorId } = two;
    expect(await codeOf(confirmPasskey(a, { user: bob, authenticatorId, passkey: answer }, request()))).toBe(
      'CODE_REJECTED',
    );
    expect(await codeOf(confirmPasskey(a, { user: alice, authenticatorId, passkey: answer }, request()))).toBe(
      'AUTHENTICATOR_NOT_FOUND',
    );
  });

  test('as many as allowed, those that show codes among them', async () => {
    await withPolicy({ users: { maxAuthenticators: 2 } }, async () => {
      const { user } = await enrolled();
      await enrolled({}, user);
      expect(await codeOf(enrolPasskey(a, { user }, request()))).toBe('AUTHENTICATOR_LIMIT');
    });
  });

  test('ADR 13: none begins while an app-server of the release before may run, nor where there is no portal', async () => {
    const user = await fresh();
    expect(await codeOf(enrolPasskey({ ...a, settled: { number: 1 } }, { user }, request()))).toBe(
      'UPGRADE_UNFINISHED',
    );
    expect(await codeOf(enrolPasskey({ ...a, relyingParty: undefined }, { user }, request()))).toBe('NOT_ALLOWED');
  });
});

describe('a challenge', () => {
  test('RFC 8176: is offered to pages that can take it, answered elsewhere, and the result says how', async () => {
    const { user, key } = await enrolled();
    const { challengeId, method, alternatives, passkey } = await asked(user.username);
    expect({ method, alternatives }).toEqual({ method: 'passkey', alternatives: [] });
    expect(passkey).toMatchObject({ allowCredentials: [{ id: key.passkeys[0]?.credentialId }] });
    const { result } = await assertChallenge(b, { challengeId, passkey: key.get(passkey) }, request());
    expect(decodeJwt(result)).toMatchObject({ sub: user.userId, challenge: challengeId, amr: ['pop', 'user', 'mfa'] });
  });

  test('is not offered to whoever did not say so', async () => {
    const { user } = await enrolled();
    const started = await start(a, { username: user.username }, request());
    expect(started.method).not.toBe('passkey');
    expect(started.alternatives).not.toContain('passkey');
    expect(started).not.toHaveProperty('passkey');
  });

  test('R1, WEB-02: 50 posts of one answer to two replicas, one approval', async () => {
    const { user, key } = await enrolled({ signCount: 1 });
    const { challengeId, passkey } = await asked(user.username);
    const answer = key.get(passkey);
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        codeOf(assertChallenge(index % 2 === 0 ? a : b, { challengeId, passkey: answer }, request())),
      ),
    );
    expect(outcomes.filter((outcome) => outcome === 'ok')).toHaveLength(1);
    expect(outcomes.filter((outcome) => !['ok', 'CHALLENGE_CLOSED', 'UNAVAILABLE'].includes(outcome))).toEqual([]);
  });

  test('WEB-06: two logins at once whose answers arrive in the other order lock nobody out', async () => {
    const { user, key } = await enrolled({ signCount: 1 });
    const count = (signCount: number, options: PasskeyOptions) => key.get(options, { signCount });
    const [one, two] = [await asked(user.username, a), await asked(user.username, b)];
    const [slow, fast] = [count(2, one.passkey), count(3, two.passkey)];
    await assertChallenge(b, { challengeId: two.challengeId, passkey: fast }, request());
    const { challengeId } = one;
    expect(await codeOf(assertChallenge(a, { challengeId, passkey: slow }, request()))).toBe('CODE_REJECTED');
    await assertChallenge(a, { challengeId, passkey: count(4, one.passkey) }, request());
  });

  test('WEB-04: the passkey of somebody else, and one of another challenge, are refused', async () => {
    const [alice, bob] = [await enrolled(), await enrolled()];
    const [forAlice, forBob] = [await asked(alice.user.username), await asked(bob.user.username)];
    const { challengeId } = forAlice;
    const { challenge } = forAlice.passkey as { challenge: string };
    const others = [
      bob.key.get(forBob.passkey, { challenge }),
      alice.key.get((await asked(alice.user.username)).passkey),
    ];
    for (const passkey of others) {
      expect(await codeOf(assertChallenge(a, { challengeId, passkey }, request()))).toBe('CODE_REJECTED');
    }
    await assertChallenge(a, { challengeId, passkey: alice.key.get(forAlice.passkey) }, request());
  });

  test('R14: another application’s challenge does not exist for this one', async () => {
    const { user, key } = await enrolled();
    const { challengeId, passkey } = await asked(user.username);
    const answer = { challengeId, passkey: key.get(passkey) };
    expect(await codeOf(assertChallenge(a, answer, requestOf()))).toBe('CHALLENGE_NOT_FOUND');
  });

  test('no code answers it, and no passkey one that waits for a code', async () => {
    const { user, key } = await enrolled();
    const { challengeId, passkey } = await asked(user.username);
    expect(await codeOf(verify(a, { challengeId, code: '123456' }, request()))).toBe('REQUEST_INVALID');
    const byCode = await start(a, { username: user.username, method: 'totp' }, request());
    const answer = { challengeId: byCode.challengeId, passkey: key.get(passkey) };
    expect(await codeOf(assertChallenge(a, answer, request()))).toBe('REQUEST_INVALID');
  });

  test('R17: nobody who was blocked, disabled, or has lost the passkey meanwhile is let in, and all hear the same', async () => {
    const ends: ((userId: string, authenticatorId: string) => Promise<unknown>)[] = [
      (userId) => update(a, { userId, status: 'disabled' }, requestOf()),
      (userId) =>
        a.ledger.act(
          userId,
          crypto.randomUUID(),
          () => ({ append: { type: 'user.blocked', reason: 'lost', by: 'desk' } }),
          requestOf(),
        ),
      (userId, authenticatorId) =>
        a.ledger.act(
          userId,
          crypto.randomUUID(),
          () => ({ append: { type: 'authenticator.removed', authenticatorId, by: 'desk' } }),
          requestOf(),
        ),
    ];
    for (const end of ends) {
      const { user, key, authenticatorId } = await enrolled();
      const { challengeId, passkey } = await asked(user.username);
      await end(user.userId, authenticatorId);
      const answer = { challengeId, passkey: key.get(passkey) };
      expect(await codeOf(assertChallenge(b, answer, request()))).toBe('CODE_REJECTED');
    }
  });

  test('R21: nobody is asked as somebody is, and the same way each time', async () => {
    await withPolicy({ methods: { order: ['passkey'] } }, async () => {
      const { user } = await enrolled();
      const [somebody, nobody, again] = [
        await asked(user.username),
        await asked('nobody-at-all'),
        await asked('nobody-at-all', b),
      ];
      expect(Object.keys(nobody)).toEqual(Object.keys(somebody));
      expect(Object.keys(nobody.passkey)).toEqual(Object.keys(somebody.passkey));
      const allowed = ({ passkey }: { passkey: PasskeyOptions }) => passkey['allowCredentials'] as { id: string }[];
      expect(allowed(nobody)).toEqual(allowed(again));
      expect(allowed(nobody)[0]?.id).toHaveLength(allowed(somebody)[0]?.id.length ?? 0);
    });
  });

  test('the policy of now decides what may answer', async () => {
    const { user, key } = await enrolled({ be: true });
    const { challengeId, passkey } = await asked(user.username);
    await withPolicy({ passkeys: { syncable: false } }, async () => {
      const answer = { challengeId, passkey: key.get(passkey) };
      expect(await codeOf(assertChallenge(a, answer, request()))).toBe('CODE_REJECTED');
      expect((await start(a, { username: user.username, also: ['passkey'] }, request())).passkey).not.toMatchObject({
        allowCredentials: [{ id: key.passkeys[0]?.credentialId }],
      });
    });
    await withPolicy({ passkeys: { userVerification: 'preferred' } }, async () => {
      const next = await asked(user.username);
      const answer = { challengeId: next.challengeId, passkey: key.get(next.passkey, { uv: false }) };
      const { result } = await assertChallenge(a, answer, request());
      expect(decodeJwt(result)['amr']).toEqual(['pop', 'user']);
    });
  });

  test('HA-30: logins go on while no Postgres node answers, by passkey and of those who have none', async () => {
    const { user, key } = await enrolled();
    const other = await fresh();
    await asked(user.username);
    await start(a, { username: other.username, also: ['passkey'] }, request());
    await house.whileHung(house.pair.nodes, async () => {
      const { challengeId, passkey } = await asked(user.username);
      const answer = { challengeId, passkey: key.get(passkey) };
      expect(await assertChallenge(a, answer, request())).toMatchObject({ state: 'approved' });
      const byOther = await start(a, { username: other.username, also: ['passkey'] }, request());
      expect(byOther.state).toBe('pending');
    });
  });
});

describe('WEB-08: where only keys of known makes count', () => {
  const AAGUID = '11111111-1111-1111-1111-111111111111';
  const HARDWARE: PolicyDocument = { passkeys: { attestation: 'hardware' } };

  async function knowing() {
    const [fido, maker] = await Promise.all([testAuthority(), testAuthority()]);
    const models = [{ aaguid: AAGUID, description: 'Key 5', roots: [maker.der] }];
    const blob = await metadataFile(await fido.issue({}), { models });
    const metadata = { current: await readMetadata(blob, Date.now(), fido.pem) };
    return {
      desks: [
        { ...a, metadata },
        { ...b, metadata },
      ] as const,
      attestation: await maker.issue({}),
    };
  }

  test('one of them is enrolled and signs in, and its make is kept', async () => {
    const { desks, attestation } = await knowing();
    await withPolicy(HARDWARE, async () => {
      const user = await fresh();
      const key = new SoftwareAuthenticator(ORIGIN);
      const { authenticatorId, passkey: options = {} } = await enrolPasskey(desks[0], { user }, request());
      const passkey = key.create(options, { aaguid: AAGUID, attestation });
      await confirmPasskey(desks[1], { user, authenticatorId, passkey }, request());
      const [row] = await a.router.read(
        (db) => db.selectFrom('passkey').selectAll().where('passkey_id', '=', authenticatorId).execute(),
        { from: 'primary' },
      );
      expect(row).toMatchObject({ aaguid: AAGUID, attested_model: 'Key 5' });
      const started = await asked(user.username);
      const { challengeId } = started;
      const assertion = key.get(started.passkey);
      expect(await assertChallenge(b, { challengeId, passkey: assertion }, request())).toMatchObject({
        state: 'approved',
      });
    });
  });

  test('software is told that it is not accepted, nothing is enrolled, and what there was is not asked for', async () => {
    const { desks } = await knowing();
    const before = await enrolled();
    await withPolicy(HARDWARE, async () => {
      const user = await fresh();
      const { authenticatorId, passkey: options = {} } = await enrolPasskey(desks[0], { user }, request());
      const passkey = new SoftwareAuthenticator(ORIGIN).create(options, { aaguid: AAGUID });
      const answer = { user, authenticatorId, passkey };
      expect(await codeOf(confirmPasskey(desks[1], answer, request()))).toBe('KEY_NOT_ACCEPTED');
      expect(await readActive(a.router, user.userId, { from: 'primary' })).toEqual([]);
      const { passkey: wanted } = await start(a, { username: before.user.username, method: 'passkey' }, request());
      const ids = (wanted as { allowCredentials?: { id: string }[] }).allowCredentials?.map(({ id }) => id);
      expect(ids).toHaveLength(1);
      expect(ids).not.toContain(before.key.passkeys[0]?.credentialId);
    });
  });

  test('without metadata nobody is led to touch a key in vain', async () => {
    await withPolicy(HARDWARE, async () => {
      expect(await codeOf(enrolPasskey(a, { user: await fresh() }, request()))).toBe('METADATA_UNAVAILABLE');
    });
  });
});
