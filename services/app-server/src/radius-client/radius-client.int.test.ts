import { randomBytes } from 'node:crypto';
import {
  ACCEPT_FORGEABLE,
  DEFAULT_RADIUS_CLIENT,
  MfaError,
  type RadiusClientSettings,
  type RadiusSighting,
} from '@countersign/contracts';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { create as createApplication } from '../application/create.ts';
import { remove as removeApplication } from '../application/delete.ts';
import { rewrap } from '../keys/rewrap.ts';
import type { Router } from '../database/router.ts';
import { loadKeyRing, type KeyRing } from '../keys/ring.ts';
import { set as setPolicy } from '../policy/set.ts';
import { account } from '../radius/account.ts';
import { RadiusClients } from '../radius/clients.ts';
import { list } from '../radius/list.ts';
import { posture } from '../radius/posture.ts';
import { MAX_STRANGERS, report } from '../radius/report.ts';
import { create as createUpstream } from '../radius-upstream/create.ts';
import { remove as removeUpstream } from '../radius-upstream/delete.ts';
import { find as findUpstreams } from '../radius-upstream/find.ts';
import { update as updateUpstream } from '../radius-upstream/update.ts';
import { readUpstreams, upstreamSecretAt } from '../radius-upstream/store.ts';
import { RadiusUpstreams } from '../radius-upstream/upstreams.ts';
import { checkRadiusClients } from '../system/radius-client-checks.ts';
import { requestOf, startHouse, type House, type Replica } from '../testing/house.ts';
import { create } from './create.ts';
import { remove } from './delete.ts';
import { find } from './find.ts';
import { update } from './update.ts';

type Desk = Replica & { radiusClients: RadiusClients; radiusUpstreams: RadiusUpstreams };
let house: House;
let a: Desk;
let b: Desk;
let applicationId: string;
let problems: unknown[];

const upstreamsOf = (router: Router, ring: KeyRing, onProblem: (error: unknown) => void) =>
  new RadiusUpstreams({ router, ring, onProblem, now: () => Date.now(), randomBytes: (size) => randomBytes(size) });
const upstreamSecret = async (upstreamId: string, ring: KeyRing) => {
  const rows = await readUpstreams(a.router, 'primary');
  const row = rows.find(({ upstream_id }) => upstream_id === upstreamId);
  return ring.open(row?.secret_sealed ?? '', upstreamSecretAt(upstreamId)).toString();
};

beforeAll(async () => {
  house = await startHouse('radius-client');
  const desk = async (name: string): Promise<Desk> => {
    const replica = await house.replica(name);
    const { router, ring } = replica;
    const onProblem = (error: unknown) => void problems.push(error);
    return {
      ...replica,
      radiusClients: new RadiusClients(router, ring, onProblem),
      radiusUpstreams: upstreamsOf(router, ring, onProblem),
    };
  };
  [a, b] = [await desk('a'), await desk('b')];
  ({ applicationId } = await createApplication(a, { name: 'VPN', scopes: ['challenge'] }, requestOf()));
});
afterAll(() => house.stop());
beforeEach(async () => {
  problems = [];
  await a.router.write((db) => db.deleteFrom('radius_client').execute());
  await a.router.write((db) => db.deleteFrom('radius_upstream').execute());
  await a.router.write((db) => db.deleteFrom('radius_stranger').execute());
  for (const { radiusClients, radiusUpstreams } of [a, b]) {
    await radiusClients.refresh('primary');
    await radiusUpstreams.refresh('primary');
  }
});

const SECRET = 'of sixteen and more';
const OTHER = 'another one of sixteen and more';

const code = (work: Promise<unknown>) =>
  work.then(
    () => 'none',
    (error: unknown) => (error instanceof MfaError ? error.code : String(error)),
  );
const settings = (changes: Partial<RadiusClientSettings> = {}): RadiusClientSettings => ({
  ...DEFAULT_RADIUS_CLIENT,
  attributes: [],
  groups: [],
  upstreamAttributes: [],
  networks: ['192.0.2.10'],
  applicationId,
  ...changes,
});
const made = (name = 'Gateway', changes: Partial<RadiusClientSettings> = {}) =>
  create(a, { name, settings: settings(changes), secret: SECRET }, requestOf());
const upstreamMade = (name = 'NPS') =>
  createUpstream(
    a,
    {
      name,
      settings: {
        servers: [{ host: 'nps.example.com', port: 1812 }],
        timeoutSeconds: 3,
        tries: 2,
        requireMessageAuthenticator: true,
      },
      secret: SECRET,
    },
    requestOf(),
  );

test('KEY-01, R24: secrets are sealed, and shown by nothing but the answer that makes them', async () => {
  const { client, secret } = await create(a, { name: 'Gateway', settings: settings() }, requestOf());
  expect(secret).toMatch(/^[!-~]{32}$/);
  const { clientId } = client;
  const renewed = await update(a, { clientId, expectedVersion: 1, secret: 'new' }, requestOf());
  expect(renewed.secret).toMatch(/^[!-~]{32}$/);
  expect(renewed.secret).not.toBe(secret);
  const given = await update(a, { clientId, expectedVersion: 2, secret: SECRET }, requestOf());
  expect(given).not.toHaveProperty('secret');
  const { upstreamId } = await upstreamMade();
  await updateUpstream(a, { upstreamId, expectedVersion: 1, secret: OTHER }, requestOf());
  const rows = await a.router.read(
    async (db) => [
      await db.selectFrom('radius_client').selectAll().execute(),
      await db.selectFrom('radius_upstream').selectAll().execute(),
      await db.selectFrom('audit_event').selectAll().where('type', 'like', 'radius%').execute(),
    ],
    { from: 'primary' },
  );
  expect(rows[2]!.length).toBeGreaterThanOrEqual(5);
  const shown = JSON.stringify([await find(a, {}), await findUpstreams(a, {}), await posture(a, {}), given, rows]);
  for (const one of [secret, renewed.secret, SECRET, OTHER]) expect(shown).not.toContain(one);
  expect(a.radiusClients.get(clientId)!.secret.toString()).toBe(SECRET);
  expect(await upstreamSecret(upstreamId, a.ring)).toBe(OTHER);
});

test('KEY-05: secrets are sealed again under the newest key', async () => {
  const [{ client }, { upstreamId }] = [await made(), await upstreamMade()];
  const key = (id: string, byte: number) => `${id}:${Buffer.alloc(32, byte).toString('base64')}`;
  const both = loadKeyRing(`${key('k2', 8)},${key('k1', 7)}`);
  const { remaining } = await rewrap({ router: a.router, ring: both, now: a.now }, {}, requestOf());
  expect(remaining).toBe(0);
  const alone = loadKeyRing(key('k2', 8));
  const [clients, upstreams] = [new RadiusClients(a.router, alone, () => {}), upstreamsOf(a.router, alone, () => {})];
  await clients.refresh('primary');
  await upstreams.refresh('primary');
  expect(clients.get(client.clientId)!.secret.toString()).toBe(SECRET);
  expect(upstreams.unopened()).toEqual([]);
  expect(await upstreamSecret(upstreamId, alone)).toBe(SECRET);
  // Back, for the tests after this one.
  const back = loadKeyRing(`${key('k1', 7)},${key('k2', 8)}`);
  await rewrap({ router: a.router, ring: back, now: a.now }, {}, requestOf());
});

test('INV-17: a secret that was moved to another client in SQL opens nowhere, and holds up nobody else', async () => {
  const [moved, other] = [await made('Moved'), await made('Other', { networks: ['192.0.2.11'] })];
  await a.router.write((db) =>
    sql`update radius_client set secret_sealed = (select secret_sealed from radius_client where name = 'Other')
      where name = 'Moved'`.execute(db),
  );
  await b.radiusClients.refresh('primary');
  expect(b.radiusClients.all().map(({ name }) => name)).toEqual(['Other']);
  expect(b.radiusClients.unopened()).toEqual(['Moved']);
  expect(problems).toHaveLength(1);
  expect(checkRadiusClients(await posture(a, {}), ['Moved'])).toMatchObject([{ name: 'radius.Moved', level: 'fail' }]);
  await update(b, { clientId: moved.client.clientId, expectedVersion: 1, secret: OTHER }, requestOf());
  expect(b.radiusClients.get(moved.client.clientId)!.secret.toString()).toBe(OTHER);
  expect(b.radiusClients.get(other.client.clientId)).toBeDefined();
});

test('a change is made from the version that was read; what a client is known by belongs to one', async () => {
  const certificates = [{ name: 'vpn.example.com' }, { fingerprint: 'ab'.repeat(32) }];
  const { client } = await made('Gateway', { networks: ['2001:db8::/48', '192.0.2.10'], certificates });
  const { clientId } = client;
  const change = (expectedVersion: number, name: string) => update(a, { clientId, expectedVersion, name }, requestOf());
  expect(await code(change(1, 'Tower'))).toBe('none');
  expect(await code(change(1, 'Other'))).toBe('RADIUS_CLIENT_CONFLICT');
  const networks = ['198.51.100.0/24'];
  const taken = [
    ['Tower', { networks }],
    ['Other', { networks: [...networks, '192.0.2.10/32'] }],
    ['Other', { networks: ['2001:DB8:0::/48'] }],
    ['Other', { networks, certificates: [{ name: 'VPN.example.com' }] }],
    ['Other', { networks, certificates: [{ fingerprint: 'ab'.repeat(32) }] }],
  ] as const;
  for (const [name, changes] of taken) {
    expect(await code(made(name, changes as Partial<RadiusClientSettings>))).toBe('RADIUS_CLIENT_EXISTS');
  }
  // A narrower network is another one.
  const narrow = await made('Narrow', { networks: ['2001:db8::1'] });
  const steal = update(
    a,
    { clientId: narrow.client.clientId, expectedVersion: 1, settings: settings({ networks: ['192.0.2.10'] }) },
    requestOf(),
  );
  expect(await code(steal)).toBe('RADIUS_CLIENT_EXISTS');
  // What is given up is free.
  await update(a, { clientId, expectedVersion: 2, settings: settings({ networks: ['192.0.2.11'] }) }, requestOf());
  expect(await code(made('Next', { networks: ['192.0.2.10'], certificates }))).toBe('none');
  const nowhere = { clientId: crypto.randomUUID() };
  expect(await code(update(a, { ...nowhere, expectedVersion: 1, name: 'X' }, requestOf()))).toBe(
    'RADIUS_CLIENT_NOT_FOUND',
  );
  expect(await code(remove(a, nowhere, requestOf()))).toBe('RADIUS_CLIENT_NOT_FOUND');
});

test('R1: of two who claim one network at once, one gets it', async () => {
  const outcomes = await Promise.all(
    [a, b, a, b].map((on, index) =>
      code(create(on, { name: `Gateway ${index}`, settings: settings(), secret: SECRET }, requestOf())),
    ),
  );
  expect(outcomes.toSorted()).toEqual(['RADIUS_CLIENT_EXISTS', 'RADIUS_CLIENT_EXISTS', 'RADIUS_CLIENT_EXISTS', 'none']);
});

test('INV-21: an attempt that is repeated makes one client, and is told the same secret', async () => {
  const request = requestOf();
  const first = await create(a, { name: 'Gateway', settings: settings() }, request);
  const again = await create(b, { name: 'Gateway', settings: settings() }, request);
  expect(again).toEqual(first);
  const { clientId } = first.client;
  const change = requestOf();
  const changed = await update(a, { clientId, expectedVersion: 1, secret: 'new' }, change);
  expect(await update(b, { clientId, expectedVersion: 1, secret: 'new' }, change)).toEqual(changed);
  expect(b.radiusClients.get(clientId)!.secret.toString()).toBe(changed.secret);
});

test('what a client names has to be there, and cannot be deleted under it', async () => {
  const invalid = (work: Promise<unknown>) =>
    work.then(
      () => undefined,
      (error: unknown) => (error as MfaError).invalid?.map(({ pointer }) => pointer),
    );
  const nothing = crypto.randomUUID();
  expect(await invalid(made('X', { applicationId: nothing }))).toEqual(['/settings/applicationId']);
  const firstFactor = { by: 'upstream', upstreamId: nothing } as const;
  expect(await invalid(made('X', { firstFactor }))).toEqual(['/settings/firstFactor/upstreamId']);

  const { applicationId: other } = await createApplication(a, { name: 'Wi-Fi', scopes: ['challenge'] }, requestOf());
  const { upstreamId } = await upstreamMade();
  const { client } = await made('Gateway', { applicationId: other, firstFactor: { by: 'upstream', upstreamId } });
  expect(await code(removeApplication(a, { applicationId: other }, requestOf()))).toBe('APPLICATION_USED');
  expect(await code(removeUpstream(a, { upstreamId }, requestOf()))).toBe('RADIUS_UPSTREAM_USED');
  await remove(a, { clientId: client.clientId }, requestOf());
  expect(a.radiusClients.all()).toEqual([]);
  expect(await code(removeUpstream(a, { upstreamId }, requestOf()))).toBe('none');
  expect(await code(removeApplication(a, { applicationId: other }, requestOf()))).toBe('none');
  expect(await code(removeUpstream(a, { upstreamId }, requestOf()))).toBe('RADIUS_UPSTREAM_NOT_FOUND');
});

test('RAD-64: a policy cannot take the app away from a client from which nothing else can be answered', async () => {
  const { upstreamId } = await upstreamMade();
  const silent = {
    firstFactor: { by: 'upstream', upstreamId },
    passwords: ['mschapv2'],
    allowPlainApproval: true,
  } as const;
  const withoutApp = { methods: { order: ['totp'] } };
  const global = (expectedVersion: number, document: object) =>
    setPolicy(a, { scope: 'global', expectedVersion, document }, requestOf());
  expect(await code(global(0, { methods: { order: ['app', 'totp'] } }))).toBe('none');
  expect(await code(made('Silent', { ...silent, passwords: ['mschapv2'] }))).toBe('none');
  expect(await code(global(1, withoutApp))).toBe('REQUEST_INVALID');
  // The application's own document stands above the global one.
  const own = { scope: applicationId, expectedVersion: 0 };
  expect(await code(setPolicy(a, { ...own, document: withoutApp }, requestOf()))).toBe('REQUEST_INVALID');
  expect(await code(setPolicy(a, { ...own, document: { methods: { order: ['app'] } } }, requestOf()))).toBe('none');
  expect(await code(global(1, withoutApp))).toBe('none');
  await setPolicy(a, { ...own, expectedVersion: 1, document: withoutApp }, requestOf()).catch(() => undefined);
  await a.router.write((db) => db.deleteFrom('radius_client').execute());
  expect(await code(setPolicy(a, { ...own, expectedVersion: 1, document: withoutApp }, requestOf()))).toBe('none');
  expect(await code(made('Silent', { ...silent, passwords: ['mschapv2'] }))).toBe('REQUEST_INVALID');
});

test('radius-servers are told every client, joined with its profile, and nothing twice', async () => {
  const { upstreamId } = await upstreamMade();
  const firstFactor = { by: 'upstream', upstreamId } as const;
  const { client } = await made('Gateway', { profile: 'fortigate', firstFactor, legacyCharset: 'windows-1252' });
  await made('Plain', { networks: ['192.0.2.11'], passwords: ['pap'], timeoutSeconds: 20 });
  const { version, clients } = await list(a, {});
  // What decides a login stays with app-server: a field more here is one that nobody reads.
  expect(clients).toEqual([
    {
      clientId: client.clientId,
      name: 'Gateway',
      networks: ['192.0.2.10'],
      certificates: [],
      secret: SECRET,
      requireMessageAuthenticator: 'yes',
      limitProxyState: true,
      timeoutSeconds: 5,
      tries: 12,
      legacyCharset: 'windows-1252',
      forwards: true,
    },
    expect.objectContaining({ name: 'Plain', timeoutSeconds: 20, tries: 3, forwards: false }),
  ]);
  expect(a.radiusClients.get(client.clientId)!.waitSeconds).toBe(57);
  expect(await list(a, { version })).toEqual({ version });
  await b.radiusClients.refresh('primary');
  expect(b.radiusClients.version()).toBe(version);
  await update(a, { clientId: client.clientId, expectedVersion: 1, secret: OTHER }, requestOf());
  expect((await list(a, { version })).clients).toHaveLength(2);
});

test('while Postgres answers nothing, the clients that were read go on', async () => {
  const { client } = await made();
  await b.radiusClients.refresh('primary');
  await house.whileHung(house.pair.nodes, async () => {
    await expect(b.radiusClients.refresh()).rejects.toThrow(MfaError);
    expect((await list(b, {})).clients).toMatchObject([{ clientId: client.clientId }]);
  });
});

type Counts = Partial<Record<RadiusSighting, number>>;
const seen = (clientId: string, counts: Counts, more: object = {}) => ({
  clients: [{ clientId, counts: counts as Record<RadiusSighting, number>, ...more }],
  strangers: [],
});

test('RAD-32: learnt on one replica, enforced on every other, once and for good, and told to administrators', async () => {
  const auto = { requireMessageAuthenticator: 'auto' } as const;
  const { client } = await made('Gateway', auto);
  const strict = await made('Strict', { networks: ['192.0.2.11'] });
  const { clientId } = client;
  await b.radiusClients.refresh('primary');
  const { version } = await list(b, {});
  await Promise.all([a, b].map((on) => report(on, seen(clientId, { pap: 1 }, { learnt: true }), requestOf())));
  await report(a, seen(strict.client.clientId, { pap: 1 }, { learnt: true }), requestOf());
  for (const { radiusClients } of [a, b]) {
    await radiusClients.refresh('primary');
    expect(radiusClients.get(clientId)!.requireMessageAuthenticator).toBe('yes');
  }
  expect((await list(b, { version })).clients).toMatchObject([{ requireMessageAuthenticator: 'yes' }, {}]);
  const learnt = () =>
    a.router.read(
      (db) => db.selectFrom('audit_event').selectAll().where('type', '=', 'radius-client.learnt').execute(),
      { from: 'primary' },
    );
  expect(await learnt()).toMatchObject([{ actor: 'helpdesk', application_id: applicationId, detail: { clientId } }]);
  const views = (await find(a, {})).clients;
  expect(views.map(({ name, learntAt }) => [name, learntAt !== undefined])).toEqual([
    ['Gateway', true],
    ['Strict', false],
  ]);
  // Other settings leave it as it is; an administrator who says something else begins anew.
  const say = async (
    expectedVersion: number,
    changes: Partial<RadiusClientSettings>,
    confirmation?: typeof ACCEPT_FORGEABLE,
  ) => {
    const input = { clientId, expectedVersion, settings: settings(changes), ...(confirmation && { confirmation }) };
    await update(a, input, requestOf());
    return a.radiusClients.get(clientId)!.requireMessageAuthenticator;
  };
  expect(await say(1, { ...auto, language: 'ru' })).toBe('yes');
  expect(await say(2, { requireMessageAuthenticator: 'no' })).toBe('no');
  expect(await code(say(3, { requireMessageAuthenticator: 'no', limitProxyState: false }))).toBe('REQUEST_INVALID');
  expect(await say(3, { requireMessageAuthenticator: 'no', limitProxyState: false }, ACCEPT_FORGEABLE)).toBe('no');
  expect(await say(4, auto)).toBe('auto');
});

test('a report counts once, adds to what was there, and outlives a client that is gone', async () => {
  const { client } = await made();
  const { clientId } = client;
  const request = requestOf();
  const first = {
    clients: [
      {
        clientId,
        counts: { pap: 2, udp: 2 } as never,
        retransmittedAfterMs: [3000, 3100] as [number, number],
        mostTries: 2,
      },
      { clientId: crypto.randomUUID(), counts: { pap: 9 } as never },
    ],
    strangers: [
      { address: '203.0.113.7', packets: 4 },
      { address: '203.0.113.7', packets: 1 },
    ],
  };
  await Promise.all([report(a, first, request), report(b, first, request)]);
  await report(b, first, request);
  a.advance(60_000);
  await report(a, { ...seen(clientId, { pap: 1, chap: 1 }, { mostTries: 1 }), strangers: [] }, requestOf());
  const { clients, strangers } = await posture(a, {});
  expect(clients).toMatchObject([
    {
      clientId,
      name: 'Gateway',
      profile: 'generic',
      requireMessageAuthenticator: 'yes',
      secretAgeDays: 0,
      waitSeconds: 6,
      counts: { pap: 3, udp: 2, chap: 1 },
      retransmittedAfterMs: [3000, 3100],
      mostTries: 2,
      advice: [],
    },
  ]);
  const { firstSeenAt = '', lastSeenAt = '' } = clients[0]!;
  expect(Date.parse(lastSeenAt) - Date.parse(firstSeenAt)).toBeGreaterThanOrEqual(59_000);
  expect(strangers).toMatchObject([{ address: '203.0.113.7', packets: 5 }]);
  // Another time-out of the product: what was seen before says nothing of it.
  await update(a, { clientId, expectedVersion: 1, settings: settings({ timeoutSeconds: 30 }) }, requestOf());
  expect((await posture(a, {})).clients[0]).not.toHaveProperty('mostTries');
  await remove(a, { clientId }, requestOf());
  await report(a, seen(clientId, { pap: 1 }, { learnt: true }), requestOf());
  expect((await posture(a, {})).clients).toEqual([]);
});

test('R26: whoever invents addresses pushes out the oldest of them, and fills no disk', async () => {
  for (let at = 0; at < MAX_STRANGERS + 200; at += 100) {
    a.advance(1000);
    const strangers = Array.from({ length: 100 }, (_, index) => ({ address: `2001:db8::${at + index}`, packets: 1 }));
    await report(a, { clients: [], strangers }, requestOf());
  }
  const { count } = await a.router.read(
    (db) =>
      db
        .selectFrom('radius_stranger')
        .select((of) => of.fn.countAll<string>().as('count'))
        .executeTakeFirstOrThrow(),
    { from: 'primary' },
  );
  expect(Number(count)).toBe(MAX_STRANGERS);
});

test('a wrong secret is shown to administrators as such', async () => {
  const { client } = await made();
  a.advance(1000);
  await report(a, seen(client.clientId, { 'dropped-message-authenticator-wrong': 3 }), requestOf());
  const found = await posture(a, {});
  expect(found.clients[0]!.advice).toMatchObject([{ code: 'wrong-secret', urgent: true }]);
  expect(checkRadiusClients(found, [])).toMatchObject([
    { name: 'radius.Gateway', level: 'warn', detail: 'wrong-secret' },
  ]);
  a.advance(1000);
  await report(a, seen(client.clientId, { 'message-authenticator': 1 }), requestOf());
  expect(checkRadiusClients(await posture(a, {}), [])).toMatchObject([{ name: 'radius.clients', level: 'ok' }]);
  expect(checkRadiusClients({ clients: [] }, [])).toEqual([]);
});

test('RAD-75: what a client says of sessions is in the audit', async () => {
  const { client } = await made();
  const events: unknown[] = [];
  const trail = { record: (event: unknown) => Promise.resolve(void events.push(event)) };
  const session = {
    status: 'stop',
    sessionId: '7f',
    username: 'alice',
    accessServer: { address: '192.0.2.10' },
  } as const;
  const deps = { ...a, trail, accountingRates: { take: () => undefined } };
  await account(deps, { clientId: client.clientId, ...session, sessionSeconds: 60 }, requestOf());
  expect(events).toMatchObject([
    {
      type: 'radius.accounting',
      applicationId,
      detail: { clientId: client.clientId, client: 'Gateway', ...session, sessionSeconds: 60 },
    },
  ]);
  const stranger = account(deps, { clientId: crypto.randomUUID(), ...session }, requestOf());
  expect(await code(stranger)).toBe('RADIUS_CLIENT_NOT_FOUND');
});

test('an upstream server is changed from the version that was read, and keeps its place in memory otherwise', async () => {
  const { upstreamId, settings: before } = await upstreamMade();
  await upstreamMade('FreeRADIUS');
  const known = a.radiusUpstreams.get(upstreamId);
  await a.radiusUpstreams.refresh('primary');
  expect(a.radiusUpstreams.get(upstreamId)).toBe(known);
  const change = (expectedVersion: number, name: string) =>
    code(updateUpstream(a, { upstreamId, expectedVersion, name }, requestOf()));
  expect(await change(1, 'Two')).toBe('none');
  expect(await change(1, 'Other')).toBe('RADIUS_UPSTREAM_CONFLICT');
  expect(await change(2, 'FreeRADIUS')).toBe('RADIUS_UPSTREAM_EXISTS');
  const servers = [
    { host: 'nps.example.com', port: 1812 },
    { host: 'NPS.example.com', port: 1812 },
  ];
  const twice = updateUpstream(a, { upstreamId, expectedVersion: 2, settings: { ...before, servers } }, requestOf());
  expect(await code(twice)).toBe('REQUEST_INVALID');
  for (const host of ['300.1.1.1', 'http://nps', 'a b']) {
    const odd = { ...before, servers: [{ host, port: 1812 }] };
    expect(await code(updateUpstream(a, { upstreamId, expectedVersion: 2, settings: odd }, requestOf()))).toBe(
      'REQUEST_INVALID',
    );
  }
  expect((await findUpstreams(a, {})).upstreams.map(({ name, version }) => [name, version])).toEqual([
    ['FreeRADIUS', 1],
    ['Two', 2],
  ]);
});
