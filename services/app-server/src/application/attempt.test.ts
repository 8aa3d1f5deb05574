import { radiusLogin } from '@countersign/contracts';
import { expect, test } from 'vitest';
import { loadKeyRing } from '../keys/ring.ts';
import { requestOf } from '../testing/house.ts';
import { boundAttempt, recognisable } from './attempt.ts';

const ring = loadKeyRing(`k1:${Buffer.alloc(32, 7).toString('base64')}`);
const request = { ...requestOf({ attemptId: 'packet' }), operation: radiusLogin };
const input = { clientId: 'vpn', username: 'alice', password: 'secret', source: '192.0.2.1', transport: 'udp' };
const attemptOf = (changes: object, by = request) =>
  boundAttempt(by, recognisable(ring, { ...input, ...changes })).attemptId;

test('INV-13: the same packet that comes from another address, or another way, is the same attempt', () => {
  const first = attemptOf({});
  expect(attemptOf({ source: '192.0.2.77', transport: 'tls' })).toBe(first);
  expect(attemptOf({ username: 'bob' })).not.toBe(first);
  expect(attemptOf({ password: 'other' })).not.toBe(first);
  const other = { ...request, application: { ...request.application, applicationId: 'another' } };
  expect(attemptOf({}, other)).not.toBe(first);
});

test('R24: nothing secret of a request is recognised by itself', () => {
  const secrets = {
    password: 'secret',
    pin: '1234',
    answers: ['Riga'],
    secret: 's3cret',
    mschap: { response: 'r' },
    eap: 'e',
  };
  const text = JSON.stringify(recognisable(ring, { username: 'alice', ...secrets }));
  expect(text).toContain('alice');
  for (const [name, value] of Object.entries(secrets)) {
    expect(text).toContain(`"${name}"`);
    expect(text).not.toContain(`"${name}":${JSON.stringify(value)}`);
  }
});
