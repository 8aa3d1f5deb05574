import { MfaError } from '@countersign/contracts';
import { expect, test } from 'vitest';
import { CONNECTION_LOST, failureOf, STOPPING } from './failure.ts';

const { signal } = new AbortController();

test.each([
  ['UNAVAILABLE', 'unavailable', undefined],
  ['TRY_LATER', 'unavailable', 'radius.unavailable'],
  ['PRIMARY_UNAVAILABLE', 'unavailable', 'radius.unavailable'],
  ['DIRECTORY_UNAVAILABLE', 'unavailable', 'radius.unavailable'],
  ['RADIUS_UPSTREAM_UNAVAILABLE', 'unavailable', 'radius.unavailable'],
  ['UNAUTHENTICATED', 'not-authorised', 'radius.not_authorised'],
  ['FORBIDDEN', 'not-authorised', 'radius.not_authorised'],
  ['CHALLENGE_CLOSED', 'failed', 'radius.failed'],
  ['INTERNAL', 'failed', 'radius.failed'],
] as const)('%s of app-server is counted as %s (RAD-44)', (code, reason, event) => {
  const failure = failureOf(new MfaError(code), signal);
  expect([failure.reason, failure.event]).toEqual([reason, event]);
});

test.each([
  ['what cannot be encoded', new RangeError('too long'), 'unsendable', 'radius.unsendable'],
  ['an error of ours', new TypeError('undefined is not a function'), 'failed', 'radius.failed'],
] as const)('%s is counted as %s', (_, error, reason, event) => {
  expect(failureOf(error, signal)).toEqual({ reason, event });
});

test.each([
  ['stopping', STOPPING],
  ['connection-lost', CONNECTION_LOST],
  ['superseded', undefined],
] as const)('what was let go is counted as %s, whatever came of it', (reason, why) => {
  const controller = new AbortController();
  controller.abort(why);
  expect(failureOf(new MfaError('INTERNAL'), controller.signal)).toEqual({ reason });
});
