import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MfaError, type DirectorySettings, type PolicyDocument } from '@countersign/contracts';
import {
  createAuthority,
  issueCertificate,
  sambaAddress,
  startSamba,
  whyNoSamba,
  type DomainPerson,
  type KeyAndCertificate,
  type Samba,
} from '@countersign/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verify } from '../password/verify.ts';
import { set } from '../policy/set.ts';
import { requestOf, startHouse, type House, type Replica } from '../testing/house.ts';
import { create as createUser } from '../user/create.ts';
import { find as findUsers } from '../user/find.ts';
import { LoginUsers } from '../user/login-users.ts';
import { check } from './check.ts';
import { create } from './create.ts';
import { Directories } from './directories.ts';
import { Directory } from './directory.ts';
import { DirectoryStatus } from './status.ts';

const RIGHT = 'Right-1!';
const FILE_TIME_OF_2020 = '132223104000000000';
/** The domain locks an account at its third wrong password. */
const LOCKOUT = 3;
const person = (username: string, more: Partial<DomainPerson> = {}): DomainPerson => ({
  username,
  password: RIGHT,
  ...more,
});
const PEOPLE: readonly DomainPerson[] = [
  person('Alice', { displayName: 'Alice Ābola', mail: 'a.abola@lab.test', phone: '+371 2000 0012' }),
  person('Jānis Bērziņš'),
  person('counted'),
  person('repeated'),
  person('disabled', { attributes: { userAccountControl: '514' } }),
  person('expired', { attributes: { accountExpires: FILE_TIME_OF_2020 } }),
  person('mustchange', { attributes: { pwdLastSet: '0' } }),
  person('locked'),
  person('renamed'),
  person('leaver'),
  person('empty'),
  person('guessed'),
  person('newcomer'),
  person('existing', { mail: 'taken@lab.test' }),
  person('Member (A)'),
];

const why = whyNoSamba();
const skipped = why === undefined ? '' : `: skipped, it ${why}`;

describe.skipIf(why !== undefined)(`Active Directory (a real Samba domain controller${skipped})`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'samba-'));
  const address = sambaAddress();
  let authority: KeyAndCertificate;
  let samba: Samba;
  let house: House;
  let a: Desk;
  let b: Desk;
  let directoryId: string;

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
      randomBytes,
    };
  }

  /** A policy with so many wrong passwords in a row. */
  const narrow = (free: number): PolicyDocument => ({ directory: { createUsers: true }, passwords: { free } });

  const settings = (): DirectorySettings => ({
    kind: 'active-directory',
    urls: [samba.url],
    authorities: authority.certificatePem,
    baseDn: samba.baseDn,
    bindDn: samba.bindDn,
    netbiosNames: ['LAB'],
    suffixes: ['lab.test'],
  });

  beforeAll(async () => {
    authority = await createAuthority({ commonName: 'Lab', now: Date.now() });
    const names = [address.host];
    const certificate = await issueCertificate(authority, {
      commonName: 'dc1',
      usage: 'server',
      names,
      now: Date.now(),
    });
    const options = { dir: folder, address, ...certificate, people: PEOPLE, lockoutThreshold: LOCKOUT };
    [house, samba] = await Promise.all([
      startHouse('samba'),
      startSamba({ ...options, logFile: join(folder, 'samba.log') }),
    ]);
    [a, b] = [deskOf(await house.replica('a')), deskOf(await house.replica('b'))];
    await set(a, { scope: 'global', expectedVersion: 0, document: narrow(20) }, requestOf());
    const made = await create(a, { name: 'Lab', settings: settings(), bindPassword: samba.bindPassword }, requestOf());
    directoryId = made.directoryId;
    await Promise.all(
      [a, b].flatMap(({ directories, policies }) => [directories.refresh('primary'), policies.refresh()]),
    );
  }, 120_000);
  afterAll(async () => {
    await Promise.all([house.stop(), samba.kill()]);
    rmSync(folder, { recursive: true, force: true });
  });

  const portal = requestOf({ scopes: ['password'] }).application;
  const request = (attemptId?: string) => ({
    ...requestOf(attemptId === undefined ? {} : { attemptId }),
    application: portal,
    deadline: Date.now() + 10_000,
  });
  const signIn = (username: string, password = RIGHT, { on = a, attemptId }: { on?: Desk; attemptId?: string } = {}) =>
    verify(on, { username, password }, request(attemptId));
  const refusal = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => 'none',
      (error: unknown) => (error instanceof MfaError ? `${error.code} ${error.reason ?? ''}`.trim() : String(error)),
    );
  const wrongPasswords = (username: string) => Number(samba.attributeOf(username, 'badPwdCount') ?? 0);

  test('R3, LDAP-30: whatever somebody types, one user is signed in', async () => {
    const spellings = [
      'LAB\\Alice',
      'lab\\alice',
      'alice@lab.test',
      'ALICE@LAB.TEST',
      'Alice',
      'aLICE',
      ' alice ',
      'a.abola@lab.test',
      'A.Abola@Lab.Test ',
      'ａｌｉｃｅ',
    ];
    const first = await signIn(spellings[0]!);
    expect(first).toMatchObject({ username: 'Alice', displayName: 'Alice Ābola', next: 'access-code' });
    for (const [index, spelling] of spellings.entries()) {
      const { userId } = await signIn(spelling, RIGHT, { on: index % 2 === 0 ? a : b });
      expect(userId, spelling).toBe(first.userId);
    }
    const { users } = await findUsers(a, { prefix: 'alice' });
    expect(users).toHaveLength(1);
    expect(users[0]!.aliases.toSorted()).toEqual(['LAB\\Alice', 'a.abola@lab.test', 'Alice@lab.test'].toSorted());
  });

  test('R3: composed and decomposed letters, and the spaces between them, in the domain itself', async () => {
    const composed = 'jānis bērziņš'.normalize('NFC');
    // Each first in its form, on replicas that have not seen the other: the domain is asked, not a table of ours.
    const directory = a.directories.get(directoryId)!;
    const ids = await Promise.all(
      [composed, composed.normalize('NFD'), 'JĀNIS  BĒRZIŅŠ', 'LAB\\Jānis\u00A0Bērziņš'].map(
        async (typed) => (await directory.find(typed))?.objectId,
      ),
    );
    expect(new Set(ids).size).toBe(1);
    expect(ids[0]).toMatch(/^[0-9a-f]{32}$/);
    const users = await Promise.all(
      [composed, composed.normalize('NFD'), `LAB\\${composed.toUpperCase()}`].map((typed, index) =>
        signIn(typed, RIGHT, { on: index === 1 ? b : a }),
      ),
    );
    expect(new Set(users.map(({ userId }) => userId)).size).toBe(1);
  });

  test('LDAP-31: what the domain would know in forms of its own is nobody here', async () => {
    const { objectId, dn } = (await a.directories.get(directoryId)!.find('counted'))!;
    for (const form of [
      dn,
      objectId,
      `{${objectId}}`,
      'OTHER\\counted',
      'counted@elsewhere.test',
      ['lab.test', 'Users', 'counted'].join('/'),
    ])
      expect(await refusal(signIn(form)), form).toMatch(/^CREDENTIALS_REJECTED/);
    expect(wrongPasswords('counted')).toBe(0);
  });

  test('a wrong password is tried once in the domain, and a right one gives it back', async () => {
    for (const [spelling, count] of [
      ['counted', 1],
      ['LAB\\COUNTED', 2],
    ] as const) {
      expect(await refusal(signIn(spelling, 'wrong'))).toBe('CREDENTIALS_REJECTED wrong');
      expect(wrongPasswords('counted')).toBe(count);
    }
    await signIn('counted@lab.test');
    expect(wrongPasswords('counted')).toBe(0);
  });

  test('ADR 17: an attempt that comes twice, or to two replicas at once, is one try in the domain', async () => {
    const attemptId = crypto.randomUUID();
    const both = [a, b].map((on) => refusal(signIn('repeated', 'wrong', { on, attemptId })));
    expect(await Promise.all(both)).toEqual(['CREDENTIALS_REJECTED wrong', 'CREDENTIALS_REJECTED wrong']);
    expect(await refusal(signIn('repeated', 'wrong', { on: b, attemptId }))).toBe('CREDENTIALS_REJECTED wrong');
    expect(wrongPasswords('repeated')).toBe(1);
    // The answer to an attempt stays, whatever password comes with it later.
    expect(await refusal(signIn('repeated', RIGHT, { attemptId }))).toBe('CREDENTIALS_REJECTED wrong');
    expect(await refusal(signIn('repeated', 'wrong'))).toBe('CREDENTIALS_REJECTED wrong');
    expect(wrongPasswords('repeated')).toBe(2);
  });

  test('R2, AAL-21: however many guesses come at once to both replicas, the domain hears no more than the budget', async () => {
    await set(a, { scope: 'global', expectedVersion: 1, document: narrow(2) }, requestOf());
    await Promise.all([a, b].map(({ policies }) => policies.refresh()));
    try {
      const spellings = ['guessed', 'LAB\\guessed', 'guessed@lab.test', 'GUESSED'];
      const guesses = Array.from({ length: 20 }, (_, index) =>
        refusal(signIn(spellings[index % 4]!, `guess ${index}`, { on: index % 2 === 0 ? a : b })),
      );
      const answers = await Promise.all(guesses);
      expect(answers.filter((answer) => answer === 'CREDENTIALS_REJECTED wrong')).toHaveLength(2);
      expect(wrongPasswords('guessed')).toBe(2);
    } finally {
      await set(a, { scope: 'global', expectedVersion: 2, document: narrow(20) }, requestOf());
      await Promise.all([a, b].map(({ policies }) => policies.refresh()));
    }
  });

  test('LDAP-11: an empty password is no try at all', async () => {
    expect(await refusal(signIn('empty', ''))).toBe('CREDENTIALS_REJECTED malformed');
    expect(wrongPasswords('empty')).toBe(0);
  });

  test('R21, LDAP-22: disabled, expired and unknown hear what a wrong password hears; only the reason differs', async () => {
    expect(await refusal(signIn('disabled'))).toBe('CREDENTIALS_REJECTED barred');
    expect(await refusal(signIn('expired'))).toBe('CREDENTIALS_REJECTED barred');
    expect(await refusal(signIn('nobody'))).toBe('CREDENTIALS_REJECTED wrong');
    for (const username of ['disabled', 'expired', 'mustchange'])
      expect(await refusal(signIn(username, 'wrong'))).toBe('CREDENTIALS_REJECTED wrong');
  });

  test('773: a right password that must be changed is said to be so', async () => {
    expect(await refusal(signIn('mustchange'))).toBe('PASSWORD_EXPIRED');
  });

  test('775: a locked account is let in nowhere, although the password is right', async () => {
    for (let wrong = 1; wrong <= LOCKOUT; wrong++) await refusal(signIn('locked', 'wrong'));
    expect(await refusal(signIn('locked'))).toBe('CREDENTIALS_REJECTED barred');
    expect(await a.directories.get(directoryId)!.find('locked')).toMatchObject({ status: 'locked' });
  });

  test('objectGUID stays when a name changes: it is the same user, and the old name is theirs still', async () => {
    const before = await signIn('renamed');
    samba.modify(
      [
        `dn: CN=renamed,CN=Users,${samba.baseDn}`,
        'changetype: modrdn',
        'newrdn: CN=married',
        'deleteoldrdn: 1',
        '',
        `dn: CN=married,CN=Users,${samba.baseDn}`,
        'changetype: modify',
        'replace: sAMAccountName',
        'sAMAccountName: married',
        '-',
        'replace: userPrincipalName',
        'userPrincipalName: married@lab.test',
        '',
      ].join('\n'),
    );
    for (const typed of ['married', 'LAB\\married', 'married@lab.test', 'renamed'])
      expect((await signIn(typed, RIGHT, { on: b })).userId, typed).toBe(before.userId);
  });

  test('R17: who is disabled in the domain is disabled here, at once where nothing is remembered', async () => {
    const { userId } = await signIn('leaver');
    expect(await b.users.byId(userId)).toMatchObject({ status: 'enabled' });
    samba.modify(
      `dn: CN=leaver,CN=Users,${samba.baseDn}\nchangetype: modify\nreplace: userAccountControl\nuserAccountControl: 514\n`,
    );
    expect(await b.users.byId(userId)).toMatchObject({ status: 'disabled' });
    expect(await refusal(signIn('leaver'))).toBe('CREDENTIALS_REJECTED barred');
    samba.modify(`dn: CN=leaver,CN=Users,${samba.baseDn}\nchangetype: delete\n`);
    expect(await b.users.byName('leaver')).toMatchObject({ status: 'disabled' });
    expect(await refusal(signIn('leaver'))).toBe('CREDENTIALS_REJECTED wrong');
  });

  test('a user who was made before is linked, and a name that somebody else has stays theirs', async () => {
    const made = await createUser(a, { username: 'existing' }, requestOf());
    await createUser(a, { username: 'other', aliases: ['LAB\\existing'] }, requestOf());
    expect((await signIn('existing')).userId).toBe(made.userId);
    // The name leads to one user here and to another in the domain: neither is signed in.
    expect(await refusal(signIn('LAB\\existing'))).toMatch(/^CREDENTIALS_REJECTED/);
  });

  test('two replicas that see somebody first at once make one user', async () => {
    const at = [a, b, a, b];
    const users = await Promise.all(at.map((on) => signIn('newcomer', RIGHT, { on })));
    expect(new Set(users.map(({ userId }) => userId)).size).toBe(1);
  });

  test('directory.check shows what the domain says, with numbers masked', async () => {
    const answer = await check(a, { directoryId, username: 'alice' });
    expect(answer.servers).toEqual([{ url: samba.url, ok: true, ms: expect.any(Number) as number }]);
    expect(answer.person).toMatchObject({ dn: `CN=Alice,CN=Users,${samba.baseDn}`, status: 'enabled' });
    expect(JSON.stringify(answer.person!.phones)).not.toContain('2000');
    expect(answer.person!.userId).toBeDefined();
  });

  test('who counts may be said by a group, nested ones too, as docs/operations/directory.md has it', async () => {
    const group = `CN=Administrators,CN=Builtin,${samba.baseDn}`;
    const userFilter = `(&(objectCategory=person)(objectClass=user)(memberOf:1.2.840.113556.1.4.1941:=${group}))`;
    const admins = new Directory({
      directoryId: crypto.randomUUID(),
      name: 'Admins',
      version: 1,
      settings: { ...settings(), userFilter },
      bindPassword: samba.bindPassword,
      now: Date.now,
    });
    const administrator = await admins.find('administrator');
    expect(administrator).toMatchObject({ username: 'Administrator' });
    expect(await admins.get(administrator!.objectId)).toEqual(administrator);
    expect(await admins.find('counted')).toBeUndefined();
    expect(await a.directories.get(directoryId)!.find('counted')).toBeDefined();
  });

  test('which of a few groups somebody is in, nested ones too, in one search', async () => {
    const name = (group: string, folder = 'Users') => `CN=${group},CN=${folder},${samba.baseDn}`;
    const group = (cn: string, members: readonly string[]) =>
      [
        `dn:: ${Buffer.from(name(cn)).toString('base64')}`,
        'changetype: add',
        'objectClass: group',
        `sAMAccountName: ${cn.replaceAll(/\W/g, '')}`,
        ...members.map((member) => `member:: ${Buffer.from(member).toString('base64')}`),
        '',
      ].join('\n');
    const directory = a.directories.get(directoryId)!;
    const [member, other] = [(await directory.find('member (a)'))!, (await directory.find('counted'))!];
    samba.modify(
      [
        group('Inner', [member.dn]),
        group('Middle', [name('Inner')]),
        group('VPN \\, (outer*)', [name('Middle')]),
        group('Of others', [other.dn]),
      ].join('\n'),
    );
    const groups = [
      name('VPN \\, (outer*)').toUpperCase(),
      name('Inner'),
      name('Of others'),
      name('Absent'),
      'CN=Inner,CN=Users,DC=other,DC=test',
      'no name',
    ];
    expect(await directory.groupsOf(member, groups)).toEqual(groups.slice(0, 2));
    expect(await directory.groupsOf(other, groups)).toEqual([name('Of others')]);
    expect(await directory.groupsOf({ dn: '*' }, groups)).toEqual([]);
    expect(
      await directory.groupsOf((await directory.find('administrator'))!, [name('Administrators', 'Builtin')]),
    ).toHaveLength(1);
  });

  test('StartTLS, whose answer this domain writes with lengths of four bytes', async () => {
    const plain = samba.url.replace('ldaps:', 'ldap:');
    const other = await create(
      a,
      { name: 'Plain', settings: { ...settings(), urls: [plain] }, bindPassword: samba.bindPassword },
      requestOf(),
    );
    const answer = await check(a, { directoryId: other.directoryId, username: 'counted' });
    expect(answer).toMatchObject({
      servers: [{ ok: true }],
      person: { names: expect.arrayContaining(['counted']) as string[] },
    });
  });
});
