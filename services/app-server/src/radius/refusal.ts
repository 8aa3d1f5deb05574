import { MfaError, type ErrorCode } from '@countersign/contracts';

/**
 * What of an error is a "no" to a login. Anything else says nothing of whoever logs in: then nothing is sent, so that the client asks again or
 * asks its next server (RAD-44).
 */
const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  'REQUEST_INVALID',
  'CREDENTIALS_REJECTED',
  'PASSWORD_EXPIRED',
  'CODE_REJECTED',
  'PIN_NEEDED',
  'CHALLENGE_NOT_FOUND',
  'CHALLENGE_CLOSED',
  'METHOD_UNAVAILABLE',
  'USER_NOT_FOUND',
  'USER_DISABLED',
  'TRY_LATER',
  'NOT_ALLOWED',
]);

export function isRefusal(error: unknown): error is MfaError {
  return error instanceof MfaError && REFUSALS.has(error.code);
}
