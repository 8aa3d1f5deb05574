import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isSettled, nextToHandOver, type Led } from './placement.ts';

const SERVERS = ['nats-1', 'nats-2', 'nats-3'];

function led(name: string, leader: string | undefined, isLedger = name.startsWith('AUTH')): Led {
  const followers = SERVERS.filter((server) => server !== leader).map((server) => ({ server, isCurrent: true }));
  return { handOver: name, isLedger, leader, followers };
}

test.each([
  ['all parts on one server', ['nats-1', 'nats-1', 'nats-1'], 'AUTH_1'],
  ['two parts on one server, none on another', ['nats-2', 'nats-3', 'nats-3'], 'AUTH_2'],
  ['one part on each', ['nats-3', 'nats-1', 'nats-2'], undefined],
  ['four parts on three servers, two on one of them', ['nats-1', 'nats-2', 'nats-3', 'nats-1'], undefined],
])('parts of the ledger, %s', (_, leaders, handsOver) => {
  const all = leaders.map((leader, index) => led(`AUTH_${index + 1}`, leader));
  expect(nextToHandOver(all)?.handOver).toBe(handsOver);
});

test('what every login needs gathers where most of it is', () => {
  const parts = SERVERS.map((server, index) => led(`AUTH_${index + 1}`, server));
  const others = [led('DISPATCH', 'nats-2'), led('IDEMPOTENCY', 'nats-3'), led('LIMITS', 'nats-2')];
  expect(nextToHandOver([...parts, ...others])?.handOver).toBe('IDEMPOTENCY');
  expect(nextToHandOver([...parts, led('DISPATCH', 'nats-2'), led('LIMITS', 'nats-2')])).toBeUndefined();
});

test('while one has no leader, or a copy is behind, nothing is settled', () => {
  const behind = led('AUTH_1', 'nats-1');
  expect(isSettled([behind])).toBe(true);
  expect(isSettled([behind, led('AUTH_2', undefined)])).toBe(false);
  expect(isSettled([{ ...behind, followers: [{ server: 'nats-2', isCurrent: false }] }])).toBe(false);
});

test('handing over to anybody ends, and ends well: parts apart, the rest together', () => {
  const leader = fc.constantFrom(...SERVERS);
  fc.assert(
    fc.property(fc.array(leader, { minLength: 3, maxLength: 9 }), fc.array(leader, { maxLength: 5 }), (parts, rest) => {
      let all = [
        ...parts.map((server, index) => led(`AUTH_${index}`, server)),
        ...rest.map((server, index) => led(`OTHER_${index}`, server)),
      ];
      let [random] = fc.sample(fc.integer(), 1);
      for (let moves = 0; moves < 500; moves++) {
        const next = nextToHandOver(all);
        if (next === undefined) break;
        random = ((random ?? 0) * 1103515245 + 12345) & 0x7fffffff;
        const to = next.followers[(random >> 16) % 2]?.server;
        all = all.map((each) => (each === next ? led(each.handOver, to) : each));
      }
      expect(nextToHandOver(all)).toBeUndefined();
      const counts = SERVERS.map((server) => all.filter((each) => each.isLedger && each.leader === server).length);
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      expect(new Set(all.filter(({ isLedger }) => !isLedger).map((each) => each.leader)).size).toBeLessThanOrEqual(1);
    }),
  );
});
