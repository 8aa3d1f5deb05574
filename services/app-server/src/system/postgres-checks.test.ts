import { expect, test } from 'vitest';
import type { NodeStatus } from '../database/router.ts';
import { checkPostgres } from './postgres-checks.ts';

const primary: NodeStatus = {
  name: 'pg-1',
  role: 'primary',
  reachable: true,
  lagMs: undefined,
  clockSkewMs: 3,
  version: '15.1',
  confirmedBy: '"pg-2"',
  waiting: 0,
};
const standby: NodeStatus = {
  name: 'pg-2',
  role: 'standby',
  reachable: true,
  lagMs: 120,
  clockSkewMs: -4,
  version: '15.1',
  confirmedBy: undefined,
  waiting: 0,
};

const levels = (...nodes: NodeStatus[]) =>
  checkPostgres(nodes, 3)
    .filter(({ level }) => level !== 'ok')
    .map(({ name, level }) => `${name} ${level}`);

test('a primary and a standby that keeps up are well', () => {
  expect(levels(primary, standby)).toEqual([]);
});

test.each<[string, NodeStatus[], string[]]>([
  ['no primary', [{ ...primary, reachable: false }, standby], ['postgres.primary fail', 'postgres.standby warn']],
  ['the only node', [primary], ['postgres.standby warn']],
  ['a standby that is away', [primary, { ...standby, reachable: false }], ['postgres.standby warn']],
  ['a standby that lags', [primary, { ...standby, lagMs: 5001 }], ['postgres.standby warn']],
  [
    'a primary that was replaced',
    [primary, standby, { ...primary, name: 'pg-3', role: 'stale' }],
    ['postgres.stale fail'],
  ],
  ['HA-50: a clock 3 s behind', [primary, { ...standby, clockSkewMs: -3000 }], ['clock.postgres warn']],
  ['HA-50: a clock 11 s ahead', [{ ...primary, clockSkewMs: 11_000 }, standby], ['clock.postgres fail']],
  [
    'nothing known yet',
    [{ ...primary, role: 'unknown', reachable: false }],
    ['postgres.primary fail', 'postgres.standby warn'],
  ],
])('%s', (_, nodes, expected) => {
  expect(levels(...nodes)).toEqual(expected);
});

test.each<[string, NodeStatus[], number, string[]]>([
  ['writes that no standby has', [{ ...primary, confirmedBy: '' }, standby], 3, ['postgres.synchronous fail']],
  [
    'writes that no standby has while it is away',
    [
      { ...primary, confirmedBy: '' },
      { ...standby, reachable: false },
    ],
    3,
    ['postgres.standby warn', 'postgres.synchronous warn'],
  ],
  ['on one machine nobody asked for more', [{ ...primary, confirmedBy: '' }, standby], 1, []],
])('HA-33: %s', (_, nodes, copies, expected) => {
  const bad = checkPostgres(nodes, copies).filter(({ level }) => level !== 'ok');
  expect(bad.map(({ name, level }) => `${name} ${level}`)).toEqual(expected);
});

test('whatever is not ok says what to do', () => {
  const bad = checkPostgres([{ ...standby, lagMs: 9000, clockSkewMs: 20_000 }], 3).filter(
    ({ level }) => level !== 'ok',
  );
  expect(bad.length).toBe(3);
  for (const { advice } of bad) expect(advice).toMatch(/\w/);
});
