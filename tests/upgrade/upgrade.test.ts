import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { callEach, connectBus, credentialFromApiKey, type Bus } from '@countersign/bus';
import { clusterFinalize, clusterStatus } from '@countersign/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadKeyRing } from '../../services/app-server/src/keys/ring.ts';
import { RELEASE } from '../../services/app-server/src/release/release.ts';
import { seedUsers } from '../bench/seed.ts';
import { readHistory } from '../chaos/checker/read-history.ts';
import { Caller } from '../chaos/driver/caller.ts';
import { InboxCodes } from '../chaos/driver/inbox-codes.ts';
import { arrivals, kindFor } from '../chaos/driver/load.ts';
import { Logins, type Person } from '../chaos/driver/logins.ts';
import { seededPerson } from '../chaos/driver/seeded-person.ts';
import { History } from '../chaos/history.ts';
import type { Answer } from '../client.ts';
import { CHECKOUT, startStack, waitUntil, type Replica, type Stack } from '../stack.ts';
import { PREVIOUS, previousRelease } from './previous-release.ts';

const LOGINS_PER_SECOND = 12;
/** Nobody logs in twice: a code is good once. */
const SEEDED = 4000;
/** The rest are for the load. */
const HELD = 100;
/** Between two machines people look, and whoever was refused by the last one has found the others. */
const LOOK_MS = 1500;

let previous: string;
let stack: Stack;
let bus: Bus;
let caller: Caller;
let codes: InboxCodes;
let history: History;
let stopLoad: () => Promise<void>;
/** By their places; each is one process after another. */
let appServers: Replica[];
let gateways: Replica[];
let taken = 0;

beforeAll(async () => {
  previous = await previousRelease();
  stack = await startStack({ checkout: previous });
  appServers = [...stack.appServers];
  gateways = [...stack.gateways];
  const { url, user, password } = stack.natsAdmin;
  bus = await connectBus({ servers: [url], user, password, name: 'tests' });
  await seedUsers(stack.postgres.primary.url, loadKeyRing(stack.keyRing), 0, SEEDED);
  await stack.postgres.caughtUp();

  history = new History(historyFile());
  codes = new InboxCodes(stack.inboxUrl);
  const { apiKey } = stack.application;
  caller = new Caller({
    balancers: gateways.map((gateway) => gateway.url),
    ca: stack.authority.certificatePem,
    apiKey,
    history,
    clock,
  });
  // Nobody sends a code again: what that must not do is tried elsewhere.
  const logins = new Logins({ caller, codes, history, clock, random: () => 0.5 });
  stopLoad = arrivals(LOGINS_PER_SECOND, clock, (number, dueAt) =>
    logins.run(number, kindFor(Math.random()), seededPerson(HELD + number), dueAt),
  );
});
afterAll(async () => {
  await stopLoad?.();
  codes?.close();
  await Promise.all([caller?.close(), bus?.drain()]);
  await stack?.stop();
});

const clock = () => performance.now();
const historyFile = () => join(stack.dir, 'history.jsonl');

/** One machine, as an operations team does it. */
async function replace(replicas: Replica[], place: number, checkout: string): Promise<void> {
  replicas[place] = await replicas[place]!.replaceBy(checkout);
  await sleep(LOOK_MS);
}

interface Held {
  challengeId: string;
  code: string;
  start: { username: string; method: 'sms' };
  idempotencyKey: string;
  by: string;
}

/** A login that somebody has begun and not ended, at a gateway. */
async function begin(gateway: Replica | undefined): Promise<Held> {
  const { username, phone }: Person = seededPerson((taken += 1));
  const start = { username, method: 'sms' } as const;
  const idempotencyKey = randomUUID();
  const started = await stack.client.start(gateway?.url ?? '', start, { idempotencyKey });
  expect(started.status, started.text).toBe(201);
  const { challengeId = '' } = started.body;
  return { challengeId, code: await stack.inbox.code(phone), start, idempotencyKey, by: appServerOf(started) };
}

/** @returns which app-server let them in. */
async function end(gateway: Replica | undefined, { challengeId, code }: Held): Promise<string> {
  const verified = await stack.client.verify(gateway?.url ?? '', challengeId, code);
  expect([verified.status, verified.body.state], verified.text).toEqual([200, 'approved']);
  return appServerOf(verified);
}

function appServerOf({ headers }: Answer): string {
  return String(headers['countersign-replica']).split(', ')[1] ?? '';
}

/** What each app-server says of itself. */
async function running(): Promise<Record<string, { version: string; release: number; settled: number }>> {
  const credential = credentialFromApiKey(stack.adminApiKey);
  if (credential === undefined) throw new Error('not an API key');
  const answers = await callEach(bus, clusterStatus, {}, { attemptId: randomUUID(), credential });
  return Object.fromEntries(
    answers.flatMap((answer) => {
      if ('error' in answer) return [];
      const { version, release = 1, settledRelease: settled = 1 } = answer.output;
      return [[answer.replica, { version, release, settled }]];
    }),
  );
}

const before = { version: PREVIOUS.version, release: PREVIOUS.release, settled: PREVIOUS.release };
const isPrevious = { 'app-server-1': before, 'app-server-2': before };
const isNext = (settled: number) => {
  const next = { version: expect.not.stringMatching(PREVIOUS.version) as string, release: RELEASE, settled };
  return { 'app-server-1': next, 'app-server-2': next };
};

test('while both versions run, each app-server ends what the other began', async () => {
  expect(await running()).toEqual(isPrevious);
  await replace(appServers, 0, CHECKOUT);
  const ways = new Set<string>();
  const wanted = ['app-server-1 → app-server-2', 'app-server-2 → app-server-1'];
  // NATS picks among the two by chance.
  for (let tries = 0; tries < 60 && !wanted.every((way) => ways.has(way)); tries++) {
    const held = await begin(gateways[tries % 2]);
    ways.add(`${held.by} → ${await end(gateways[(tries + 1) % 2], held)}`);
  }
  expect([...ways]).toEqual(expect.arrayContaining(wanted));
  await expect(stack.admin(clusterFinalize, {})).rejects.toMatchObject({ code: 'UPGRADE_UNFINISHED' });
});

test('a login that began on the previous release ends on this one, and its Idempotency-Key finds it again', async () => {
  // Of the two only the older one runs, and the gateways are older as well.
  await appServers[0]!.stop();
  const held = await Promise.all([1, 2, 3].map((place) => begin(gateways[place % 2])));
  await appServers[0]!.start();
  expect(new Set(held.map(({ by }) => by))).toEqual(new Set(['app-server-2']));
  await replace(appServers, 1, CHECKOUT);
  await replace(gateways, 0, CHECKOUT);
  await replace(gateways, 1, CHECKOUT);
  expect(await running()).toEqual(isNext(PREVIOUS.release));
  const [first] = held;
  const again = await stack.client.start(gateways[0]!.url, first?.start, { idempotencyKey: first!.idempotencyKey });
  expect([again.status, again.body.challengeId]).toEqual([201, first!.challengeId]);
  for (const [place, each] of held.entries()) await end(gateways[place % 2], each);
});

test('back again before it is finalized: what began on this release ends on the previous one', async () => {
  const held = await Promise.all([1, 2, 3].map((place) => begin(gateways[place % 2])));
  await replace(gateways, 0, previous);
  await replace(appServers, 0, previous);
  // Of the two only the older one runs.
  await appServers[1]!.stop();
  expect(await running()).toEqual({ 'app-server-1': before });
  for (const each of held) expect(await end(gateways[0], each)).toBe('app-server-1');
  await appServers[1]!.start();
});

test('forward for good: finalized when nobody of the previous release answers any more', async () => {
  await replace(appServers, 0, CHECKOUT);
  await replace(gateways, 0, CHECKOUT);
  expect(await stack.admin(clusterFinalize, {})).toMatchObject({ release: RELEASE });
  await expect.poll(running, { timeout: 10_000 }).toEqual(isNext(RELEASE));
});

test('no login failed meanwhile', async () => {
  await stopLoad();
  await history.close(clock());
  const { begun, logins } = readHistory(readFileSync(historyFile(), 'utf8'));
  expect(logins.filter(({ isIn }) => !isIn)).toEqual([]);
  expect(logins.length, 'each that was begun has ended').toBe(begun.length);
  const kinds = Map.groupBy(logins, ({ kind }) => kind);
  for (const kind of ['totp', 'sms', 'wait'] as const) expect(kinds.get(kind)?.length).toBeGreaterThan(20);
});

test('once a later release was finalized this one leaves its work, lets nobody in, and does not start again', async () => {
  const held = await begin(gateways[0]);
  await stack.sql('update ledger_layout set release = $1', [RELEASE + 1]);
  for (const { url } of appServers) {
    await waitUntil(async () => (await fetch(`${url}/health/ready`)).status === 503, {
      what: 'it to be out of balancing',
      timeoutMs: 10_000,
    });
  }
  // They leave the queue when they look next, ten times a second.
  await sleep(500);
  const { status, body } = await stack.client.verify(gateways[0]!.url, held.challengeId, held.code);
  expect([status, body.code]).toEqual([503, 'UNAVAILABLE']);
  const [first] = appServers;
  await expect(first?.restart()).rejects.toThrow(`was finalized on release ${RELEASE + 1}`);
});
