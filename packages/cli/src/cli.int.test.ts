import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  applicationCreate,
  applicationDelete,
  applicationFind,
  applicationRotate,
  auditFind,
  authenticatorConfirm,
  authenticatorEnrol,
  authenticatorRemove,
  clusterStatus,
  directoryCheck,
  directoryCreate,
  directoryDelete,
  directoryFind,
  directoryUpdate,
  edgeStatus,
  enrolmentGrant,
  enrolmentWithdraw,
  identityUnlink,
  keysPhones,
  keysRewrap,
  leadersMove,
  MfaError,
  policyExplain,
  pinRemove,
  pinSet,
  policyGet,
  policySet,
  questionsAsk,
  questionsCheck,
  sessionEnd,
  userBlock,
  userBypass,
  userCreate,
  userDelete,
  userFind,
  userGet,
  userUpdate,
  type DirectoryView,
  type OutputOf,
  type UserView,
} from '@countersign/contracts';
import { connectBus, endpoint, serve } from '@countersign/bus';
import { silentLogger } from '@countersign/telemetry';
import { startNats, type NatsServer } from '@countersign/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openConnection } from './connection.ts';
import { EXIT } from './exit-codes.ts';
import { run } from './run.ts';
import type { CliSettings } from './settings.ts';
import { ADMIN_KEY, standIn, type StandIn } from './testing/stand-in.ts';
import { recordedTerminal } from './testing/terminal.ts';

const USER_ID = '1b4e28ba-2fa1-4d9a-8f1c-0c2d7f3a9e11';
const OTHER_ID = '2b4e28ba-2fa1-4d9a-8f1c-0c2d7f3a9e22';
const TOTP_ID = '8d0b2f4e-5a1c-4b0e-9c3d-2f7a1b6c5d4e';
const PHONE_ID = '9d0b2f4e-5a1c-4b0e-9c3d-2f7a1b6c5d4e';
const AT = '2026-11-23T09:30:00.000Z';
const alice: UserView = {
  userId: USER_ID,
  username: 'alice',
  aliases: ['alice@example.com'],
  status: 'enabled',
  authenticators: [
    { authenticatorId: TOTP_ID, type: 'totp', label: 'Work', state: 'active', createdAt: AT },
    { authenticatorId: PHONE_ID, type: 'phone', label: '', state: 'active', phone: '+371 ••• ••12', createdAt: AT },
  ],
  createdAt: AT,
  updatedAt: AT,
};
/** She reported a login. */
const dana: UserView = { ...alice, userId: OTHER_ID, username: 'dana', promptsStopped: { at: AT } };
const intranet = {
  applicationId: OTHER_ID,
  name: 'Intranet',
  scopes: ['challenge' as const],
  keys: [{ keyId: 'k1', createdAt: AT }],
  certificates: [],
  createdAt: AT,
};

interface Page {
  users: UserView[];
  next?: string;
}

let nats: NatsServer;
let server: StandIn;
const folder = mkdtempSync(join(tmpdir(), 'cli-'));

beforeAll(async () => {
  nats = await startNats({ storeDir: folder });
});
beforeEach(async () => {
  server = await standIn(nats.url);
  await server.on(userFind, ({ username, prefix = '' }) => {
    if ((username ?? prefix) === dana.username) return { users: [dana] };
    const found = username === undefined ? alice.username.startsWith(prefix) : isAlice(username);
    return { users: found ? [alice] : [] };
  });
  await server.on(userGet, ({ userId }) => {
    if (userId === USER_ID) return alice;
    throw new MfaError('USER_NOT_FOUND');
  });
  await server.on(applicationFind, () => ({ applications: [intranet] }));
});
afterEach(() => server.stop());
afterAll(async () => {
  await nats.stop();
  rmSync(folder, { recursive: true, force: true });
});

function isAlice(name: string): boolean {
  return [alice.username, ...alice.aliases].includes(name.toLowerCase());
}

/** Runs the command line against the stand-in. */
async function countersign(
  words: string | string[],
  options: Parameters<typeof recordedTerminal>[0] & { settings?: Partial<CliSettings>; signal?: AbortSignal } = {},
) {
  const terminal = recordedTerminal(options);
  const code = await run(typeof words === 'string' ? words.split(' ') : words, {
    terminal,
    settings: () => ({ servers: [nats.url], adminKey: ADMIN_KEY, source: 'the test', ...options.settings }),
    connect: openConnection,
    now: Date.now,
    signal: options.signal ?? new AbortController().signal,
  });
  const json = () => JSON.parse(terminal.out) as Record<string, unknown>;
  const error = () => (JSON.parse(terminal.err) as { error: Record<string, unknown> }).error;
  return { code, out: terminal.out, err: terminal.err, asked: terminal.asked, hidden: terminal.hidden, json, error };
}

const inputsOf = (operation: string) =>
  server.asked.filter((each) => each.operation === operation).map(({ input }) => input);

describe('cluster', () => {
  const SERVERS = ['nats-1', 'nats-2', 'nats-3'];
  const copies = (behind?: string) =>
    SERVERS.map((name) => ({ server: name, leads: name === 'nats-2', current: name !== behind }));
  const view = (behind?: string): OutputOf<typeof clusterStatus> => ({
    replica: 'app-server-1',
    version: '1.2.0',
    node: '26.5.0',
    startedAt: AT,
    server: 'nats-1',
    takesWork: true,
    postgres: [{ name: 'pg-1:5432', role: 'primary', reachable: true, version: '15.18', confirmedBy: '"postgres-2"' }],
    streams: [{ name: 'AUTH_1', messages: 7, copies: copies(behind), wantedCopies: 3 }],
  });
  const edge: OutputOf<typeof edgeStatus> = {
    replica: 'sdk-gateway-1',
    service: 'sdk-gateway',
    version: '1.1.0',
    node: '26.5.0',
    startedAt: AT,
    at: new Date().toISOString(),
    server: 'nats-2',
    working: 3,
    waiting: 4,
  };

  test('status shows everything that answers, and what to look at; edges hear no credential', async () => {
    await server.on(clusterStatus, () => view('nats-3'));
    const credentials: unknown[] = [];
    const bus = await connectBus({ servers: [nats.url], name: 'sdk-gateway-1' });
    const own = endpoint(edgeStatus, (_input, { credential }) => {
      credentials.push(credential);
      return Promise.resolve(edge);
    });
    const options = { queue: 'sdk-gateway', replica: 'sdk-gateway-1', maxInFlight: 5, logger: silentLogger() };
    const serving = await serve(bus, [own], options);
    try {
      const { code, out } = await countersign('cluster status');
      expect(code).toBe(0);
      expect(out).toMatch(/app-server-1 +1\.2\.0/);
      expect(out).toMatch(/sdk-gateway-1 +1\.1\.0 +26\.5\.0 +3 +4 +nats-2/);
      expect(out).toMatch(/pg-1:5432 +15\.18 +primary +postgres-2 +all/);
      expect(out).toMatch(/nats +127\.0\.0\.1:\d+ +2\.\d+\.\d+/);
      expect(out).toMatch(/AUTH_1 +7 +nats-2 +nats-1, nats-2, nats-3 \(behind\)/);
      expect(out).toContain('! Two versions are at work: 1.2.0 (app-server-1), 1.1.0 (sdk-gateway-1).');
      expect(out).toContain('! nats-3 lacks a part of AUTH_1');
      const json = (await countersign('cluster status --json')).json();
      expect(json).toMatchObject({ replicas: [{ replica: 'app-server-1' }], gateways: [{ replica: 'sdk-gateway-1' }] });
      expect(credentials.length).toBeGreaterThan(0);
      expect(credentials.filter((credential) => credential !== undefined)).toEqual([]);
    } finally {
      await serving.drain();
      await bus.drain();
    }
  });

  test('move-leaders asks until nothing is left, and shows what went where', async () => {
    let passes = 0;
    await server.on(clusterStatus, () => view());
    await server.on(leadersMove, () => {
      passes += 1;
      return { moved: [{ what: `AUTH_${passes}`, from: 'nats-2', to: 'nats-1' }], left: passes < 3 ? ['AUTH_9'] : [] };
    });
    const { code, out } = await countersign('cluster move-leaders nats-2 --yes');
    expect(code).toBe(0);
    expect(inputsOf('leaders.move')).toEqual([{ server: 'nats-2' }, { server: 'nats-2' }, { server: 'nats-2' }]);
    expect(out).toMatch(/AUTH_3 +nats-2 +nats-1/);
  });

  test('move-leaders asks first, knows the servers there are, and lets a cluster be that is not whole', async () => {
    await server.on(clusterStatus, () => view('nats-3'));
    await server.on(leadersMove, () => ({ moved: [], left: [] }));
    const unknown = await countersign('cluster move-leaders nats-9 --yes --json');
    expect([unknown.code, unknown.error()['code']]).toEqual([EXIT.notFound.code, 'NATS_SERVER_NOT_FOUND']);
    const unsettled = await countersign('cluster move-leaders --yes --json');
    expect([unsettled.code, unsettled.error()['code']]).toEqual([EXIT.tryAgain.code, 'COPIES_BEHIND']);
    const asked = await countersign('cluster move-leaders nats-2', { answers: ['n'] });
    expect(asked.code).toBe(EXIT.notConfirmed.code);
    expect(asked.asked.join()).toContain('AUTH_1 is led by nats-2.');
    expect(inputsOf('leaders.move')).toEqual([]);
  });
});

describe('users', () => {
  test('show takes a name, an alias or an id', async () => {
    for (const name of ['alice', 'ALICE@example.com', USER_ID, USER_ID.toUpperCase()]) {
      expect((await countersign(['users', 'show', name, '--json'])).json()).toEqual(alice);
    }
    expect((await countersign('users show alice')).out).toMatch(/Name +alice\n/);
  });

  test('of whom prompts are stopped after a report, it is said, and since when', async () => {
    expect((await countersign('users show dana')).out).toMatch(
      /Prompts +stopped since 2026-11-23T09:30:00\.000Z by a report; users unblock lifts that\n/,
    );
    expect((await countersign('users find dana')).out).toMatch(/enabled, prompts stopped/);
  });

  test('who is not there is an exit code of its own, with a sentence, what to do and the attempt', async () => {
    const { code, err, out } = await countersign('users show nobody');
    expect({ code, out }).toEqual({ code: EXIT.notFound.code, out: '' });
    expect(err).toMatch(
      /^There is no such user\.\nLook for .*users find.*\n\(USER_NOT_FOUND, attempt [0-9a-f-]{36}\)\n$/,
    );
    const { error } = await countersign(`users show ${OTHER_ID} --json`);
    expect(error()).toMatchObject({ code: 'USER_NOT_FOUND', exitCode: EXIT.notFound.code });
  });

  test('create passes on what was given and nothing else', async () => {
    await server.on(userCreate, ({ username }) => ({ ...alice, username }));
    await countersign('users create bob --alias bob@example.com --alias B --language ru');
    await countersign('users create carol');
    expect(inputsOf('user.create')).toEqual([
      { username: 'bob', aliases: ['bob@example.com', 'B'], language: 'ru' },
      { username: 'carol' },
    ]);
  });

  test('update adds and takes away aliases, and refuses to do nothing', async () => {
    await server.on(userUpdate, () => alice);
    await countersign('users update alice --add-alias al --remove-alias alice@example.com');
    expect(inputsOf('user.update')).toEqual([{ userId: USER_ID, aliases: ['al'] }]);
    expect((await countersign('users update alice')).code).toBe(EXIT.usage.code);
    expect((await countersign('users update alice --remove-alias x')).code).toBe(EXIT.usage.code);
    expect(inputsOf('user.update')).toHaveLength(1);
  });

  test('enable and disable set the status', async () => {
    await server.on(userUpdate, () => alice);
    await countersign('users disable alice');
    await countersign('users enable alice');
    expect(inputsOf('user.update')).toEqual([
      { userId: USER_ID, status: 'disabled' },
      { userId: USER_ID, status: 'enabled' },
    ]);
  });

  test('block and bypass carry the reason; without one nothing is asked of the server', async () => {
    await server.on(userBlock, ({ userId }) => ({ userId }));
    await server.on(userBypass, ({ userId }) => ({ userId, expiresAt: AT }));
    await countersign(['users', 'block', 'alice', '--reason', 'Phone stolen, ticket 4711']);
    await countersign(['users', 'bypass', 'alice', '--reason', 'Phone forgotten', '--for', '10m']);
    expect(inputsOf('user.block')).toEqual([{ userId: USER_ID, reason: 'Phone stolen, ticket 4711' }]);
    expect(inputsOf('user.bypass')).toEqual([{ userId: USER_ID, reason: 'Phone forgotten', seconds: 600 }]);
    const before = server.asked.length;
    expect((await countersign('users block alice')).code).toBe(EXIT.usage.code);
    expect((await countersign('users bypass alice --reason xxx --for 2d')).code).toBe(EXIT.usage.code);
    expect(server.asked).toHaveLength(before);
  });

  test('an access code is shown once and taken back; sessions end for a reason', async () => {
    await server.on(enrolmentGrant, ({ userId }) => ({ userId, accessCode: '4ZQK-8M2W-RT6H', expiresAt: AT }));
    await server.on(enrolmentWithdraw, ({ userId }) => ({ userId }));
    await server.on(sessionEnd, ({ userId }) => ({ userId, ended: 3 }));
    const granted = await countersign('users grant-enrolment alice --reason desk --for 4h');
    expect(granted.out).toContain('4ZQK-8M2W-RT6H');
    expect(inputsOf('enrolment.grant')).toEqual([{ userId: USER_ID, reason: 'desk', validSeconds: 14_400 }]);
    expect((await countersign('users grant-enrolment alice --reason desk --for 8d')).code).toBe(EXIT.usage.code);
    expect((await countersign('users withdraw-enrolment alice')).code).toBe(0);
    expect(inputsOf('enrolment.withdraw')).toEqual([{ userId: USER_ID }]);
    expect((await countersign('users end-sessions alice')).code).toBe(EXIT.usage.code);
    const ended = await countersign('users end-sessions alice --reason stolen');
    expect(ended.out).toContain('3');
    expect(inputsOf('session.end')).toEqual([{ userId: USER_ID, reason: 'stolen' }]);
    await server.on(identityUnlink, ({ userId }) => ({ userId }));
    expect((await countersign('users unlink-identity alice --reason moved')).code).toBe(0);
    expect(inputsOf('identity.unlink')).toEqual([{ userId: USER_ID, reason: 'moved' }]);
  });

  test('R24: a PIN is made, or comes from standard input and never from an argument; it is taken away for a reason', async () => {
    await server.on(pinSet, ({ userId, pin }) => ({ userId, ...(pin === undefined && { pin: '58203917' }) }));
    await server.on(pinRemove, ({ userId }) => ({ userId }));
    expect((await countersign('users set-pin alice')).out).toContain('58203917');
    const typed = await countersign('users set-pin alice --pin', { input: '60718293\n' });
    expect(typed.out).not.toContain('60718293');
    expect(inputsOf('pin.set')).toEqual([{ userId: USER_ID }, { userId: USER_ID, pin: '60718293' }]);
    expect((await countersign('users set-pin alice --pin', { input: 'letters' })).code).toBe(EXIT.usage.code);
    expect((await countersign('users remove-pin alice')).code).toBe(EXIT.usage.code);
    expect((await countersign('users remove-pin alice --reason forgotten')).code).toBe(0);
    expect(inputsOf('pin.remove')).toEqual([{ userId: USER_ID, reason: 'forgotten' }]);
  });

  test('security questions: what is typed goes to the server, and only right or wrong comes back', async () => {
    await server.on(questionsAsk, ({ userId }) => ({
      userId,
      questions: ['first-job' as const, 'learned-to-swim' as const],
    }));
    await server.on(questionsCheck, ({ userId, answers }) => ({ userId, right: answers[0]?.answer === 'Bakery' }));
    const right = await countersign('users questions alice', { answers: ['Bakery', 'the sea'] });
    expect(right.code).toBe(0);
    expect(right.out).toBe('All answers of alice are right.\n');
    const [first] = inputsOf('questions.check');
    expect(first).toEqual({
      userId: USER_ID,
      answers: [
        { question: 'first-job', answer: 'Bakery' },
        { question: 'learned-to-swim', answer: 'the sea' },
      ],
    });
    const wrong = await countersign('users questions alice', { answers: ['Mill', 'the sea'] });
    expect(wrong.out).toMatch(/^Not all answers of alice are right\./);
    for (const answers of [[], ['Bakery'], ['Bakery', ' ']])
      expect((await countersign('users questions alice', { answers })).code).toBe(EXIT.notConfirmed.code);
    expect((await countersign('users questions alice')).code).toBe(EXIT.notConfirmed.code);
    expect(inputsOf('questions.check')).toHaveLength(2);
  });

  test('find goes through the pages', async () => {
    await server.stop();
    server = await standIn(nats.url);
    await server.on(userFind, ({ limit = 50, after = '0' }) => {
      const from = Number(after);
      const users = Array.from({ length: Math.min(limit, 450 - from) }, (_, n) => ({
        ...alice,
        username: `u${from + n}`,
      }));
      const end = from + users.length;
      return { users, ...(end < 450 && { next: String(end) }) };
    });
    const all = (await countersign('users find u --limit 1000 --json')).json() as unknown as Page;
    expect(all.users.map(({ username }) => username)).toEqual(Array.from({ length: 450 }, (_, n) => `u${n}`));
    expect(all.next).toBeUndefined();
    const some = (await countersign('users find u --limit 250 --json')).json() as unknown as Page;
    expect([some.users.length, some.next]).toEqual([250, '250']);
  });
});

describe('what cannot be undone asks', () => {
  beforeEach(async () => {
    await server.on(userDelete, ({ userId }) => ({ userId }));
    await server.on(authenticatorRemove, ({ authenticatorId }) => ({ authenticatorId }));
    await server.on(applicationDelete, ({ applicationId }) => ({ applicationId }));
    await server.on(applicationRotate, ({ applicationId }) => ({ applicationId, keyId: 'k2', apiKey: 'csk_k2_x' }));
  });

  test.each([
    ['users delete alice', 'user.delete'],
    ['authenticators remove alice totp', 'authenticator.remove'],
    ['applications delete Intranet', 'application.delete'],
    ['applications rotate Intranet --overlap 0', 'application.rotate'],
  ])('%s', async (words, operation) => {
    const alone = await countersign(words);
    expect(alone.code).toBe(EXIT.notConfirmed.code);
    expect(alone.err).toMatch(/nobody is there to be asked.*NOT_CONFIRMED/s);
    expect(alone.asked).toEqual([]);
    for (const answer of ['', 'n', 'nonsense', 'yesss']) {
      expect((await countersign(words, { answers: [answer] })).code).toBe(EXIT.notConfirmed.code);
    }
    expect((await countersign(words, { answers: [] })).code).toBe(EXIT.notConfirmed.code);
    expect(inputsOf(operation)).toEqual([]);
    const confirmed = await countersign(words, { answers: ['y'] });
    expect([confirmed.code, confirmed.asked.length]).toEqual([0, 1]);
    expect((await countersign(`${words} --yes`)).code).toBe(0);
    expect(inputsOf(operation)).toHaveLength(2);
  });

  test('it says when it is the last authenticator', async () => {
    const { asked } = await countersign('authenticators remove alice totp', { answers: ['n'] });
    expect(asked[0]).not.toContain('last one');
    alice.authenticators.pop();
    try {
      expect((await countersign('authenticators remove alice totp', { answers: ['n'] })).asked[0]).toContain(
        'last one',
      );
    } finally {
      alice.authenticators.push({
        authenticatorId: PHONE_ID,
        type: 'phone',
        label: '',
        state: 'active',
        createdAt: AT,
      });
    }
  });
});

describe('authenticators', () => {
  const secret = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';
  const uri = `otpauth://totp/Example:alice?secret=${secret}&issuer=Example`;

  test('add-totp shows the secret, the address and a QR code', async () => {
    await server.on(authenticatorEnrol, () => ({
      authenticatorId: TOTP_ID,
      state: 'pending' as const,
      expiresAt: AT,
      secret,
      uri,
    }));
    const { out } = await countersign('authenticators add-totp alice --algorithm SHA256 --digits 8 --period 60');
    expect(inputsOf('authenticator.enrol')).toEqual([
      { userId: USER_ID, type: 'totp', algorithm: 'SHA256', digits: 8, periodSeconds: 60 },
    ]);
    expect(out).toContain(secret);
    expect(out).toContain(uri);
    expect(out).toMatch(/[▀▄█]{5}/);
    expect(out).not.toContain('\u001b');
    expect((await countersign('authenticators add-totp alice', { colour: true })).out).toContain('\u001b[');
    const shown = await countersign('authenticators add-totp alice --json');
    expect(shown.json()).toMatchObject({ secret, uri });
  });

  test('add-phone takes a number as people write it, and tells what the person must be told', async () => {
    await server.on(authenticatorEnrol, () => ({
      authenticatorId: PHONE_ID,
      state: 'active' as const,
      notice: 'SMS can be read.',
    }));
    const { out } = await countersign(['authenticators', 'add-phone', 'alice', '+371 2000-0012', '--verified']);
    expect(inputsOf('authenticator.enrol')).toEqual([
      { userId: USER_ID, type: 'phone', phone: '+37120000012', verified: true },
    ]);
    expect(out).toContain('Tell the person: SMS can be read.');
  });

  test('add-app shows the link, a QR code and the digits to type, and until when', async () => {
    const link = 'https://app.example.com/activate#a.b';
    await server.on(authenticatorEnrol, () => ({
      authenticatorId: OTHER_ID,
      state: 'pending' as const,
      expiresAt: AT,
      uri: link,
      activationCode: '492039118275',
    }));
    const { out } = await countersign(['authenticators', 'add-app', 'alice', '--label', 'Work phone']);
    expect(inputsOf('authenticator.enrol')).toEqual([{ userId: USER_ID, type: 'app', label: 'Work phone' }]);
    for (const shown of [link, '492 039 118', AT, 'on the phone']) expect(out).toContain(shown);
    expect(out).toMatch(/[▀▄█]{5}/);
    const { json } = await countersign('authenticators add-app alice --json');
    expect(json()).toMatchObject({ uri: link, activationCode: '492039118275' });
  });

  test('confirm takes the code as an argument, from the person, or from standard input', async () => {
    await server.on(authenticatorConfirm, ({ authenticatorId }) => ({ authenticatorId, state: 'active' as const }));
    await countersign(['authenticators', 'confirm', 'alice', 'totp', '492 039']);
    await countersign('authenticators confirm alice phone', { answers: ['492040'] });
    await countersign(`authenticators confirm alice ${TOTP_ID.slice(0, 8)}`, { input: '492041\n' });
    expect(inputsOf('authenticator.confirm')).toEqual([
      { userId: USER_ID, authenticatorId: TOTP_ID, code: '492039' },
      { userId: USER_ID, authenticatorId: PHONE_ID, code: '492040' },
      { userId: USER_ID, authenticatorId: TOTP_ID, code: '492041' },
    ]);
    expect((await countersign('authenticators confirm alice totp')).code).toBe(EXIT.usage.code);
    expect((await countersign('authenticators confirm alice 12345678 1')).code).toBe(EXIT.notFound.code);
  });

  test('an exit code of its own for a wrong code', async () => {
    await server.on(authenticatorConfirm, () => Promise.reject(new MfaError('CODE_REJECTED')));
    const { code, error } = await countersign('authenticators confirm alice totp 000000 --json');
    expect([code, error()['code']]).toEqual([EXIT.rejected.code, 'CODE_REJECTED']);
  });
});

describe('applications', () => {
  test('create shows the key once; certificates may be files', async () => {
    await server.on(applicationCreate, () => ({ applicationId: OTHER_ID, keyId: 'k1', apiKey: 'csk_k1_secret' }));
    const fingerprint = 'AB:'.repeat(31) + 'AB';
    const { out } = await countersign(
      `applications create Portal --scope challenge --scope user.read --certificate ${fingerprint}`,
    );
    expect(out).toContain('csk_k1_secret');
    expect(inputsOf('application.create')).toEqual([
      { name: 'Portal', scopes: ['challenge', 'user.read'], certificates: ['ab'.repeat(32)] },
    ]);
    expect((await countersign('applications create Portal --scope everything')).code).toBe(EXIT.usage.code);
    expect((await countersign('applications create Portal --scope challenge --certificate none.pem')).code).toBe(
      EXIT.usage.code,
    );
  });

  test('rotate says how long the older keys live', async () => {
    await server.on(applicationRotate, ({ applicationId }) => ({
      applicationId,
      keyId: 'k2',
      apiKey: 'csk_k2_secret',
    }));
    expect((await countersign('applications rotate intranet --overlap 12h')).out).toContain('another 12 h');
    expect((await countersign('applications rotate Intranet')).out).toContain('another 7 d');
    expect(inputsOf('application.rotate')).toEqual([
      { applicationId: OTHER_ID, overlapSeconds: 43_200 },
      { applicationId: OTHER_ID, overlapSeconds: 604_800 },
    ]);
  });

  test('list', async () => {
    expect((await countersign('applications list --json')).json()).toEqual({ applications: [intranet] });
    expect((await countersign('applications list')).out).toMatch(/^NAME +SCOPES +KEYS .*\nIntranet +challenge +k1 /);
  });
});

describe('directories', () => {
  const settings = {
    kind: 'active-directory' as const,
    urls: ['ldaps://dc1.example.com'],
    baseDn: 'DC=example,DC=com',
    bindDn: 'CN=countersign,DC=example,DC=com',
    netbiosNames: ['EXAMPLE'],
    suffixes: ['example.com'],
  };
  const { bindDn: _, ...withoutAccount } = settings;
  const hospital: DirectoryView = {
    directoryId: OTHER_ID,
    name: 'Hospital AD',
    version: 4,
    settings,
    hasPassword: true,
    updatedAt: AT,
  };
  const file = join(folder, 'settings.json');
  const authorities = join(folder, 'ca.pem');
  const create = ['directories', 'create', 'Hospital AD', '--file', file];
  const update = ['directories', 'update', 'hospital ad'];

  beforeEach(async () => {
    writeFileSync(file, JSON.stringify(settings));
    writeFileSync(authorities, 'PEM');
    await server.on(directoryFind, () => ({ directories: [hospital] }));
    await server.on(directoryCreate, () => hospital);
    await server.on(directoryUpdate, () => ({ ...hospital, version: 5 }));
    await server.on(directoryDelete, ({ directoryId }) => ({ directoryId }));
  });

  test('create asks for the password of the service account, unseen, or reads it; it is shown nowhere (R24)', async () => {
    const asked = await countersign([...create, '--authorities', authorities], { answers: ['hunter 2'] });
    expect(asked.code).toBe(0);
    expect([asked.asked, asked.hidden]).toEqual([[], ['Password of the service account: ']]);
    const read = await countersign([...create, '--json'], { input: 'from a file \r\n' });
    expect(inputsOf('directory.create')).toEqual([
      { name: 'Hospital AD', settings: { ...settings, authorities: 'PEM' }, bindPassword: 'hunter 2' },
      { name: 'Hospital AD', settings, bindPassword: 'from a file ' },
    ]);
    for (const { out, err } of [asked, read]) expect(out + err).not.toMatch(/hunter|from a file/);
  });

  test('create without a service account asks for no password', async () => {
    writeFileSync(file, JSON.stringify(withoutAccount));
    expect((await countersign(create)).code).toBe(0);
    expect(inputsOf('directory.create')).toEqual([{ name: 'Hospital AD', settings: withoutAccount }]);
  });

  test('without a password, or with a file that is none or holds one, nothing is asked of the server', async () => {
    expect((await countersign(create, { input: '\n' })).code).toBe(EXIT.usage.code);
    expect((await countersign(create, { answers: [''] })).code).toBe(EXIT.usage.code);
    for (const [text, code] of [
      ['{', EXIT.rejected.code],
      ['[]', EXIT.rejected.code],
      [JSON.stringify({ ...settings, bindPassword: 'hunter 2' }), EXIT.rejected.code],
    ] as const) {
      writeFileSync(file, text);
      const { code: was, err } = await countersign(create, { input: 'x' });
      expect([was, err.includes('hunter')], text).toEqual([code, false]);
    }
    expect((await countersign(['directories', 'create', 'X', '--file', join(folder, 'none.json')])).code).toBe(
      EXIT.usage.code,
    );
    expect(inputsOf('directory.create')).toEqual([]);
  });

  test('update makes its change from the version that it read, and only what was given', async () => {
    await countersign([...update, '--name', 'AD']);
    await countersign([...update, '--file', file]);
    await countersign([...update, '--password'], { input: 'new\n' });
    const from = { directoryId: OTHER_ID, expectedVersion: 4 };
    expect(inputsOf('directory.update')).toEqual([
      { ...from, name: 'AD' },
      { ...from, settings },
      { ...from, bindPassword: 'new' },
    ]);
    for (const words of [[], ['--authorities', authorities]]) {
      expect((await countersign([...update, ...words])).code).toBe(EXIT.usage.code);
    }
  });

  test('list, and a name that none has', async () => {
    expect((await countersign('directories list')).out).toMatch(
      /Hospital AD +active-directory +ldaps:\/\/dc1\.example\.com +CN=countersign,DC=example,DC=com +4 /,
    );
    const { code, error } = await countersign('directories check nowhere --json');
    expect([code, error()['code']]).toEqual([EXIT.notFound.code, 'DIRECTORY_NOT_FOUND']);
  });

  test('delete asks first', async () => {
    expect((await countersign(['directories', 'delete', OTHER_ID])).code).toBe(EXIT.notConfirmed.code);
    expect((await countersign(['directories', 'delete', OTHER_ID], { answers: ['y'] })).code).toBe(0);
    expect(inputsOf('directory.delete')).toEqual([{ directoryId: OTHER_ID }]);
  });

  test('check shows each server and what is said of a name; the exit code says whether all is well', async () => {
    const dc1 = { url: 'ldaps://dc1.example.com', ok: true, ms: 12 };
    const dc2 = { url: 'ldaps://dc2.example.com', ok: false, ms: 3000, problem: 'it did not answer\u001b[2J' };
    const person = { dn: 'CN=Alice', names: ['alice'], phones: ['+371 ••• ••12'], status: 'locked' as const };
    await server.on(directoryCheck, ({ username }) =>
      username === undefined ? { servers: [dc1] } : { servers: [dc1, dc2], ...(username === 'alice' && { person }) },
    );
    const well = await countersign(['directories', 'check', 'Hospital AD']);
    expect([well.code, well.out]).toEqual([0, expect.stringMatching(/ok +ldaps:\/\/dc1\.example\.com +12 ms/)]);
    const ill = await countersign(['directories', 'check', 'Hospital AD', 'alice']);
    expect(ill.code).toBe(EXIT.checkFailed.code);
    expect(ill.out).toMatch(/fail +ldaps:\/\/dc2\.example\.com +3000 ms +it did not answer/);
    expect(ill.out).toMatch(/Status +locked\nUser +none yet/);
    expect(ill.out).not.toContain('\u001b');
    expect((await countersign(['directories', 'check', 'Hospital AD', 'bob'])).out).toContain('knows nobody');
  });
});

describe('policy', () => {
  let stored: { scope: string; version: number; document: unknown };
  let interfere: boolean;

  beforeEach(async () => {
    stored = { scope: 'global', version: 3, document: { code: { lifeSeconds: 120 } } };
    interfere = false;
    await server.on(policyGet, ({ scope }) => ({ ...stored, scope }));
    await server.on(policySet, ({ scope, expectedVersion, document }) => {
      if (interfere) stored = { ...stored, version: stored.version + 1 };
      if (expectedVersion !== stored.version) throw new MfaError('POLICY_CONFLICT');
      stored = { scope, version: expectedVersion + 1, document };
      return { scope, version: stored.version };
    });
    await server.on(policyExplain, () => ({
      values: [
        { path: 'code.digits', value: 6, origin: 'default' },
        { path: 'code.lifeSeconds', value: 120, origin: 'global v3' },
        { path: 'codes.x', value: 1, origin: 'default' },
      ],
    }));
  });

  test('set changes one value and leaves the others', async () => {
    const { json } = await countersign('policy set code.digits 8 --json');
    expect(json()).toEqual({ scope: 'global', version: 4, path: 'code.digits', value: 8 });
    expect(stored.document).toEqual({ code: { lifeSeconds: 120, digits: 8 } });
    await countersign('policy unset code.lifeSeconds --application Intranet');
    expect(stored).toEqual({ scope: OTHER_ID, version: 5, document: { code: { digits: 8 } } });
  });

  test('a value that does not fit, or a path that is none, never reaches the server', async () => {
    expect((await countersign('policy set code.digits 5')).code).toBe(EXIT.rejected.code);
    expect((await countersign('policy set code.digit 8')).code).toBe(EXIT.usage.code);
    expect(server.asked).toEqual([]);
  });

  test('who comes second is told, and changes nothing', async () => {
    interfere = true;
    const { code, error } = await countersign('policy set code.digits 8 --json');
    expect([code, error()['code']]).toEqual([EXIT.conflict.code, 'POLICY_CONFLICT']);
    expect(stored.document).toEqual({ code: { lifeSeconds: 120 } });
  });

  test('a change whose answer was lost is recognised as our own', async () => {
    await server.stop();
    server = await standIn(nats.url);
    await server.on(policyGet, () => stored);
    await server.on(policySet, ({ expectedVersion, document }) => {
      stored = { scope: 'global', version: expectedVersion + 1, document };
      throw new MfaError('POLICY_CONFLICT');
    });
    const { json } = await countersign('policy set code.digits 8 --json');
    expect(json()).toMatchObject({ version: 4, value: 8 });
  });

  test('show and explain', async () => {
    expect((await countersign('policy show --json')).json()).toEqual(stored);
    expect((await countersign('policy show')).out).toContain('code.lifeSeconds  120');
    const { out } = await countersign('policy explain code');
    expect(out).toMatch(/code\.lifeSeconds +120 +global v3/);
    expect(out).not.toContain('codes.x');
  });

  test('apply shows what changes, asks, and refuses a file made from another version', async () => {
    const file = join(folder, 'policy.json');
    writeFileSync(file, JSON.stringify({ ...stored, document: { code: { digits: 8 } } }));
    const { asked, code } = await countersign(`policy apply ${file}`, { answers: ['y'] });
    expect(code).toBe(0);
    expect(asked[0]).toContain('code.lifeSeconds: 120 becomes inherited');
    expect(asked[0]).toContain('code.digits: inherited becomes 8');
    expect(stored).toMatchObject({ version: 4, document: { code: { digits: 8 } } });
    expect((await countersign(`policy apply ${file} --yes`)).code).toBe(EXIT.conflict.code);
    expect((await countersign('policy apply - --yes', { input: '{"code":{"digits":7}}' })).code).toBe(0);
    expect(stored).toMatchObject({ version: 5, document: { code: { digits: 7 } } });
  });

  test('edit stores what the editor left', async () => {
    const edited = (text: string) => text.replace('120', '90');
    const { code } = await countersign('policy edit', { answers: ['y'], edited });
    expect([code, stored.document]).toEqual([0, { code: { lifeSeconds: 90 } }]);
    expect((await countersign('policy edit', { answers: ['y'] })).out).toContain('Nothing changes');
    expect((await countersign('policy edit', { edited })).code).toBe(EXIT.notConfirmed.code);
  });
});

describe('keys', () => {
  test('list shows those that phones trust, and trusted before', async () => {
    const key = { kid: 'wo_DlRnIs9pxIWeTFa39g1suiTVLtxm6VKSyppoIpAY', keySet: 1, signsFrom: AT, trusted: false };
    await server.on(keysPhones, () => ({ keys: [key, { ...key, kid: 'newer', keySet: 2, trusted: true }] }));
    const { out } = await countersign('keys list --of phones');
    expect(out).toMatch(/wo_\S+ +1 +2026-11-23T09:30:00\.000Z +replaced\n/);
    expect(out).toMatch(/newer +2 +2026-11-23T09:30:00\.000Z +trusted\n/);
  });

  test('rewrap goes on until nothing remains, and stops when nothing moves', async () => {
    let remaining = 250;
    await server.on(keysRewrap, () => {
      const rewrapped = Math.min(100, remaining);
      remaining -= rewrapped;
      return { rewrapped, remaining };
    });
    expect((await countersign('keys rewrap --json')).json()).toEqual({ rewrapped: 250, remaining: 0 });
    await server.stop();
    server = await standIn(nats.url);
    await server.on(keysRewrap, () => ({ rewrapped: 0, remaining: 2 }));
    expect((await countersign('keys rewrap')).code).toBe(EXIT.conflict.code);
  });
});

describe('audit', () => {
  interface Row {
    at: string;
    type: string;
    attemptId: string;
    detail: unknown;
    userId?: string;
  }
  let events: Row[];
  const event = (second: number, type = 'user.blocked', detail: unknown = {}): Row => ({
    at: new Date(Date.UTC(2026, 10, 23, 9, 0, second)).toISOString(),
    type,
    attemptId: `a${second}`,
    detail,
    userId: USER_ID,
  });

  beforeEach(async () => {
    events = [event(1), event(2), event(3)];
    await server.on(auditFind, ({ limit = 50, after = '0', userId, type }) => {
      const all = events
        .filter(
          (each) => (userId === undefined || each.userId === userId) && (type === undefined || each.type === type),
        )
        .toSorted((a, b) => b.at.localeCompare(a.at));
      const from = Number(after);
      const next = from + limit;
      return { events: all.slice(from, next), ...(next < all.length && { next: String(next) }) };
    });
  });

  test('the newest, oldest of them first, chosen by user and type', async () => {
    const { json } = await countersign('audit tail --limit 2 --json');
    expect((json()['events'] as Row[]).map(({ attemptId }) => attemptId)).toEqual(['a2', 'a3']);
    await countersign('audit tail --user alice --type user.blocked');
    expect(inputsOf('audit.find').at(-1)).toEqual({ limit: 20, userId: USER_ID, type: 'user.blocked' });
    await countersign(`audit tail --user ${OTHER_ID}`);
    expect(inputsOf('audit.find').at(-1)).toEqual({ limit: 20, userId: OTHER_ID });
    expect((await countersign('audit tail --user nobody')).code).toBe(EXIT.notFound.code);
  });

  test('follow prints each event once, as JSON lines, also those that come late and in number', async () => {
    const ended = new AbortController();
    const following = countersign('audit tail -f --limit 1 --json', { signal: ended.signal });
    await expect.poll(() => inputsOf('audit.find').length, { timeout: 5000 }).toBeGreaterThan(1);
    events.push(event(5), event(4));
    await expect.poll(() => inputsOf('audit.find').length, { timeout: 5000 }).toBeGreaterThan(3);
    for (let second = 10; second < 260; second += 1) events.push(event(second));
    await expect.poll(() => inputsOf('audit.find').length, { timeout: 8000 }).toBeGreaterThan(8);
    ended.abort();
    const { out, code } = await following;
    const printed = out
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as Row).attemptId);
    expect(code).toBe(0);
    expect(printed).toEqual(['a3', 'a4', 'a5', ...Array.from({ length: 250 }, (_, n) => `a${n + 10}`)]);
  });

  test('what an event holds cannot paint the screen', async () => {
    events = [event(1, 'challenge.started', { device: '\u001b[2J\u202e' })];
    const { out } = await countersign('audit tail');
    expect(out).not.toMatch(/(?!\n)\p{Cc}|\u202e/u);
    expect(out).toContain(String.raw`\u001b[2J\u202e`);
  });
});

describe('the connection', () => {
  test('a key that is not known', async () => {
    const settings = { adminKey: 'csk_other1_this-is-not-the-right-secret' };
    const { code, err } = await countersign('users show alice', { settings });
    expect(code).toBe(EXIT.credential.code);
    expect(err).not.toContain('this-is-not-the-right-secret');
  });

  test('a key that is no key is not repeated (R24)', async () => {
    const { code, err } = await countersign('users show alice', { settings: { adminKey: 'hunter2' } });
    expect(code).toBe(EXIT.settings.code);
    expect(err).not.toContain('hunter2');
  });

  test('nobody at the address: within seconds, and what to do', async () => {
    const startedAt = performance.now();
    const { code, error } = await countersign('users show alice --json', {
      settings: { servers: ['nats://somebody:hunter2@127.0.0.1:1'] },
    });
    expect([code, error()['code']]).toEqual([EXIT.tryAgain.code, 'NATS_UNREACHABLE']);
    expect(JSON.stringify(error())).not.toContain('hunter2');
    expect(performance.now() - startedAt).toBeLessThan(7000);
  });

  test('each call has an attempt of its own', async () => {
    await countersign('users show alice');
    await countersign('users show alice');
    expect(new Set(server.asked.map(({ attemptId }) => attemptId)).size).toBe(server.asked.length);
  });
});
