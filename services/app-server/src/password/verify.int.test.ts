import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MfaError, type DirectorySettings, type PolicyDocument } from '@countersign/contracts';
import {
  createAuthority,
  freePort,
  issueCertificate,
  startSlapd,
  type KeyAndCertificate,
  type Slapd,
  type SlapdPerson,
} from '@countersign/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { create as createDirectory } from '../directory/create.ts';
import { Directories } from '../directory/directories.ts';
import { Directory } from '../directory/directory.ts';
import { DirectoryStatus } from '../directory/status.ts';
import { enrol } from '../authenticator/enrol.ts';
import { set } from '../policy/set.ts';
import { requestOf, startHouse, type House, type Replica } from '../testing/house.ts';
import { create as createUser } from '../user/create.ts';
import { LoginUsers } from '../user/login-users.ts';
import { holdPassword } from './hold.ts';
import { verify } from './verify.ts';

const RIGHT = 'Right-1!';
const person = (username: string, more: Partial<SlapdPerson> = {}): SlapdPerson => ({
  username,
  password: RIGHT,
  ...more,
});
/** Both have an Alice, and each another one. */
const OF_ALPHA = [
  person('alice', { mail: 'alice@alpha.test' }),
  person('twin'),
  person('existing'),
  person('wrong'),
  person('budget', { mail: 'budget@alpha.test' }),
  person('newcomer'),
  person('forgotten', { createTimestamp: '20100101000000Z' }),
  person('mallory', { mail: 'boss' }),
  person('boss'),
  person('mallet', { mail: 'cfo@elsewhere.test' }),
  person('marvin', { mail: 'carol@alpha.test' }),
  person('carol', { mail: 'carol@alpha.test' }),
  person('linked'),
  person('called', { phone: '2000-0012', workPhone: '+371 2000 0034' }),
  person('met', { phone: '+371 2000 0056' }),
  person('phoned', { phone: '+371 2000 0078' }),
  person('unreachable', { phone: 'ask Bob', workPhone: '+371 6700 0012' }),
  person('unasked', { phone: '+371 2000 0090' }),
];
const OF_BETA = [
  person('alice', { password: 'Beta-1!' }),
  person('twin', { password: 'Beta-1!' }),
  person('bob'),
  person('lone'),
];

const folder = mkdtempSync(join(tmpdir(), 'password-'));
let authority: KeyAndCertificate;
let alpha: Slapd;
let beta: Slapd;
let house: House;
let a: Desk;
let b: Desk;
let policyVersion = 0;

type Desk = ReturnType<typeof deskOf>;
function deskOf(replica: Replica) {
  const { router, ring, now } = replica;
  const directories = new Directories(router, ring, now, () => undefined);
  const directoryStatus = new DirectoryStatus({ directories, freshMs: () => 0, now, onProblem: () => undefined });
  return {
    ...replica,
    directories,
    directoryStatus,
    users: new LoginUsers(router, ring, now, directoryStatus),
    settled: { number: 2 },
    trail: { record: () => Promise.resolve() },
    randomBytes: (size: number) => randomBytes(size),
  };
}

beforeAll(async () => {
  authority = await createAuthority({ commonName: 'Lab', now: Date.now() });
  const certificate = await issueCertificate(authority, { commonName: 'localhost', usage: 'server', now: Date.now() });
  const slapd = async (name: string, people: readonly SlapdPerson[]) =>
    startSlapd({
      dir: join(folder, name),
      port: await freePort(),
      ...certificate,
      people,
      logFile: join(folder, `${name}.log`),
    });
  [house, alpha] = await Promise.all([startHouse('password'), slapd('alpha', OF_ALPHA)]);
  beta = await slapd('beta', OF_BETA);
  [a, b] = [deskOf(await house.replica('a')), deskOf(await house.replica('b'))];
}, 60_000);
afterAll(async () => {
  await Promise.all([house.stop(), alpha.kill(), beta.kill()]);
  rmSync(folder, { recursive: true, force: true });
});
afterEach(() => {
  vi.restoreAllMocks();
});

async function make(name: 'alpha' | 'beta'): Promise<void> {
  const { url, baseDn, bindDn, bindPassword } = name === 'alpha' ? alpha : beta;
  const settings: DirectorySettings = {
    kind: 'ldap',
    urls: [url],
    authorities: authority.certificatePem,
    baseDn,
    bindDn,
    netbiosNames: [name],
    suffixes: [`${name}.test`],
    attributes: { phones: ['mobile', 'telephoneNumber'] },
    country: 'LV',
  };
  await createDirectory(a, { name, settings, bindPassword }, requestOf());
  await Promise.all([a, b].map(({ directories }) => directories.refresh('primary')));
}
async function setPolicy(document: PolicyDocument): Promise<void> {
  await set(a, { scope: 'global', expectedVersion: policyVersion, document }, requestOf());
  policyVersion += 1;
  await Promise.all([a, b].map(({ policies }) => policies.refresh()));
}

const portal = requestOf({ scopes: ['password'] }).application;
const request = () => ({ ...requestOf(), application: portal, deadline: Date.now() + 10_000 });
const signIn = (username: string, password = RIGHT, on: Desk = a) => verify(on, { username, password }, request());
const refusal = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: unknown) => (error instanceof MfaError ? `${error.code} ${error.reason ?? ''}`.trim() : String(error)),
  );
const rowsOf = (username: string) =>
  a.router.read((db) => db.selectFrom('app_user').selectAll().where('username', '=', username).execute(), {
    from: 'primary',
  });
const namesOf = async (username: string) => {
  const rows = await a.router.read(
    (db) =>
      db
        .selectFrom('user_alias')
        .innerJoin('app_user', 'app_user.user_id', 'user_alias.user_id')
        .select('user_alias.spelling')
        .where('app_user.username', '=', username)
        .execute(),
    { from: 'primary' },
  );
  return rows.map(({ spelling }) => spelling).toSorted();
};

describe('one directory', () => {
  beforeAll(async () => {
    await make('alpha');
    await setPolicy({ directory: { createUsers: true }, passwords: { free: 6 } });
  });

  test('R3: a wrong password links nobody and makes nobody, a right one does, on whichever replica', async () => {
    const { userId } = await createUser(a, { username: 'existing' }, requestOf());
    for (const [username, count] of [
      ['existing', 1],
      ['wrong', 0],
    ] as const) {
      expect(await refusal(signIn(username, 'guess', b))).toBe('CREDENTIALS_REJECTED wrong');
      const rows = await rowsOf(username);
      expect(rows).toHaveLength(count);
      expect(rows.every(({ directory_id: id }) => id === null)).toBe(true);
    }
    expect((await signIn('existing')).userId).toBe(userId);
    expect(await rowsOf('existing')).toMatchObject([{ directory_id: expect.any(String) as string }]);
    expect((await signIn('wrong', RIGHT, b)).userId).toBe((await signIn('alpha\\wrong')).userId);
  });

  test('R3, AAL-21: wrong passwords count for whom they would make, under every name, and after it as well', async () => {
    const spellings = ['budget', 'alpha\\budget', 'BUDGET@alpha.test'];
    for (const [index, spelling] of [...spellings, ...spellings].entries()) {
      expect(await refusal(signIn(spelling, 'guess', index % 2 === 0 ? a : b))).toBe('CREDENTIALS_REJECTED wrong');
    }
    for (const spelling of spellings) expect(await refusal(signIn(spelling, RIGHT, b))).toMatch(/^TRY_LATER/);
    expect(await rowsOf('budget')).toEqual([]);
  });

  test('two replicas that see somebody first at once make one user', async () => {
    const users = await Promise.all([a, b, a, b].map((on) => signIn('newcomer', RIGHT, on)));
    expect(new Set(users.map(({ userId }) => userId)).size).toBe(1);
    expect(await rowsOf('newcomer')).toHaveLength(1);
  });

  test('R18: an account that is years old, and unused here, needs an access code; a new one does not', async () => {
    await setPolicy({
      directory: { createUsers: true },
      passwords: { free: 6 },
      portal: { firstEnrolment: 'password', dormantDays: 30 },
    });
    expect((await signIn('forgotten')).next).toBe('access-code');
    expect((await signIn('forgotten', RIGHT, b)).next).toBe('access-code');
    expect((await signIn('newcomer', RIGHT, b)).next).toBe('enrolment');
    // Whom an administrator made, they vouch for.
    expect((await signIn('existing')).next).toBe('enrolment');
  });

  describe('phones of the directory', () => {
    const phonesOf = async (userId: string) => {
      const user = await a.users.byId(userId);
      return (user?.authenticators ?? []).map((one) => `${one.state} ${a.users.phoneNumber(one)}`);
    };
    const enrolled = (portal: PolicyDocument['portal'] = {}) =>
      setPolicy({
        directory: { createUsers: true, phones: 'enrol' },
        portal: { firstEnrolment: 'password', ...portal },
      });

    test('nobody has them unless the policy says so', async () => {
      await setPolicy({ directory: { createUsers: true }, portal: { firstEnrolment: 'password' } });
      const { userId, next } = await signIn('unasked');
      expect(next).toBe('enrolment');
      expect(await phonesOf(userId)).toEqual([]);
    });

    test('R16: whoever is made has them at once, and is asked for a second factor at the very first sign-in', async () => {
      await enrolled();
      const signedIn = await Promise.all([a, b, a].map((on) => signIn('called', RIGHT, on)));
      expect(signedIn.map(({ next }) => next)).toEqual(Array(3).fill('second-factor'));
      const [{ userId } = { userId: '' }] = signedIn;
      expect(await phonesOf(userId)).toEqual(['active +37120000012', 'active +37120000034']);
      const rows = await a.router.read(
        (db) =>
          db
            .selectFrom('audit_event')
            .select('detail')
            .where('user_id', '=', userId)
            .where('type', '=', 'authenticator.enrol')
            .execute(),
        { from: 'primary' },
      );
      expect(rows).toHaveLength(2);
      for (const { detail } of rows) expect(detail).toMatchObject({ type: 'phone', directory: 'alpha' });
      expect(JSON.stringify(rows)).not.toContain('2000');
    });

    test('whoever is linked has them, unless they had a phone before', async () => {
      await enrolled();
      const [met, phoned] = await Promise.all(
        ['met', 'phoned'].map((username) => createUser(a, { username }, requestOf())),
      );
      const asked = requestOf({ scopes: ['admin'] });
      const own = { userId: phoned!.userId, type: 'phone', phone: '+37120009999', verified: true } as const;
      await enrol({ ...a, budgets: undefined as never, dispatcher: undefined as never }, own, asked);
      expect(await refusal(signIn('met', 'guess'))).toMatch(/^CREDENTIALS_REJECTED/);
      expect(await phonesOf(met!.userId)).toEqual([]);
      expect((await signIn('met', RIGHT, b)).next).toBe('second-factor');
      expect(await phonesOf(met!.userId)).toEqual(['active +37120000056']);
      expect((await signIn('phoned', RIGHT, b)).next).toBe('second-factor');
      expect(await phonesOf(phoned!.userId)).toEqual(['active +37120009999']);
    });

    test('no more than people may have, and none that no text reaches', async () => {
      await enrolled();
      const { userId, next } = await signIn('unreachable');
      expect(next).toBe('enrolment');
      expect(await phonesOf(userId)).toEqual([]);
      await enrolled({ maxPhones: 1 });
      await a.router.write((db) => db.deleteFrom('app_user').where('username', '=', 'called').execute());
      const again = await signIn('called');
      expect(await phonesOf(again.userId)).toEqual(['active +37120000012']);
    });

    afterAll(() =>
      setPolicy({
        directory: { createUsers: true },
        passwords: { free: 6 },
        portal: { firstEnrolment: 'password', dormantDays: 30 },
      }),
    );
  });

  test('R3: what a mail attribute says is nobody’s name, unless it leads to them', async () => {
    await Promise.all(['mallory', 'mallet', 'marvin'].map((username) => signIn(username)));
    expect(await namesOf('mallory')).toEqual(['alpha\\mallory', 'mallory']);
    expect(await namesOf('mallet')).toEqual(['alpha\\mallet', 'mallet']);
    // Somebody else has the same.
    expect(await namesOf('marvin')).toEqual(['alpha\\marvin', 'marvin']);
    expect((await signIn('boss', RIGHT, b)).username).toBe('boss');
    expect((await signIn('carol', RIGHT, b)).username).toBe('carol');
    await signIn('alice');
    expect(await namesOf('alice')).toEqual(['alice', 'alice@alpha.test', 'alpha\\alice']);
  });

  test('R21: a directory is asked the same of a name that is linked and of one that nobody has', async () => {
    await signIn('linked');
    const asked = (['find', 'get', 'standing'] as const).map((method) => vi.spyOn(Directory.prototype, method));
    const questions = async (username: string) => {
      for (const spy of asked) spy.mockClear();
      await refusal(signIn(username, 'guess', b));
      return asked.reduce((sum, spy) => sum + spy.mock.calls.length, 0);
    };
    expect(await questions('linked')).toBe(1);
    expect(await questions('nobody')).toBe(1);
    expect(await questions('nobody@elsewhere.test')).toBe(0);
  });

  test('R21: a name that no directory may know waits as long as those that one is asked for', async () => {
    const find = vi.spyOn(Directory.prototype, 'find').mockImplementation(async () => {
      await sleep(400);
      return undefined;
    });
    await Promise.all(Array.from({ length: 40 }, (_, n) => refusal(signIn(`stranger-${n}`, 'guess', b))));
    expect(find).toHaveBeenCalledTimes(40);
    const since = performance.now();
    expect(await refusal(signIn('stranger@elsewhere.test', 'guess', b))).toBe('CREDENTIALS_REJECTED wrong');
    expect(performance.now() - since).toBeGreaterThan(250);
    expect(find).toHaveBeenCalledTimes(40);
  });
});

describe('two directories', () => {
  beforeAll(async () => {
    await make('beta');
    await setPolicy({ directory: { createUsers: true } });
  });

  test('R3: a user is linked to whom a name with a domain means here and there, and to no namesake', async () => {
    const { userId } = await createUser(a, { username: 'Bob', aliases: ['alpha\\bob'] }, requestOf());
    for (const username of ['beta\\bob', 'bob', 'bob@beta.test']) {
      for (const password of ['guess', RIGHT]) {
        expect(await refusal(signIn(username, password, b)), username).toMatch(/^CREDENTIALS_REJECTED/);
      }
    }
    expect(await rowsOf('Bob')).toMatchObject([{ directory_id: null }]);
    expect(await rowsOf('bob')).toEqual([]);
    // Nor is whoever may be Bob a stranger, who needs no second factor where a RADIUS client says so.
    const asStranger = (username: string) =>
      holdPassword(a, { username, password: RIGHT }, request(), { strangers: true });
    expect(await refusal(asStranger('beta\\bob'))).toBe('CREDENTIALS_REJECTED a user by another name');

    const other = await createUser(a, { username: 'bob-b', aliases: ['beta\\bob'] }, requestOf());
    expect(await refusal(signIn('beta\\bob', 'guess'))).toBe('CREDENTIALS_REJECTED wrong');
    expect(await rowsOf('bob-b')).toMatchObject([{ directory_id: null }]);
    expect((await signIn('beta\\bob', RIGHT, b)).userId).toBe(other.userId);
    expect((await signIn('bob-b')).userId).toBe(other.userId);
    expect(await rowsOf('Bob')).toMatchObject([{ user_id: userId, directory_id: null }]);
  });

  test('R3: of a name that both have nobody is made, and an administrator says who is whose', async () => {
    for (const [username, password] of [
      ['twin', RIGHT],
      ['alpha\\twin', RIGHT],
      ['beta\\twin', 'Beta-1!'],
    ] as const)
      expect(await refusal(signIn(username, password, b)), username).toMatch(/^CREDENTIALS_REJECTED/);
    expect(await rowsOf('twin')).toEqual([]);
    const { userId } = await createUser(a, { username: 'twin-b', aliases: ['beta\\twin'] }, requestOf());
    expect((await signIn('beta\\twin', 'Beta-1!', b)).userId).toBe(userId);
    expect((await signIn('twin-b', 'Beta-1!')).userId).toBe(userId);
  });

  test('nobody is made while a directory that may know the name as well has a password that opens nowhere', async () => {
    vi.spyOn(b.directories, 'unopened').mockReturnValue(['gamma']);
    expect(await refusal(signIn('beta\\lone', 'guess', b))).toBe('CREDENTIALS_REJECTED wrong');
    expect(await refusal(signIn('beta\\lone', RIGHT, b))).toMatch(/^DIRECTORY_UNAVAILABLE/);
    expect(await rowsOf('lone')).toEqual([]);
    vi.restoreAllMocks();
    expect((await signIn('beta\\lone', RIGHT, b)).username).toBe('lone');
  });
});
