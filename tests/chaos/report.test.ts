import { expect, test } from 'vitest';
import type { AdminWrite, Login } from './history.ts';
import { rowOf, tableOf } from './report.ts';

const none = { writesLost: 0, acceptedTwice: 0, auditMissing: 0, violations: [] };
const fault = { name: 'something killed', expect: { failedShare: 0, writesHealMs: 6000 } };
const login = (dueAt: number, ms: number, isIn = true): Login => ({
  login: dueAt,
  kind: 'totp',
  userId: 'u',
  dueAt,
  ms,
  isIn,
});
const write = (at: number, status: number): AdminWrite => ({ number: at, at, ms: 100, username: 'n', status });

test('a run in which nobody noticed anything keeps every promise', () => {
  const row = rowOf(fault, 1000, [login(500, 20), login(2000, 30)], [write(900, 201), write(1500, 201)], none);
  expect(row).toMatchObject({ tried: 2, failed: 0, slowestMs: 30, loginsHealMs: 0, writesHealMs: 0, broken: [] });
});

test('how long it took is from the fault to the last login that was slow, and to the first change after the last refusal', () => {
  const logins = [login(1500, 4000), login(3000, 2500), login(5000, 20), login(12_000, 20)];
  const writes = [write(1200, 503), write(3200, 0), write(4000, 201)];
  expect(rowOf(fault, 1000, logins, writes, none)).toMatchObject({
    slowestMs: 4000,
    loginsHealMs: 2000,
    writesHealMs: 3100,
    waitedShare: 2 / 3,
    broken: [],
  });
});

test.each([
  ['a login that failed', [login(1500, 20, false)], [], none, '1 of 1 logins failed'],
  ['changes that came back too late', [login(1500, 20)], [write(2000, 503), write(9000, 201)], none, '8100 ms'],
  ['changes that never came back', [login(1500, 20)], [write(2000, 503)], none, 'Infinity'],
  ['nobody tried', [], [], none, 'no login was tried'],
  ['a violation', [login(1500, 20)], [], { ...none, violations: ['a code let in twice'] }, 'a code let in twice'],
])('%s breaks a promise', (_, logins, writes, verdict, sentence) => {
  expect(rowOf(fault, 1000, logins, writes, verdict).broken.join()).toContain(sentence);
});

test('the table has one line for each fault', () => {
  const row = rowOf(fault, 1000, [login(1500, 20)], [], none);
  expect(tableOf([row, row]).split('\n')).toHaveLength(4);
});
