import { addressOfChallenge } from '@countersign/contracts';
import { expect, test } from 'vitest';
import { projectLedger } from './of-ledger.ts';
import { storableJson } from './projected.ts';

const userId = '1b4e28ba-2fa1-4d9a-8f1c-0c2d7f3a9e11';
const key = 'AQsd9Zz1Q2m8PpFvYcW3aA';

function project(event: object, state: object = {}, subject = `auth.${userId}`) {
  const data = Buffer.from(JSON.stringify({ attemptId: 'a', event: { at: 5, ...event }, state, replica: 'r' }));
  return projectLedger('auth.')({ sequence: 7, subject, data, storedAt: 6 });
}

test.each([
  [{ type: 'challenge.cancelled', key, applicationId: 'app', attemptId: 'a' }, { application_id: 'app' }, {}],
  [{ type: 'user.blocked', reason: 'lost phone', by: 'helpdesk' }, { reason: 'lost phone', actor: 'helpdesk' }, {}],
  [{ type: 'bypass.granted', expiresAt: 9, reason: 'r', by: 'admin' }, { actor: 'admin' }, { expiresAt: 9 }],
  [
    { type: 'bypass.used', key, applicationId: 'app', expiresAt: 9, by: 'admin' },
    { method: 'bypass' },
    { expiresAt: 9 },
  ],
  [{ type: 'code.resent', key, applicationId: 'app', codeMac: 'mac', expiresAt: 9 }, {}, { expiresAt: 9 }],
  [{ type: 'authenticator.removed', authenticatorId: 'x', by: 'b' }, { actor: 'b' }, { authenticatorId: 'x' }],
])('%j becomes a row', (event, columns, detail) => {
  const { row, use } = project(event);
  expect(row).toMatchObject({ at: 5, sequence: 7, attempt_id: 'a', type: event.type, user_id: userId, ...columns });
  expect(row.detail).toEqual(detail);
  expect(use).toBeUndefined();
  if ('key' in event) expect(addressOfChallenge(row.challenge_id ?? '')).toEqual({ userId, key });
});

test('AAL-24: a PIN that was asked for is named beside the method, and is none', () => {
  const login = { type: 'challenge.approved', key, applicationId: 'app', method: 'totp', authenticatorId: 'x' };
  const { row } = project({ ...login, purpose: 'login', pin: 'right' });
  expect(row).toMatchObject({ method: 'totp', detail: { pin: 'right' } });
});

test('an authenticator is used by a login, not by its own enrolment', () => {
  const approved = { type: 'challenge.approved', key, applicationId: 'app', method: 'totp', authenticatorId: 'x' };
  expect(project({ ...approved, purpose: 'login' }).use).toEqual({ authenticator_id: 'x', at: 5 });
  expect(project({ ...approved, purpose: 'enrol' }).use).toBeUndefined();
  // A time step is no counter.
  expect(project({ ...approved, purpose: 'login', step: 9 }).use).toEqual({ authenticator_id: 'x', at: 5 });
});

test.each([
  [{ type: 'challenge.approved', purpose: 'login', step: 9 }, { sign_count: 9 }],
  [{ type: 'challenge.approved', purpose: 'login' }, {}],
  [{ type: 'invitation.accepted', step: 9 }, { sign_count: 9 }],
])('WEB-06: a login by passkey is its use, and brings its counter where it counts: %j', (event, counted) => {
  const login = { key, applicationId: 'app', method: 'passkey', authenticatorId: 'x', ...event };
  expect(project(login).use).toEqual({ authenticator_id: 'x', at: 5, ...counted });
});

test('an event of a newer version is kept as it is', () => {
  const { row, state } = project({ type: 'push.sent', device: 'd' }, { version: 2, more: true, bypass: {} });
  expect(row).toMatchObject({ type: 'push.sent', detail: { device: 'd' } });
  expect(state?.state).toEqual({ version: 2, more: true, open: [], closed: [] });
});

test.each([
  ['other.subject', { type: 'x' }],
  [`auth.${userId}`, { type: 'x', at: 'soon' }],
  [`auth.${userId}`, { type: 'x', at: 1e16 }],
  [`auth.${userId}`, {}],
])('what is no record of the ledger is refused: %s %j', (subject, event) => {
  expect(() => project(event, {}, subject)).toThrow('not a');
});

test.each([
  ['\0', '\uFFFD'],
  ['a\ud800b', 'a\uFFFDb'],
  ['\udfff', '\uFFFD'],
  ['\\u0000', '\\u0000'],
  ['😀', '😀'],
])('jsonb takes %j as %j', (text, stored) => {
  expect(JSON.parse(storableJson({ text, deep: [{ [text]: 1 }] }))).toEqual({ text: stored, deep: [{ [stored]: 1 }] });
});
