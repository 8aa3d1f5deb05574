import { MfaError } from '@countersign/contracts';
import { expect, test } from 'vitest';
import { checkClocks, checkNats, checkReplicas } from './own-checks.ts';
import { findingsText, worstLevel } from './view.ts';

const HEARD = Date.UTC(2026, 10, 23, 12);
const answer = (replica: string, skewMs = 0) => ({
  replica,
  heardAt: HEARD,
  output: { replica, at: new Date(HEARD + skewMs).toISOString(), checks: [] },
});
const refusal = (replica: string, code: 'UNAVAILABLE' | 'FORBIDDEN') => ({
  replica,
  heardAt: HEARD,
  error: new MfaError(code),
});

test.each([
  ['nobody', [], ['fail']],
  ['one', [answer('a')], ['warn']],
  ['two', [answer('a'), answer('b')], ['ok']],
  ['one that hangs', [answer('a'), refusal('b', 'UNAVAILABLE')], ['fail']],
  ['a key that may not', [refusal('a', 'FORBIDDEN'), refusal('b', 'FORBIDDEN')], ['fail', 'fail']],
])('replicas: %s', (_, answers, levels) => {
  expect(checkReplicas(answers).map(({ level }) => level)).toEqual(levels);
});

test.each([
  [
    [0, 500],
    ['ok', 'ok'],
  ],
  [
    [0, 2500],
    ['warn', 'warn'],
  ],
  [
    [-6000, 6000],
    ['fail', 'warn'],
  ],
  [
    [9000, 9100],
    ['ok', 'warn'],
  ],
  [[], []],
])('HA-50: clocks %j ms from ours', (skews, levels) => {
  const answers = skews.map((skewMs, index) => answer(`app-${index}`, skewMs));
  expect(checkClocks(answers).map(({ level }) => level)).toEqual(levels);
});

test.each([
  [{ jetstream: true, roundTripMs: 1 }, 'ok'],
  [{ jetstream: true, roundTripMs: 300 }, 'warn'],
  [{ jetstream: false, roundTripMs: 1 }, 'fail'],
])('NATS %j', (view, level) => {
  expect(checkNats({ server: 'n1', version: '2.9.10', ...view }).level).toBe(level);
});

test('lines are grouped by who looked, with what to do below', () => {
  const findings = [
    { where: 'command line', name: 'replicas', level: 'warn', detail: 'only a', advice: 'Run two.' },
    { where: 'a', name: 'keys', level: 'ok', detail: 'k1' },
  ] as const;
  expect(findingsText(findings)).toBe(
    'command line\n  warn  replicas  only a\n                  → Run two.\n\na\n  ok    keys      k1\n',
  );
  expect(worstLevel(findings)).toBe('warn');
  expect(worstLevel([])).toBe('ok');
});
