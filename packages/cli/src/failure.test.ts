import { SettingsError } from '@countersign/config';
import { ERRORS, MfaError, type ErrorCode } from '@countersign/contracts';
import { expect, test } from 'vitest';
import { ERROR_OUTCOMES, EXIT } from './exit-codes.ts';
import { failureFrom, UsageError } from './failure.ts';

test('every code of an operation says what to do, and none ends as a success', () => {
  expect(Object.keys(ERROR_OUTCOMES).toSorted()).toEqual(Object.keys(ERRORS).toSorted());
});

test.each(Object.keys(ERRORS) as ErrorCode[])('%s', (code) => {
  const failure = failureFrom(new MfaError(code));
  expect(failure.exitCode).toBeGreaterThan(0);
  expect(failure.advice).toMatch(/\w/);
  expect(failure.message).toBe(ERRORS[code].title);
});

test('exit codes are distinct', () => {
  const codes = Object.values(EXIT).map(({ code }) => code);
  expect(new Set(codes).size).toBe(codes.length);
});

test('fields, details and the time to wait are told', () => {
  const error = new MfaError('REQUEST_INVALID', {
    invalid: [{ pointer: '/phone', message: 'must match the pattern' }],
    detail: 'It is not a number.',
  });
  expect(failureFrom(error).message).toBe(
    'The request is not of the documented form. It is not a number. /phone must match the pattern.',
  );
  const later = failureFrom(new MfaError('TRY_LATER', { retryAfterSeconds: 90 }), 'attempt-1');
  expect(later).toMatchObject({ retryAfterSeconds: 90, attemptId: 'attempt-1', exitCode: EXIT.tryAgain.code });
  expect(later.advice).toContain('1 min 30 s');
});

test('R24: cause and reason of an error, and what an unknown error holds, stay inside', () => {
  const error = new MfaError('INTERNAL', { cause: new Error('password hunter2'), reason: 'hunter2' });
  expect(JSON.stringify(failureFrom(error))).not.toContain('hunter2');
  expect(JSON.stringify(failureFrom(new TypeError('cannot read hunter2')))).not.toContain('hunter2');
  expect(failureFrom(new TypeError('x')).exitCode).toBe(EXIT.internal.code);
});

test('R24: a key that was typed where it does not belong is not repeated', () => {
  const error = new UsageError('users show does not take "csk_abc_0123456789abcdef0123".');
  expect(failureFrom(error).message).toBe('users show does not take "csk_…".');
});

test('settings that are missing are told all at once', () => {
  const failure = failureFrom(new SettingsError(['A is not set.', 'B is not set.']));
  expect(failure).toMatchObject({ message: 'A is not set.\nB is not set.', exitCode: EXIT.settings.code });
});
