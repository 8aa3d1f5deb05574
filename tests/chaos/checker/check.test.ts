import { describe, expect, test } from 'vitest';
import type { Exchange, Login } from '../history.ts';
import { check } from './check.ts';
import type { Dumps } from './dumps.ts';
import { readHistory, type Seen } from './read-history.ts';

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
const told: Exchange = { login: 1, what: 'verify', at: 2, ms: 3, attempt: 1, via: 'balancer', status: 200 };
const marks = [
  { name: 'injected', at: 1 },
  { name: 'load ended', at: 2 },
  { name: 'ended', at: 3 },
];
const seen: Seen = {
  begun: [
    { what: 'login', number: 1 },
    { what: 'write', number: 1 },
  ],
  exchanges: [told],
  logins: [login],
  replays: [{ login: 1, at: 5, userId, challengeId: idOf(userId), sentTo: idOf(userId), code: '123456', isIn: false }],
  writes: [{ number: 1, at: 1, ms: 1, username: 'new', userId: other, status: 201 }],
  marks,
  unreadable: 0,
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
    {
      stream: 'AUTH_1',
      sequence: 7,
      attemptId: 'a',
      type: 'challenge.approved',
      at: 1,
      userId,
      challengeId: idOf(userId),
    },
  ],
  users: new Set([userId, other]),
  usersMade: [other],
  starts: new Map([['AUTH_1', 6]]),
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
      'an event that the audit dates differently',
      {},
      { audit: [{ ...dumps.audit[0]!, at: 2 }] },
      /decided at 1, and at 2 by the audit/,
    ],
    [
      'an event that stands before the one it followed',
      {},
      {
        ledger: [dumps.ledger[0]!, { ...dumps.ledger[0]!, sequence: 8, event: { type: 'user.blocked', at: 0 } }],
        audit: [dumps.audit[0]!, { ...dumps.audit[0]!, sequence: 8, type: 'user.blocked', at: 0 }],
      },
      /stands 1 ms before/,
    ],
    ['a change that the audit lacks', {}, { usersMade: [] }, /is in the audit 0 times/],
    ['a change that the audit has twice', {}, { usersMade: [other, other] }, /is in the audit 2 times/],
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

describe('nothing can be said by', () => {
  test.each<[string, Partial<Seen>, Partial<Dumps>, RegExp]>([
    ['a history of nothing', { ...readHistory('') }, {}, /no login was begun/],
    ['a history without changes', { begun: [seen.begun[0]!], writes: [] }, {}, /no write was begun/],
    ['a history that breaks off', { marks: marks.slice(0, 2) }, {}, /breaks off/],
    ['a history without the fault', { marks: marks.slice(1) }, {}, /never says "injected"/],
    ['a line that was cut', { unreadable: 1 }, {}, /1 lines .* cannot be read/],
    ['a login that was forgotten', { logins: [] }, {}, /login 1 has no end/],
    ['a login that was made up', { begun: [seen.begun[1]!] }, {}, /login 1 has no beginning/],
    ['a login that is told twice', { logins: [login, login] }, {}, /login ended twice/],
    ['a login begun twice', { begun: [...seen.begun, seen.begun[0]!] }, {}, /login was begun twice/],
    ['a change that was forgotten', { writes: [] }, {}, /write 1 has no end/],
    [
      'an "approved" that the login keeps to itself',
      { logins: [failed()] },
      {},
      /heard "approved" and does not say so/,
    ],
    ['a login that nobody let in', { exchanges: [] }, {}, /was let in, and nobody told it/],
    ['a login let in by nothing', { logins: [letInByNothing()] }, {}, /without saying by what/],
    [
      'a code that let in again in secret',
      { exchanges: [told, { ...told, what: 'replay' }] },
      {},
      /let in again, and nobody says so/,
    ],
    ['engines that nobody asked', {}, { ends: new Map() }, /no stream of the ledger was read/],
    [
      'a ledger of which a part was read',
      {},
      { ends: new Map([['AUTH_1', 9]]) },
      /lacks 2 messages, the first of them 8/,
    ],
    ['a ledger that went back', {}, { ends: new Map([['AUTH_1', 5]]) }, /ended at 6 before and ends at 5/],
  ])('%s', (_, broken, lacking, sentence) => {
    const { violations } = check({ ...seen, ...broken }, { ...dumps, ...lacking });
    expect(violations.join('\n')).toMatch(sentence);
  });
});

test('a history is read as it was written, and what is no record of it is counted', () => {
  const lines = [
    { record: 'begun', ...seen.begun[0] },
    { record: 'begun', ...seen.begun[1] },
    { record: 'exchange', ...told },
    { record: 'login', ...login },
    { record: 'replay', ...seen.replays[0] },
    { record: 'write', ...seen.writes[0] },
    ...marks.map((mark) => ({ record: 'mark', ...mark })),
  ].map((line) => JSON.stringify(line));
  expect(readHistory(`${lines.join('\n')}\n`)).toEqual(seen);
  expect(readHistory(`${lines.join('\n')}\n{"record":"log`)).toEqual({ ...seen, unreadable: 1 });
  expect(readHistory('{"record":"constructor"}\n').unreadable).toBe(1);
});

function failed(): Login {
  const { accepted: _, ...rest } = login;
  return { ...rest, isIn: false };
}

function letInByNothing(): Login {
  const { accepted: _, ...rest } = login;
  return rest;
}
