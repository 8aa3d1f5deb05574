import { describe, expect, test } from 'vitest';
import type { Login } from '../history.ts';
import { check, type Seen } from './check.ts';
import type { Dumps } from './dumps.ts';

const userId = '1b4e28ba-2fa1-4d9a-8f1c-0c2d7f3a9e11';
const other = 'f47ac10b-58cc-4372-a567-0e02b2c3d479';
const key = 'AQsd9Zz1Q2m8PpFvYcW3aA';
const idOf = (user: string, own = key) => Buffer.from(user.replaceAll('-', ''), 'hex').toString('base64url') + own;

const login: Login = {
  login: 1,
  kind: 'totp',
  userId,
  dueAt: 0,
  ms: 20,
  isIn: true,
  challengeId: idOf(userId),
  accepted: '123456',
};
const seen: Seen = {
  logins: [login],
  replays: [{ login: 1, at: 5, userId, challengeId: idOf(userId), sentTo: idOf(userId), code: '123456', isIn: false }],
  writes: [{ at: 1, ms: 1, username: 'new', userId: other, status: 201 }],
};
const dumps: Dumps = {
  ledger: [
    {
      stream: 'AUTH_1',
      sequence: 7,
      subject: `auth.1.${userId}`,
      attemptId: 'a',
      event: { type: 'challenge.approved', at: 1, key },
    },
  ],
  audit: [
    { stream: 'AUTH_1', sequence: 7, attemptId: 'a', type: 'challenge.approved', userId, challengeId: idOf(userId) },
  ],
  users: new Set([userId, other]),
  ends: new Map([['AUTH_1', 7]]),
};

test('a history in which all is well has no violation', () => {
  expect(check(seen, dumps)).toEqual({ writesLost: 0, acceptedTwice: 0, auditMissing: 0, violations: [] });
});

describe('found out is', () => {
  test.each<[string, Partial<Seen>, Partial<Dumps>, RegExp]>([
    ['a code that let in again', { replays: [{ ...seen.replays[0]!, isIn: true }] }, {}, /let in again/],
    ['a TOTP code at two logins', { logins: [login, { ...login, login: 2 }] }, {}, /at two logins/],
    [
      'a challenge approved twice',
      {},
      {
        ledger: [...dumps.ledger, { ...dumps.ledger[0]!, sequence: 8 }],
        audit: [...dumps.audit, { ...dumps.audit[0]!, sequence: 8 }],
      },
      /approved twice/,
    ],
    ['an approval that is not in the ledger', {}, { ledger: [], audit: [] }, /not in the ledger/],
    ['an approval that is not in the audit', {}, { audit: [] }, /not in the audit/],
    ['an approval for another user', { logins: [{ ...login, userId: other }] }, {}, /about another user/],
    ['a change that was acknowledged and is gone', {}, { users: new Set([userId]) }, /acknowledged and is gone/],
    ['an event that the audit lacks', {}, { audit: [] }, /in the audit nothing/],
    [
      'an event that the audit has twice',
      {},
      { audit: [...dumps.audit, ...dumps.audit] },
      /AUTH_1 7 is a challenge.approved/,
    ],
    [
      'an event that the audit tells differently',
      {},
      { audit: [{ ...dumps.audit[0]!, attemptId: 'b' }] },
      /in the audit b/,
    ],
    [
      'an event that only the audit knows',
      {},
      { audit: [...dumps.audit, { ...dumps.audit[0]!, sequence: 9 }] },
      /which the ledger does not/,
    ],
  ])('%s', (_, broken, lacking, sentence) => {
    const { violations } = check({ ...seen, ...broken }, { ...dumps, ...lacking });
    expect(violations.join('\n')).toMatch(sentence);
  });
});
