import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createPlainServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import type { DirectorySettings } from '@countersign/contracts';
import {
  createAuthority,
  freePort,
  issueCertificate,
  startSlapd,
  type KeyAndCertificate,
  type Slapd,
  type SlapdGroup,
} from '@countersign/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Directory } from './directory.ts';
import { DirectoryProblem } from './problem.ts';

const now = Date.now;
const TIMEOUT_MS = 1000;
/** What a machine with two busy cores adds. */
const SLACK_MS = 1500;
const PEOPLE = [
  {
    username: 'alice',
    password: 'Right-1!',
    displayName: 'Alice Ābola',
    mail: 'alice@example.com',
    phone: '+37120000012',
  },
  { username: 'bob', password: 'Other-2!', mail: 'twins@example.com', memberOf: ['nested'] },
  { username: 'bill', password: 'Other-3!', mail: 'twins@example.com' },
  { username: 'bea', password: 'Other-4!', mail: 'twins@example.com' },
];
const ALICE = 'uid=alice,ou=people,dc=example,dc=com';
const NOBODY = 'uid=nobody,ou=people,dc=example,dc=com';
const ALL_BUT_ALICE = 'all (*) but #1, alice';
const GROUPS: readonly SlapdGroup[] = [
  { name: 'vpn', members: [NOBODY, ALICE], by: 'member' },
  { name: 'Ārsti', members: [ALICE], by: 'uniqueMember' },
  { name: 'nested', members: ['cn=vpn,ou=groups,dc=example,dc=com'], by: 'member' },
  { name: ALL_BUT_ALICE.replace(',', '\\,'), members: ['uid=bob,ou=people,dc=example,dc=com'], by: 'member' },
];

const folder = mkdtempSync(join(tmpdir(), 'directory-'));
let authority: KeyAndCertificate;
let certificate: KeyAndCertificate;
let slapd: Slapd;
let plainPort: number;

beforeAll(async () => {
  authority = await createAuthority({ commonName: 'House', now: now() });
  certificate = await issueCertificate(authority, { commonName: 'localhost', usage: 'server', now: now() });
  plainPort = await freePort();
  slapd = await startSlapd({
    dir: join(folder, 'slapd'),
    port: await freePort(),
    plainPort,
    ...certificate,
    people: PEOPLE,
    groups: GROUPS,
    logFile: join(folder, 'slapd.log'),
  });
});
afterAll(async () => {
  await slapd.kill();
  rmSync(folder, { recursive: true, force: true });
});

function directory(change: Partial<DirectorySettings> = {}, bindPassword = slapd.bindPassword): Directory {
  const settings: DirectorySettings = {
    kind: 'ldap',
    urls: [slapd.url],
    authorities: authority.certificatePem,
    baseDn: slapd.baseDn,
    bindDn: slapd.bindDn,
    netbiosNames: [],
    suffixes: ['example.com'],
    timeoutMs: TIMEOUT_MS,
    ...change,
  };
  return new Directory({ directoryId: 'd1', name: 'House', version: 1, settings, bindPassword, now });
}

async function slapdWith(names: readonly string[]): Promise<Slapd> {
  const other = await issueCertificate(authority, { commonName: 'other', usage: 'server', names, now: now() });
  const port = await freePort();
  const options = { dir: join(folder, `slapd-${port}`), port, ...other, people: PEOPLE };
  return startSlapd({ ...options, bindPassword: slapd.bindPassword, logFile: join(folder, `slapd-${port}.log`) });
}

describe('OpenLDAP', () => {
  const alice = { username: 'alice', displayName: 'Alice Ābola', status: 'enabled', phones: ['+37120000012'] };

  test.each([
    ['LDAPS', () => slapd.url],
    ['StartTLS', () => `ldap://localhost:${plainPort}`],
    ['LDAPS by address', () => slapd.url.replace('localhost', '127.0.0.1')],
    ['StartTLS by address', () => `ldap://127.0.0.1:${plainPort}`],
  ])('finds people and tries passwords over %s', async (_, url) => {
    const house = directory({ urls: [url()] });
    expect(await house.checkServers()).toEqual([{ url: url(), ok: true, ms: expect.any(Number) as number }]);
    const found = await house.find('ALICE');
    expect(found).toMatchObject(alice);
    expect(await house.bind(found!.dn, 'Right-1!')).toBe('right');
    expect(await house.bind(found!.dn, 'wrong')).toBe('wrong');
    expect(await house.bind('uid=nobody,dc=example,dc=com', 'wrong')).toBe('wrong');
  });

  test('one person, whatever name is typed, under one entryUUID (LDAP-30, R3)', async () => {
    const house = directory();
    const people = await Promise.all(
      ['alice', ' Alice ', 'alice@example.com', 'ALICE@EXAMPLE.COM', 'ａｌｉｃｅ'].map((typed) => house.find(typed)),
    );
    const ids = new Set(people.map((person) => person?.objectId));
    expect(ids.size).toBe(1);
    const [id = ''] = ids;
    expect(id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(await house.get(id)).toEqual(people[0]);
    expect(await house.get('00000000-0000-0000-0000-000000000000')).toBeUndefined();
  });

  test('LDAP-34: what means something in a filter finds nobody', async () => {
    for (const typed of ['*', 'al*', 'alice)(uid=*', '*)(objectClass=*', 'alice\0', '\\61lice'])
      expect(await directory().find(typed), typed).toBeUndefined();
  });

  test('a name that two have, or three, is nobody’s (LDAP-31)', async () => {
    expect(await directory().find('twins@example.com')).toBeUndefined();
    const onlyTwo = directory({ userFilter: '(|(uid=bob)(uid=bea))' });
    expect(await onlyTwo.find('twins@example.com')).toBeUndefined();
    expect(await directory({ userFilter: '(uid=bob)' }).find('twins@example.com')).toMatchObject({ username: 'bob' });
  });

  test('which of a few groups somebody is in, by member, uniqueMember and memberOf', async () => {
    const names = ['vpn', 'Ārsti', 'nested', ALL_BUT_ALICE.replace(',', '\\,'), 'absent'];
    const groups = names.map((name) => `cn=${name},ou=groups,dc=example,dc=com`);
    const house = directory();
    const groupsOf = async (typed: string) => {
      const found = await house.groupsOf((await house.find(typed))!, groups);
      return found.map((group) => names[groups.indexOf(group)]);
    };
    expect(await groupsOf('alice')).toEqual(['vpn', 'Ārsti']);
    // What the entry of the person says counts as well: of nested groups, and of those that a filter makes.
    expect(await groupsOf('bob')).toEqual(['nested', names[3]]);
    expect(await groupsOf('bill')).toEqual([]);
  });

  test('groups as an administrator writes them, and people of one folder only', async () => {
    const house = directory({ baseDn: `ou=people,${slapd.baseDn}` });
    const groups = [
      'CN=VPN, OU=Groups, DC=Example,DC=com',
      'cn=\\c4\\80rsti,ou=groups,dc=example,dc=com',
      'vpn',
      '',
      '*',
    ];
    expect(await house.groupsOf({ dn: ALICE }, groups)).toEqual(groups.slice(0, 2));
    // Of another tree: nobody here is in it, and the server would know no such base.
    expect(await house.groupsOf({ dn: ALICE }, ['cn=vpn,ou=groups,dc=other,dc=com'])).toEqual([]);
  });

  test('LDAP-34: what means something in a filter is in no group', async () => {
    const groups = ['cn=vpn,ou=groups,dc=example,dc=com'];
    for (const dn of ['*', `${ALICE})(uid=*`, `uid=*,ou=people,${slapd.baseDn}`, `*)(objectClass=*`])
      expect(await directory().groupsOf({ dn }, groups), dn).toEqual([]);
    for (const group of [`cn=*,ou=groups,${slapd.baseDn}`, `cn=vpn)(cn=*,ou=groups,${slapd.baseDn}`])
      expect(await directory().groupsOf({ dn: ALICE }, [group]), group).toEqual([]);
  });

  test('LDAP-11: an empty password is wrong, although the server would call it a success', async () => {
    const found = await directory().find('alice');
    expect(await directory().bind(found!.dn, '')).toBe('wrong');
  });

  test('LDAP-03: a certificate for another name is refused, and so is another authority; no password is sent', async () => {
    const wrongName = await slapdWith(['directory.example.com', '127.0.0.2']);
    try {
      const house = directory({ urls: [wrongName.url] });
      await expect(house.find('alice')).rejects.toThrow(/altnames|does not match/i);
      await expect(house.bind('uid=alice,ou=people,dc=example,dc=com', 'Right-1!')).rejects.toThrow(DirectoryProblem);
      const byAddress = directory({ urls: [wrongName.url.replace('localhost', '127.0.0.1')] });
      await expect(byAddress.find('alice')).rejects.toThrow(/IP.*not in the cert/i);
    } finally {
      await wrongName.kill();
    }
    const { certificatePem } = await createAuthority({ commonName: 'Elsewhere', now: now() });
    for (const url of [slapd.url, `ldap://localhost:${plainPort}`]) {
      await expect(directory({ urls: [url], authorities: certificatePem }).find('alice')).rejects.toThrow(
        /certificate/,
      );
    }
    // Without authorities of its own, those of the system.
    const { authorities: _, ...settings } = directory().settings;
    const system = new Directory({ directoryId: 'd2', name: 'S', version: 1, settings, bindPassword: 'x', now });
    await expect(system.find('alice')).rejects.toThrow(/certificate/);
  });

  test('a wrong service password, and a wrong base, are told to operators as the server says it', async () => {
    const [wrongPassword] = await directory({}, 'wrong').checkServers();
    expect(wrongPassword).toMatchObject({
      ok: false,
      problem: expect.stringMatching(/^InvalidCredentials/) as string,
    });
    const [wrongBase] = await directory({ baseDn: 'dc=elsewhere,dc=com' }).checkServers();
    expect(wrongBase).toMatchObject({ ok: false, problem: expect.stringMatching(/^NoSuchObject/) as string });
  });

  test('with a dead server, and one that hangs, the next is asked; then the one that answers first', async () => {
    const hung = await hostile(() => {});
    const dead = `ldaps://localhost:${await freePort()}`;
    const house = directory({ urls: [dead, hung.url, slapd.url] });
    expect(await house.find('alice')).toMatchObject(alice);
    const since = performance.now();
    expect(await house.find('alice')).toMatchObject(alice);
    expect(await house.bind(`uid=alice,ou=people,${slapd.baseDn}`, 'Right-1!')).toBe('right');
    expect(performance.now() - since).toBeLessThan(TIMEOUT_MS);
    expect(hung.connections()).toBe(1);
    expect((await house.checkServers()).map(({ ok }) => ok)).toEqual([false, false, true]);
  });

  test('a bind goes on to the next server where the first cannot be reached, and has heard nothing', async () => {
    const house = directory({ urls: [`ldaps://localhost:${await freePort()}`, slapd.url] });
    expect(await house.bind(`uid=alice,ou=people,${slapd.baseDn}`, 'Right-1!')).toBe('right');
  });

  test('a server that failed is left out for a while, and then asked first again', async () => {
    let at = now();
    let isIll = true;
    const first = await hostile(
      onSearch(({ id }, socket) => {
        if (isIll) socket.destroy();
        else socket.write(Buffer.concat([found(id, 'alice', { displayName: 'Of the first' }), searched(id)]));
      }),
    );
    const { settings } = directory({ urls: [first.url, slapd.url] });
    const { bindPassword } = slapd;
    const house = new Directory({
      directoryId: 'd1',
      name: 'House',
      version: 1,
      settings,
      bindPassword,
      now: () => at,
    });
    expect(await house.find('alice')).toMatchObject(alice);
    isIll = false;
    at += 29_000;
    expect(await house.find('alice')).toMatchObject(alice);
    expect(first.connections()).toBe(1);
    at += 2000;
    expect(await house.find('alice')).toMatchObject({ displayName: 'Of the first' });
  });
});

interface Hostile {
  url: string;
  connections: () => number;
  /** Binds that it was asked for. */
  binds: () => number;
  close: () => void;
}

type Answer = (message: { id: number; tag: number }, socket: Socket) => void;

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** Speaks LDAP over TLS as far as it has to, and then does as it is told. */
async function hostile(answer: Answer, { overTls = true } = {}): Promise<Hostile> {
  let [connections, binds] = [0, 0];
  const sockets = new Set<Socket>();
  const serve = (socket: Socket | TLSSocket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => {
      const message = { id: bytes[4] ?? 0, tag: bytes[5] ?? 0 };
      if (bytes[0] !== 0x30) return;
      // Short lengths: [30, length, 02, 01, id, tag, …]; ldapts writes those of its searches in more bytes.
      const start = (bytes[1] ?? 0) < 0x80 ? 2 : 2 + ((bytes[1] ?? 0) & 0x7f);
      [message.id, message.tag] = [bytes[start + 2] ?? 0, bytes[start + 3] ?? 0];
      if (message.tag === BIND) binds += 1;
      answer(message, socket);
    });
  };
  const server = overTls
    ? createTlsServer({ cert: certificate.certificatePem, key: certificate.keyPem }, serve)
    : createPlainServer(serve);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  closing.push(close);
  return { url: `ldaps://localhost:${port}`, connections: () => connections, binds: () => binds, close };
}

const [BIND, SEARCH] = [0x60, 0x63];

/** One element of BER, its length in four bytes. */
function element(tag: number, ...content: Buffer[]): Buffer {
  const body = Buffer.concat(content);
  const head = Buffer.from([tag, 0x84, 0, 0, 0, 0]);
  head.writeUInt32BE(body.length, 2);
  return Buffer.concat([head, body]);
}
const text = (value: string | Buffer) => element(0x04, Buffer.from(value as string));
const message = (id: number, ...content: Buffer[]) => element(0x30, Buffer.from([0x02, 1, id]), ...content);
const result = (id: number, tag: number, code = 0, ...more: Buffer[]) =>
  message(id, element(tag, Buffer.from([0x0a, 1, code]), text(''), text(''), ...more));
const bound = (id: number) => result(id, 0x61);
const searched = (id: number, code = 0, ...more: Buffer[]) => result(id, 0x65, code, ...more);
function found(id: number, name: string, values: Readonly<Record<string, string>> = {}): Buffer {
  const attributes = { uid: name, entryUUID: '8d0b2f4e-5a1c-4b0e-9c3d-2f7a1b6c5d4e', ...values };
  const listed = Object.entries(attributes).map(([type, value]) =>
    element(0x30, text(type), element(0x31, text(value))),
  );
  return message(id, element(0x64, text(`uid=${name},dc=example,dc=com`), element(0x30, ...listed)));
}

/** Lets everybody bind, and answers a search so. */
const onSearch =
  (answer: Answer): Answer =>
  (asked, socket) => {
    if (asked.tag === BIND) socket.write(bound(asked.id));
    if (asked.tag === SEARCH) answer(asked, socket);
  };

describe('a directory that hangs, or lies', () => {
  /** What a search there ends with, in time, while others are served. One that sends too much is not waited for. */
  async function refusal(url: string, timeoutMs = TIMEOUT_MS): Promise<string> {
    const since = performance.now();
    const asked = directory({ urls: [url], timeoutMs })
      .find('alice')
      .catch((error: unknown) => error);
    expect(await directory().find('alice')).toMatchObject({ username: 'alice' });
    expect(performance.now() - since).toBeLessThan(SLACK_MS);
    const problem = await asked;
    expect(performance.now() - since).toBeLessThan(TIMEOUT_MS + SLACK_MS);
    expect(problem).toBeInstanceOf(DirectoryProblem);
    return (problem as Error).message;
  }

  test('what it is tried with is a directory: an honest answer is understood', async () => {
    const { url } = await hostile(
      onSearch(({ id }, socket) => socket.write(Buffer.concat([found(id, 'alice', { mail: 'a@b.c' }), searched(id)]))),
    );
    expect(await directory({ urls: [url] }).find('alice')).toMatchObject({ username: 'alice', mail: 'a@b.c' });
  });

  test('takes the connection and says nothing, not even TLS', async () => {
    const { url } = await hostile(() => {}, { overTls: false });
    expect(await refusal(url)).toMatch(/did not answer within 1000 ms/);
    expect(await refusal(url.replace('ldaps:', 'ldap:'))).toMatch(/did not answer within 1000 ms/);
  });

  test('hangs at the bind, and after it', async () => {
    expect(await refusal((await hostile(() => {})).url)).toMatch(/did not answer within 1000 ms/);
    expect(await refusal((await hostile(onSearch(() => {}))).url)).toMatch(/did not answer within 1000 ms/);
  });

  test('says a byte now and then, for ever', async () => {
    const drops = await hostile(
      onSearch(({ id }, socket) => {
        const bytes = Buffer.concat([found(id, 'alice'), searched(id)]);
        let at = 0;
        const timer = setInterval(() => socket.write(bytes.subarray(at, ++at)), 50);
        socket.once('close', () => clearInterval(timer));
      }),
    );
    expect(await refusal(drops.url)).toMatch(/did not answer within 1000 ms/);
  });

  test('answers 10 MB', async () => {
    const big = 'x'.repeat(10 * 1024 * 1024);
    const { url } = await hostile(
      onSearch(({ id }, socket) =>
        socket.write(Buffer.concat([found(id, 'alice', { displayName: big }), searched(id)])),
      ),
    );
    expect(await refusal(url, 10_000)).toMatch(/longer than 1048576 bytes/);
  });

  test('sends entries without end, whatever it was asked', async () => {
    const { url } = await hostile(
      onSearch(({ id }, socket) => {
        const many = Buffer.concat(Array.from({ length: 100 }, (_, index) => found(id, `p${index}`)));
        const more = () => {
          while (!socket.destroyed && socket.write(many));
        };
        socket.on('drain', more);
        more();
      }),
    );
    expect(await refusal(url, 10_000)).toMatch(/longer than 1048576 bytes/);
  });

  test('says at every page that there is one more', async () => {
    let searches = 0;
    // PagedResultsControl, RFC 2696, with a cookie that never ends.
    const value = element(0x30, Buffer.from([0x02, 1, 0]), text('again'));
    const control = element(0xa0, element(0x30, text('1.2.840.113556.1.4.319'), text(value)));
    const { url } = await hostile(
      onSearch(({ id }, socket) => {
        searches += 1;
        const done = element(0x65, Buffer.from([0x0a, 1, 0]), text(''), text(''));
        socket.write(Buffer.concat([found(id, 'alice'), message(id, done, control)]));
      }),
    );
    expect(await directory({ urls: [url] }).find('alice')).toMatchObject({ username: 'alice' });
    expect(searches).toBe(1);
  });

  test('LDAP-35: knows only where else to ask, and nobody goes there', async () => {
    const elsewhere = await hostile(onSearch(({ id }, socket) => socket.write(searched(id))));
    const referral = text(`${elsewhere.url}/dc=example,dc=com`);
    const only = await hostile(onSearch(({ id }, socket) => socket.write(searched(id, 10, element(0xa3, referral)))));
    expect(await refusal(only.url)).toMatch(/no server of House answers/);
    // A search continuation, RFC 4511 section 4.5.3, beside whom it has found itself, and alone.
    const continued = (id: number) => message(id, element(0x73, referral));
    const beside = await hostile(
      onSearch(({ id }, socket) => socket.write(Buffer.concat([continued(id), found(id, 'alice'), searched(id)]))),
    );
    expect(await directory({ urls: [beside.url] }).find('alice')).toMatchObject({ username: 'alice' });
    const alone = await hostile(
      onSearch(({ id }, socket) => socket.write(Buffer.concat([continued(id), searched(id)]))),
    );
    expect(await directory({ urls: [alone.url] }).find('alice')).toBeUndefined();
    expect(elsewhere.connections()).toBe(0);
  });

  test('finds two where one was asked for', async () => {
    const { url } = await hostile(
      onSearch(({ id }, socket) =>
        socket.write(Buffer.concat([found(id, 'alice'), found(id, 'mallory'), searched(id)])),
      ),
    );
    expect(await directory({ urls: [url] }).find('alice')).toBeUndefined();
  });

  test('hangs up: at once, in the middle of an answer, with something that is none', async () => {
    expect(await refusal((await hostile((_, socket) => socket.destroy())).url)).toMatch(/no server of House answers/);
    const middle = await hostile(onSearch(({ id }, socket) => void socket.end(found(id, 'alice').subarray(0, 40))));
    expect(await refusal(middle.url)).toMatch(/no server of House answers/);
    const noise = await hostile(onSearch((_, socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')));
    expect(await refusal(noise.url)).toMatch(/no server of House answers/);
  });

  test('ADR 17: whoever took a bind and says nothing is not asked again, and neither is another', async () => {
    const silent = await hostile(() => {});
    const other = await hostile(({ id }, socket) => socket.write(bound(id)));
    const house = directory({ urls: [silent.url, other.url] });
    await expect(house.bind('uid=alice,dc=example,dc=com', 'Right-1!')).rejects.toThrow(DirectoryProblem);
    expect([silent.binds(), other.binds()]).toEqual([1, 0]);
  });

  test('R26: one that hangs holds up no more than so many, who hear of it in time', async () => {
    const { url, connections } = await hostile(() => {});
    const house = directory({ urls: [url] });
    const since = performance.now();
    const answers = Promise.all(
      Array.from({ length: 200 }, () => house.find('alice').catch((error: unknown) => error)),
    );
    await sleep(300);
    expect(connections()).toBeLessThanOrEqual(16);
    for (const answer of await answers) expect(answer).toBeInstanceOf(DirectoryProblem);
    expect(performance.now() - since).toBeLessThan(2000 + TIMEOUT_MS + 2 * SLACK_MS);
  });

  test('R17: who may not come in any more is learnt, however many passwords of strangers hang there', async () => {
    const { url } = await hostile(({ id, tag }, socket) => {
      if (tag === SEARCH) socket.write(Buffer.concat([found(id, 'alice'), searched(id)]));
    });
    const { bindDn: _, ...settings } = directory({ urls: [url] }).settings;
    const house = new Directory({
      directoryId: 'd1',
      name: 'House',
      version: 1,
      settings,
      bindPassword: undefined,
      now,
    });
    const guesses = Promise.allSettled(
      Array.from({ length: 200 }, () => house.bind('uid=alice,dc=example,dc=com', 'guess')),
    );
    await expect(house.get('8d0b2f4e-5a1c-4b0e-9c3d-2f7a1b6c5d4e')).rejects.toThrow('too many');
    expect(await house.standing('8d0b2f4e-5a1c-4b0e-9c3d-2f7a1b6c5d4e')).toMatchObject({ username: 'alice' });
    await guesses;
  });
});
