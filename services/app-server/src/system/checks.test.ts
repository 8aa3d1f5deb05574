import { expect, test } from 'vitest';
import { SealBroken } from '../keys/ring.ts';
import { checkCarriers, type CarrierView } from './carrier-checks.ts';
import { checkNatsClock } from './clock-checks.ts';
import { checkRing, checkSigningKey } from './key-checks.ts';
import { RELEASE } from '../release/release.ts';
import { checkContinuity, checkProjection } from './ledger-checks.ts';
import { checkRelease } from './release-checks.ts';

const NOW = Date.UTC(2026, 10, 23, 12);
const DAY_MS = 86_400_000;

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
