import { ERRORS, MfaError, type ErrorCode } from '@countersign/contracts';
import { expect, test } from 'vitest';
import { toProblem } from './problem.ts';

test.each(Object.keys(ERRORS) as ErrorCode[])('%s becomes a problem with its own status and title', (code) => {
  const { status, problem } = toProblem(new MfaError(code), 'id');
  expect(status).toBe(ERRORS[code].status);
  expect(problem).toEqual({
    type: `/problems/${code}`,
    code,
    title: ERRORS[code].title,
    status,
    instance: 'urn:uuid:id',
  });
});

test('what a caller may know goes out; cause and reason stay (R24)', () => {
  const invalid = [{ pointer: '/a', message: 'is required' }];
  const error = new MfaError('TRY_LATER', { detail: 'd', retryAfterSeconds: 1.2, invalid, reason: 'r', cause: 'c' });
  const { headers, problem } = toProblem(error, 'id');
  expect(headers).toEqual({ 'retry-after': '2' });
  expect(problem).toMatchObject({ detail: 'd', invalid });
  expect(JSON.stringify(problem)).not.toMatch(/"[rc]"/);
});

test('a 401 says how to authenticate (RFC 9110 section 11.6.1)', () => {
  expect(toProblem(new MfaError('UNAUTHENTICATED'), 'id').headers['www-authenticate']).toMatch(/^Bearer /);
});

test.each([
  [new Error('SELECT secret'), 'INTERNAL'],
  ['a string', 'INTERNAL'],
  [undefined, 'INTERNAL'],
  [{ statusCode: 200, code: 'FST_ERR_X' }, 'INTERNAL'],
  [Object.assign(new Error('x'), { code: 'FST_ERR_BAD_URL', statusCode: 400 }), 'REQUEST_INVALID'],
  [Object.assign(new Error('x'), { code: 'FST_ERR_REP_INVALID_PAYLOAD_TYPE', statusCode: 500 }), 'INTERNAL'],
  [Object.assign(new Error('x'), { code: 'EVIL', statusCode: 400 }), 'INTERNAL'],
])('%o is %s, and nothing of it leaves', (error, code) => {
  const { problem } = toProblem(error, 'id');
  expect(problem.code).toBe(code);
  expect(JSON.stringify(problem)).not.toContain('secret');
});
