import { expect, test } from 'vitest';
import { SealBroken } from '../keys/ring.ts';
import { checkCarriers, type CarrierView } from './carrier-checks.ts';
import { checkNatsClock } from './clock-checks.ts';
import { checkDirectories, checkDirectory } from './directory-checks.ts';
import { checkRing, checkSigningKey } from './key-checks.ts';
import { RELEASE } from '../release/release.ts';
import { checkMetadata, checkPasskeys } from './passkey-checks.ts';
import { checkPhones } from './phone-checks.ts';
import { checkContinuity, checkProjection } from './ledger-checks.ts';
import { checkRelease } from './release-checks.ts';

const NOW = Date.UTC(2026, 10, 23, 12);
const DAY_MS = 86_400_000;

/** Read and believed. */
const METADATA = { number: 7, nextUpdate: '2026-12-01', models: new Map() };

test.each([
  [0, 'ok'],
  [-1999, 'ok'],
  [2001, 'warn'],
  [-10_000, 'warn'],
  [10_001, 'fail'],
])('HA-50: a clock of NATS %i ms from ours is %s', (skewMs, level) => {
  expect(checkNatsClock(skewMs).level).toBe(level);
});

test.each([
  [RELEASE - 1, 'warn'],
  [RELEASE, 'ok'],
  [RELEASE + 1, 'fail'],
])('an installation that is on release %i', (settled, level) => {
  expect(checkRelease(settled).level).toBe(level);
});

test.each([
  [undefined, 'fail'],
  [NOW - 365 * DAY_MS, 'ok'],
  [NOW - 367 * DAY_MS, 'warn'],
])('a signing key that signs since %s', (since, level) => {
  expect(checkSigningKey(since, NOW).level).toBe(level);
});

test.each([
  ['none yet', {}, 'ok', '0, bound to portal.example.com'],
  ['all of this host', { 'portal.example.com': 7 }, 'ok', '7, bound to portal.example.com'],
  [
    'some of the host before',
    { 'portal.example.com': 7, 'mfa.example.com': 2 },
    'warn',
    '2 of mfa.example.com cannot be used: this portal is portal.example.com',
  ],
])('WEB-09: passkeys, %s', (_name, counts, level, detail) => {
  const relyingParty = { id: 'portal.example.com', origin: 'https://portal.example.com' };
  expect(checkPasskeys(relyingParty, new Map(Object.entries(counts)))).toMatchObject({ level, detail });
});

test('WEB-09: a portal that is not configured any more takes no passkey', () => {
  expect(checkPasskeys(undefined, new Map()).level).toBe('ok');
  expect(checkPasskeys(undefined, new Map([['portal.example.com', 1]])).level).toBe('warn');
});

test.each([
  ['is not wanted and not there', undefined, false, undefined],
  ['is wanted and not there', undefined, true, 'fail'],
  ['is wanted and cannot be read', { current: undefined, problem: 'ENOENT' }, true, 'fail'],
  ['is not wanted and cannot be read', { current: undefined, problem: 'ENOENT' }, false, 'warn'],
  ['is there', { current: METADATA, problem: undefined }, true, 'ok'],
  ['is overdue', { current: { ...METADATA, nextUpdate: '2026-11-01' }, problem: undefined }, true, 'warn'],
  ['is there, and a newer one is wrong', { current: METADATA, problem: 'it is not signed' }, true, 'warn'],
])('WEB-08: metadata of keys that %s', (_name, file, isWanted, level) => {
  const found = checkMetadata(file, isWanted, Date.parse('2026-11-26'));
  expect(found.map((check) => check.level)).toEqual(level === undefined ? [] : [level]);
  if (level === 'fail') expect(found[0]?.detail).toContain('no security key can be enrolled');
});

const APP = { id: 'phones.example.com', origin: 'https://phones.example.com' };
test.each([
  ['there are none, and nothing is demanded', false, APP, { phones: 0, withPasskey: 0 }, undefined],
  ['nothing is demanded', false, APP, { phones: 3, withPasskey: 1 }, 'ok'],
  ['all have what is demanded', true, APP, { phones: 3, withPasskey: 3 }, 'ok'],
  ['some have not', true, APP, { phones: 3, withPasskey: 2 }, 'warn'],
  ['none can have it', true, undefined, { phones: 0, withPasskey: 0 }, 'fail'],
])('DEV-34: passkeys of phones, where %s', (_name, isDemanded, relyingParty, counts, level) => {
  const found = checkPhones(isDemanded, relyingParty, counts);
  expect(found.map((check) => check.level)).toEqual(level === undefined ? [] : [level]);
});

test('R30: a ring that cannot open what the others sealed fails, and says which key', async () => {
  const ring = { keyIds: ['k2', 'k1'], currentId: 'k2' };
  const [broken] = await checkRing(ring, () => Promise.reject(new SealBroken('the key ring has no key k3', 'k3')));
  expect(broken).toMatchObject({ name: 'keys.ring', level: 'fail' });
  expect(broken?.detail).toContain('k3');
  const [fine] = await checkRing(ring, () => Promise.resolve());
  expect(fine).toMatchObject({ level: 'ok' });
  expect(fine?.detail).toContain('rewrap');
});

test('R30: that Postgres did not answer is no verdict on the ring', async () => {
  const away = new Error('away');
  await expect(checkRing({ keyIds: ['k1'], currentId: 'k1' }, () => Promise.reject(away))).rejects.toBe(away);
});

test.each([
  [false, 0, 'fail'],
  [true, 0, 'ok'],
  [true, NOW - 60_000, 'warn'],
  [true, NOW - DAY_MS, 'ok'],
])('a ledger that is proven: %s, with a floor at %i', (proven, at, level) => {
  expect(
    checkContinuity(
      { partition: { stream: 'AUTH' }, continuity: { isProven: () => proven, floor: () => ({ at }) } },
      NOW,
    ).level,
  ).toBe(level);
});

test.each<[number | undefined, number, string]>([
  [undefined, 0, 'warn'],
  [0, 0, 'ok'],
  [5, 59_000, 'ok'],
  [5, 61_000, 'warn'],
  [5, 3_700_000, 'fail'],
])('HA-42: %s events that wait for %i ms', (waiting, lagMs, level) => {
  expect(checkProjection({ stream: 'AUTH', waiting, lagMs }).level).toBe(level);
});

test.each<[CarrierView['phase'][], string[]]>([
  [[], []],
  [
    ['closed', 'closed'],
    ['ok', 'ok'],
  ],
  [
    ['open', 'closed'],
    ['warn', 'ok'],
  ],
  [
    ['open', 'halfOpen'],
    ['warn', 'warn'],
  ],
  [
    ['open', 'open'],
    ['fail', 'warn', 'warn'],
  ],
])('carriers that are %j', (phases, levels) => {
  const carriers = phases.map((phase, index) => ({ name: `c${index}`, phase }));
  expect(checkCarriers(carriers).map(({ level }) => level)).toEqual(levels);
});

test.each([
  [[true], 'ok'],
  [[true, true], 'ok'],
  [[false, true], 'warn'],
  [[true, false], 'warn'],
  [[false, false], 'fail'],
  [[false], 'fail'],
])('a directory whose servers answer %j', (answers, level) => {
  const servers = answers.map((ok, index) => ({
    url: `ldaps://dc${index}.example.com`,
    ok,
    ms: 12,
    ...(!ok && { problem: 'its certificate has expired' }),
  }));
  const check = checkDirectory('Hospital AD', servers);
  expect(check).toMatchObject({ name: 'directory.Hospital AD', level });
  expect(check.detail.includes('has expired')).toBe(level !== 'ok');
  expect(check.advice?.includes('countersign directories check "Hospital AD"')).toBe(level === 'ok' ? undefined : true);
});

test('each directory is looked at, also one whose password no key opens, and none waits longer than the doctor', async () => {
  const waits: number[] = [];
  const directory = (name: string) => ({
    name,
    checkServers: async (withinMs = Infinity) => {
      waits.push(withinMs);
      return [{ url: 'ldaps://dc1.example.com', ok: true, ms: 12 }];
    },
  });
  const checks = await checkDirectories({ all: () => [directory('A'), directory('B')], unopened: () => ['C'] });
  expect(checks.map(({ name, level }) => [name, level])).toEqual([
    ['directory.C', 'fail'],
    ['directory.A', 'ok'],
    ['directory.B', 'ok'],
  ]);
  expect(Math.max(...waits)).toBeLessThan(4000);
});
