import { DEFAULT_POLICY, METHODS, type Method, type Policy } from '@countersign/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LANES, recover, spend, UNSPENT, waitMs, type AttemptLane, type LaneName } from './attempts.ts';
import { START_OF_TEST } from './testing/commands.ts';

const { attempts: POLICY, totp, code, users } = DEFAULT_POLICY;
const YEAR_MS = 365 * 86_400_000;
const HOUR_MS = 3_600_000;

function wrongCodes(count: number, policy: Policy['attempts'], name: LaneName, at = START_OF_TEST): AttemptLane {
  return Array.from({ length: count }).reduce<AttemptLane>((lane) => spend(lane, policy, name, 1, at), UNSPENT);
}

describe('the wait that grows with wrong codes in a row (AAL-20, R10)', () => {
  test.each([
    [0, 0],
    [4, 0],
    [5, 30],
    [6, 60],
    [7, 120],
    [11, 1920],
    [12, 3600],
    [20, 3600],
  ])('after %i wrong codes in a row the next is looked at in %i s', (count, seconds) => {
    const roomy = { ...POLICY, anywhere: { burst: 100, refillSeconds: 60 } };
    const lane = wrongCodes(count, roomy, 'anywhere');
    expect(waitMs(lane, roomy, 'anywhere', 1, START_OF_TEST)).toBe(seconds * 1000);
    expect(waitMs(lane, roomy, 'anywhere', 1, START_OF_TEST + seconds * 1000)).toBe(0);
  });

  test('a right code ends it and gives nothing back of the bucket (R4)', () => {
    const lane = wrongCodes(6, POLICY, 'anywhere');
    expect(recover(lane)).toEqual({ inARow: 0, waitUntil: 0, fullUntil: lane.fullUntil });
  });
});

describe('the bucket that no success refills (R4, INV-4)', () => {
  test.each(LANES)('%s: as many wrong codes as it holds, then one each refill time', (name) => {
    const { burst, refillSeconds } = POLICY[name];
    const full = recover(wrongCodes(burst, POLICY, name));
    expect(waitMs(recover(wrongCodes(burst - 1, POLICY, name)), POLICY, name, 1, START_OF_TEST)).toBe(0);
    expect(waitMs(full, POLICY, name, 1, START_OF_TEST)).toBe(refillSeconds * 1000);
    expect(waitMs(full, POLICY, name, 1, START_OF_TEST + refillSeconds * 1000 - 1)).toBe(1);
    expect(waitMs(full, POLICY, name, 1, START_OF_TEST + refillSeconds * 1000)).toBe(0);
  });

  test('a code that is held against several authenticators costs as many, since each is a chance', () => {
    const lane = spend(UNSPENT, POLICY, 'anywhere', 5, START_OF_TEST);
    expect(lane.fullUntil - START_OF_TEST).toBe(5 * POLICY.anywhere.refillSeconds * 1000);
    const nearlyFull = recover(wrongCodes(POLICY.anywhere.burst - 4, POLICY, 'anywhere'));
    expect(waitMs(nearlyFull, POLICY, 'anywhere', 4, START_OF_TEST)).toBe(0);
    expect(waitMs(nearlyFull, POLICY, 'anywhere', 5, START_OF_TEST)).toBeGreaterThan(0);
  });

  test('a cost above the burst waits for an empty bucket and not for ever', () => {
    const narrow = { ...POLICY, anywhere: { burst: 2, refillSeconds: 60 } };
    expect(waitMs(UNSPENT, narrow, 'anywhere', 10, START_OF_TEST)).toBe(0);
  });

  test('INV-4: however the tries are spread, no more than burst + time / refill are looked at', () => {
    const tries = fc.array(fc.record({ pauseMs: fc.nat(12 * HOUR_MS), right: fc.boolean() }), { maxLength: 120 });
    fc.assert(
      fc.property(tries, fc.constantFrom(...LANES), (list, name) => {
        let now = START_OF_TEST;
        let lane = UNSPENT;
        let looks = 0;
        for (const { pauseMs, right } of list) {
          now += pauseMs;
          if (waitMs(lane, POLICY, name, 1, now) > 0) continue;
          if (right) lane = recover(lane);
          else {
            lane = spend(lane, POLICY, name, 1, now);
            looks += 1;
          }
        }
        const { burst, refillSeconds } = POLICY[name];
        expect(looks).toBeLessThanOrEqual(burst + (now - START_OF_TEST) / (refillSeconds * 1000));
      }),
    );
  });
});

describe('HA-52: a clock that goes back', () => {
  test('neither gives tries back nor makes a wait longer than by as much as it went back', () => {
    fc.assert(
      fc.property(fc.nat(20), fc.nat(24 * HOUR_MS), (count, backMs) => {
        const lane = wrongCodes(count, POLICY, 'anywhere');
        const before = waitMs(lane, POLICY, 'anywhere', 1, START_OF_TEST);
        const after = waitMs(lane, POLICY, 'anywhere', 1, START_OF_TEST - backMs);
        expect(after).toBeGreaterThanOrEqual(before);
        expect(after).toBeLessThanOrEqual(before + backMs);
        const spent = spend(lane, POLICY, 'anywhere', 1, START_OF_TEST - backMs);
        expect(spent.fullUntil).toBeGreaterThan(lane.fullUntil);
      }),
    );
  });
});

describe('R4: an attacker who guesses for a year, as early as allowed, on every factor and from everywhere', () => {
  /** What one guess is held against, for each authenticator that it costs. */
  const chances: Record<Method, number> = {
    totp: (totp.pastSteps + 1 + totp.futureSteps) / 10 ** code.digits,
    sms: 1 / 10 ** code.digits,
    passkey: 0,
    recovery: 0,
    app: 0,
  };

  /** @returns the units of cost spent within a year. */
  function guessForAYear(name: LaneName, cost: number, ownerLogsIn: (guesses: number) => boolean): number {
    let now = START_OF_TEST;
    let lane = UNSPENT;
    let units = 0;
    for (let guesses = 1; now < START_OF_TEST + YEAR_MS; guesses += 1) {
      lane = spend(lane, POLICY, name, cost, now);
      units += cost;
      if (ownerLogsIn(guesses)) lane = recover(lane);
      now += waitMs(lane, POLICY, name, cost, now);
    }
    return units;
  }

  const owners: [string, (guesses: number) => boolean][] = [
    ['never', () => false],
    ['after every guess', () => true],
    ['after every fourth guess', (guesses) => guesses % 4 === 0],
  ];
  const costs = Array.from({ length: users.maxAuthenticators }, (_, index) => index + 1);
  const cases = owners.flatMap(([owner, ownerLogsIn]) => costs.map((cost) => ({ owner, ownerLogsIn, cost })));

  test.each(cases)('has a chance under 1 % when the owner logs in $owner, $cost token(s)', ({ ownerLogsIn, cost }) => {
    const chance = METHODS.flatMap((method) =>
      LANES.map((name) => guessForAYear(name, method === 'sms' ? 1 : cost, ownerLogsIn) * chances[method]),
    ).reduce((sum, part) => sum + part, 0);
    expect(chance).toBeLessThan(0.01);
    // The figure is worth something only if the guesses were really made.
    expect(chance).toBeGreaterThan(0.008);
  });

  test('the window is the one the sum was made with (OATH-21)', () => {
    expect(totp).toMatchObject({ pastSteps: 1, futureSteps: 1 });
    expect(code.digits).toBe(6);
  });
});
