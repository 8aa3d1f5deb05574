import { randomBytes } from 'node:crypto';
import { NOBODY } from '@countersign/contracts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requestOf, startHouse, type House, type Replica } from '../testing/house.ts';
import { block } from '../user/block.ts';
import { create } from '../user/create.ts';
import { drop } from './drop.ts';
import { keep } from './keep.ts';
import { list } from './list.ts';
import { load } from './load.ts';
import { natsSessions } from './sessions.ts';
import { ensureSessionStreams } from './stream.ts';

let house: House;
let a: Desk;
let b: Desk;
type Desk = ReturnType<typeof desk>;
const desk = (replica: Replica) => ({
  ...replica,
  sessions: natsSessions(replica.manager, replica.jetstream, replica.now),
  trail: { record: async () => undefined },
});

beforeAll(async () => {
  house = await startHouse('kept');
  [a, b] = [desk(await house.replica('a')), desk(await house.replica('b'))];
  await ensureSessionStreams(a.manager, 1);
});
afterAll(() => house.stop());

const hash = () => randomBytes(32).toString('base64url');
const request = requestOf({ scopes: ['portal'] });
let people = 0;
async function someone() {
  people += 1;
  const { userId } = await create(a, { username: `person-${people}` }, requestOf());
  const at = a.now();
  const facts = {
    sessionId: 's',
    userId,
    level: 'full',
    amr: ['pwd', 'otp'],
    confirmedAt: at,
    issuedAt: at,
    endsAt: at + 60_000,
  } as const;
  return { userId, access: await a.evidence.issueAccess(facts, request.application) };
}

describe.each(['a person', NOBODY])('a session of %s', (whose) => {
  const placeOf = async () => ({ owner: whose === NOBODY ? NOBODY : (await someone()).userId, hash: hash() });

  test('is found on another replica as it was written last, until it is dropped', async () => {
    const place = await placeOf();
    const { sequence = 0 } = await keep(a, { place, kept: 'one', expected: 0 }, request);
    expect(await load(b, { place }, request)).toEqual({ session: { hash: place.hash, kept: 'one', sequence } });
    const { sequence: next = 0 } = await keep(b, { place, kept: 'two', expected: sequence }, request);
    expect((await load(a, { place }, request)).session).toMatchObject({ kept: 'two', sequence: next });
    await drop(b, { place }, request);
    expect(await load(a, { place }, request)).toEqual({});
    // Whoever read it before it was dropped does not bring it back.
    expect(await keep(a, { place, kept: 'three', expected: next }, request)).toEqual({});
  });

  test('of 20 who write at once on two replicas one is first; what was asked for twice is there once', async () => {
    const place = await placeOf();
    const { sequence = 0 } = await keep(a, { place, kept: 'begun', expected: 0 }, request);
    const writers = Array.from({ length: 20 }, (_, n) =>
      keep(n % 2 === 0 ? a : b, { place, kept: `by ${n}`, expected: sequence }, request),
    );
    const first = (await Promise.all(writers)).flatMap((written, n) => (written.sequence === undefined ? [] : [n]));
    expect(first).toHaveLength(1);
    const kept = `by ${first[0]}`;
    const { session } = await load(b, { place }, request);
    expect(session?.kept).toBe(kept);
    expect(await keep(b, { place, kept, expected: sequence }, request)).toEqual({ sequence: session?.sequence });
  });
});

test('APP-07: a portal sees the sessions of whoever is signed in at it, and of nobody else', async () => {
  const [alice, bob] = [await someone(), await someone()];
  for (const { userId } of [alice, alice, bob]) {
    await keep(a, { place: { owner: userId, hash: hash() }, kept: `of ${userId}`, expected: 0 }, request);
  }
  const { sessions } = await list(b, { access: alice.access }, request);
  expect(sessions.map(({ kept }) => kept)).toEqual([`of ${alice.userId}`, `of ${alice.userId}`]);
  await expect(list(b, { access: alice.access }, requestOf({ scopes: ['portal'] }))).rejects.toMatchObject({
    code: 'SIGN_IN_NEEDED',
  });
  await block(a, { userId: alice.userId, reason: 'left' }, requestOf());
  await expect(list(b, { access: alice.access }, request)).rejects.toMatchObject({ code: 'SIGN_IN_NEEDED' });
});

test('all of a person end at once, and nobody else’s', async () => {
  const [alice, bob] = [await someone(), await someone()];
  const places = [alice, alice, bob].map(({ userId }) => ({ owner: userId, hash: hash() }));
  for (const place of places) await keep(a, { place, kept: 'kept', expected: 0 }, request);
  expect(await b.sessions.endAll(alice.userId, request.deadline)).toBe(2);
  const found = await Promise.all(
    places.map(async (place) => (await load(a, { place }, request)).session !== undefined),
  );
  expect(found).toEqual([false, false, true]);
});

test('who is on the way in is forgotten in 15 minutes, whoever is in after 12 hours; neither grows without end', async () => {
  const streams = await Promise.all(['SIGN_INS', 'SESSIONS'].map((name) => a.manager.streams.info(name)));
  expect(streams.map(({ config }) => config.max_age / 60e9)).toEqual([15, 720]);
  for (const { config } of streams) {
    expect(config).toMatchObject({
      max_bytes: 256 * 1024 ** 2,
      discard: 'old',
      max_msgs_per_subject: 1,
      allow_direct: false,
    });
  }
});

test('a place that cannot be written is given up at the deadline of whoever asks', async () => {
  const soon = { ...request, deadline: a.now() + 600 };
  const since = performance.now();
  const subjectThatNobodyKeeps = { place: { owner: 'x.y', hash: hash() }, kept: 'x', expected: 0 };
  await expect(keep(a, subjectThatNobodyKeeps, soon)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(performance.now() - since).toBeLessThan(3000);
});
