import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ACCEPT_FORGEABLE,
  applicationFind,
  DEFAULT_RADIUS_CLIENT,
  MfaError,
  radiusClientCreate,
  radiusClientDelete,
  radiusClientFind,
  radiusClientUpdate,
  radiusPosture,
  radiusUpstreamCreate,
  radiusUpstreamDelete,
  radiusUpstreamFind,
  radiusUpstreamUpdate,
  type OutputOf,
  type RadiusClientView,
} from '@countersign/contracts';
import { startNats, type NatsServer } from '@countersign/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { openConnection } from '../connection.ts';
import { EXIT } from '../exit-codes.ts';
import { run } from '../run.ts';
import { ADMIN_KEY, standIn, type StandIn } from '../testing/stand-in.ts';
import { recordedTerminal } from '../testing/terminal.ts';

const ID = '1b4e28ba-2fa1-4d9a-8f1c-0c2d7f3a9e11';
const OTHER_ID = '2b4e28ba-2fa1-4d9a-8f1c-0c2d7f3a9e22';
const AT = '2026-11-23T09:30:00.000Z';
const SECRET = 'aB3-dE6_gH9jK2mN5pQ8sT1vW4yZ7bC0';
const OWN = 'a-secret-of-its-own';
const vpn = {
  applicationId: ID,
  name: 'VPN',
  scopes: ['challenge' as const],
  keys: [],
  certificates: [],
  createdAt: AT,
};
const defaults = {
  ...DEFAULT_RADIUS_CLIENT,
  attributes: [],
  groups: [],
  upstreamAttributes: [...DEFAULT_RADIUS_CLIENT.upstreamAttributes],
};
const settings = { ...defaults, networks: ['192.0.2.10'], applicationId: ID };
const riga: RadiusClientView = {
  clientId: OTHER_ID,
  name: 'VPN Riga',
  version: 4,
  settings: { ...settings, requireMessageAuthenticator: 'auto', certificates: [{ fingerprint: 'ab'.repeat(32) }] },
  learntAt: AT,
  secretAt: AT,
  updatedAt: AT,
};
const upstreamSettings = {
  servers: [
    { host: 'nps1.example.com', port: 1812 },
    { host: 'nps2.example.com', port: 1812 },
  ],
  timeoutSeconds: 3,
  tries: 2,
  requireMessageAuthenticator: true,
};
const nps = { upstreamId: OTHER_ID, name: 'NPS', version: 2, settings: upstreamSettings, updatedAt: AT };

const folder = mkdtempSync(join(tmpdir(), 'cli-radius-'));
const file = join(folder, 'settings.json');
let nats: NatsServer;
let server: StandIn;

beforeAll(async () => {
  nats = await startNats({ storeDir: folder });
});
beforeEach(async () => {
  server = await standIn(nats.url);
  await server.on(applicationFind, () => ({ applications: [vpn] }));
  await server.on(radiusClientFind, () => ({ clients: [riga] }));
  await server.on(radiusClientDelete, ({ clientId }) => ({ clientId }));
  await server.on(radiusUpstreamFind, () => ({ upstreams: [nps] }));
  await server.on(radiusUpstreamDelete, ({ upstreamId }) => ({ upstreamId }));
});
afterEach(() => server.stop());
afterAll(async () => {
  await nats.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function countersign(words: string[], options: Parameters<typeof recordedTerminal>[0] = {}) {
  const terminal = recordedTerminal(options);
  const code = await run(words, {
    terminal,
    settings: () => ({ servers: [nats.url], adminKey: ADMIN_KEY, source: 'the test' }),
    connect: openConnection,
    now: Date.now,
    signal: new AbortController().signal,
  });
  const { out, err, asked, hidden } = terminal;
  return { code, out, err, asked, hidden };
}

const inputsOf = (operation: string) =>
  server.asked.filter((each) => each.operation === operation).map(({ input }) => input);
const create = ['radius-clients', 'create', 'VPN Riga', '--file', file];
const update = ['radius-clients', 'update', 'vpn riga'];

test('a client is made of a file over the defaults; a secret that was made is shown once, one of its own never (R24)', async () => {
  await server.on(radiusClientCreate, ({ secret }) => ({
    client: riga,
    ...(secret === undefined && { secret: SECRET }),
  }));
  writeFileSync(file, JSON.stringify({ networks: ['192.0.2.10'] }));
  const made = await countersign([...create, '--application', 'vpn']);
  expect([made.code, made.err]).toEqual([0, '']);
  expect(made.out.split(SECRET)).toHaveLength(2);
  const own = await countersign([...create, '--application', 'vpn', '--secret'], { answers: [OWN] });
  expect(own.hidden).toEqual(['Shared secret, 16 to 128 characters: ']);
  const read = await countersign([...create, '--application', 'vpn', '--secret'], { input: `${OWN}\n` });
  for (const { out, err } of [own, read]) expect(out + err).not.toMatch(/of-its-own|Secret/);
  expect(inputsOf('radius-client.create')).toEqual([
    { name: 'VPN Riga', settings },
    { name: 'VPN Riga', settings, secret: OWN },
    { name: 'VPN Riga', settings, secret: OWN },
  ]);
});

test('without an application, or with a file that holds a secret, nothing is asked of the server', async () => {
  writeFileSync(file, JSON.stringify({ networks: ['192.0.2.10'] }));
  expect((await countersign(create)).code).toBe(EXIT.usage.code);
  writeFileSync(file, JSON.stringify({ networks: [], secret: OWN }));
  const { code, err } = await countersign([...create, '--application', 'vpn']);
  expect([code, err.includes(OWN)]).toEqual([EXIT.rejected.code, false]);
  writeFileSync(file, JSON.stringify(upstreamSettings));
  const without = await countersign(['radius-upstreams', 'create', 'NPS', '--file', file], { input: '\n' });
  expect(without.code).toBe(EXIT.usage.code);
  expect(server.asked.filter(({ operation }) => operation.endsWith('.create'))).toEqual([]);
});

test('RAD-33: what can be forged is taken with the sentence typed, and with nothing else', async () => {
  await server.on(radiusClientCreate, ({ confirmation }) => {
    if (confirmation === ACCEPT_FORGEABLE) return { client: riga };
    const invalid = [{ pointer: '/confirmation', message: `type: ${ACCEPT_FORGEABLE}` }];
    throw new MfaError('REQUEST_INVALID', { invalid });
  });
  writeFileSync(file, JSON.stringify({ ...settings, requireMessageAuthenticator: 'no', limitProxyState: false }));
  const typed = await countersign(create, { answers: [ACCEPT_FORGEABLE] });
  expect([typed.code, typed.asked]).toEqual([0, [expect.stringContaining(ACCEPT_FORGEABLE)]]);
  expect((await countersign(create, { answers: ['yes'] })).code).toBe(EXIT.notConfirmed.code);
  expect((await countersign([...create, '--yes'])).code).toBe(EXIT.notConfirmed.code);
  expect((await countersign([...create, '--accept', 'yes'])).code).toBe(EXIT.usage.code);
  expect((await countersign([...create, '--accept', ACCEPT_FORGEABLE])).code).toBe(0);
});

test('a client is changed from the version that was read, and only what was given', async () => {
  await server.on(radiusClientUpdate, ({ secret }) => ({
    client: { ...riga, version: 5 },
    ...(secret === 'new' && { secret: SECRET }),
  }));
  writeFileSync(file, JSON.stringify({ networks: ['192.0.2.11'] }));
  await countersign([...update, '--name', 'VPN']);
  await countersign([...update, '--file', file]);
  await countersign([...update, '--application', 'vpn']);
  const renewed = await countersign([...update, '--new-secret']);
  expect(renewed.out).toContain(SECRET);
  await countersign([...update, '--secret'], { input: `${OWN}\n` });
  const from = { clientId: OTHER_ID, expectedVersion: 4 };
  expect(inputsOf('radius-client.update')).toEqual([
    { ...from, name: 'VPN' },
    { ...from, settings: { ...settings, networks: ['192.0.2.11'] } },
    { ...from, settings: riga.settings },
    { ...from, secret: 'new' },
    { ...from, secret: OWN },
  ]);
  for (const words of [[], ['--new-secret', '--secret']])
    expect((await countersign([...update, ...words])).code).toBe(EXIT.usage.code);
});

test('clients are listed, shown and deleted by name', async () => {
  expect((await countersign(['radius-clients', 'list'])).out).toMatch(
    /VPN Riga +generic +192\.0\.2\.10, abababababab… +VPN +yes \(learnt\) +4 /,
  );
  const shown = await countersign(['radius-clients', 'show', 'vpn riga']);
  expect(shown.out).toMatch(/Message-Authenticator +yes \(learnt\)/);
  expect(JSON.parse(shown.out.slice(shown.out.indexOf('{')))).toEqual(riga.settings);
  expect((await countersign(['radius-clients', 'show', 'nobody'])).code).toBe(EXIT.notFound.code);
  const away = ['radius-clients', 'delete', 'VPN Riga'];
  expect((await countersign(away)).code).toBe(EXIT.notConfirmed.code);
  expect((await countersign(away, { answers: ['y'] })).code).toBe(0);
  expect(inputsOf('radius-client.delete')).toEqual([{ clientId: OTHER_ID }]);
});

test('upstream servers likewise; their secret is always asked for, unseen', async () => {
  await server.on(radiusUpstreamCreate, () => nps);
  await server.on(radiusUpstreamUpdate, () => ({ ...nps, version: 3 }));
  writeFileSync(file, JSON.stringify(upstreamSettings));
  const made = await countersign(['radius-upstreams', 'create', 'NPS', '--file', file], { answers: [OWN] });
  expect([made.code, made.hidden.length, `${made.out}${made.err}`.includes(OWN)]).toEqual([0, 1, false]);
  await countersign(['radius-upstreams', 'update', 'nps', '--secret'], { input: `${OWN}\n` });
  await countersign(['radius-upstreams', 'update', 'nps', '--file', file, '--name', 'NPS 2']);
  expect(inputsOf('radius-upstream.create')).toEqual([{ name: 'NPS', settings: upstreamSettings, secret: OWN }]);
  const from = { upstreamId: OTHER_ID, expectedVersion: 2 };
  expect(inputsOf('radius-upstream.update')).toEqual([
    { ...from, secret: OWN },
    { ...from, settings: upstreamSettings, name: 'NPS 2' },
  ]);
  expect((await countersign(['radius-upstreams', 'update', 'nps'])).code).toBe(EXIT.usage.code);
  expect((await countersign(['radius-upstreams', 'list'])).out).toMatch(
    /NPS +nps1\.example\.com:1812, nps2\.example\.com:1812 +2 × 3 s +required +2 /,
  );
  expect((await countersign(['radius-upstreams', 'delete', 'NPS', '--yes'])).code).toBe(0);
  expect((await countersign(['radius-upstreams', 'delete', 'X', '--yes'])).code).toBe(EXIT.notFound.code);
});

test('posture shows what was seen and what to do; its exit code says whether something is urgent', async () => {
  const urgent = { code: 'wrong-secret' as const, urgent: true, sentence: 'Type it again.\u001b[2J' };
  const calm = { code: 'old-secret' as const, urgent: false, sentence: 'Its secret is 400 days old.' };
  const client: OutputOf<typeof radiusPosture>['clients'][number] = {
    clientId: OTHER_ID,
    name: 'VPN Riga',
    profile: 'fortigate',
    requireMessageAuthenticator: 'yes',
    learntAt: AT,
    secretAgeDays: 400,
    waitSeconds: 57,
    firstSeenAt: AT,
    lastSeenAt: AT,
    counts: {
      pap: 7,
      mschapv2: 1,
      'message-authenticator': 6,
      'no-message-authenticator': 2,
      'dropped-malformed': 1,
      'dropped-message-authenticator-wrong': 2,
    },
    retransmittedAfterMs: [4900, 5100],
    mostTries: 3,
    advice: [urgent, calm],
  };
  const strangers = [{ address: '203.0.113.7', packets: 5, firstSeenAt: AT, lastSeenAt: AT }];
  let advice = [urgent, calm];
  await server.on(radiusPosture, () => ({ clients: [{ ...client, advice }], strangers }));
  const ill = await countersign(['radius', 'posture']);
  expect(ill.code).toBe(EXIT.checkFailed.code);
  expect(ill.out).toMatch(
    /VPN Riga +fortigate +6 of 8 +yes \(learnt\) +PAP, MS-CHAPv2 +3 +4\.9 to 5\.1 s, 3 times at most +57 s +400 d +2026-11-23 09:30\n/,
  );
  expect(ill.out).toContain('! VPN Riga: wrong-secret. Type it again.');
  expect(ill.out).toContain('  VPN Riga: old-secret. Its secret is 400 days old.');
  expect(ill.out).toMatch(/203\.0\.113\.7 +5 /);
  expect(ill.out).not.toContain('\u001b');
  advice = [calm];
  expect((await countersign(['radius', 'posture', '--json'])).code).toBe(0);
});
