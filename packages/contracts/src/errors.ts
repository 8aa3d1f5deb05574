/**
 * Every error a caller can get. `title` is the only sentence that leaves the house by itself; a `detail` may add what to do.
 * `docs/error-codes.md` lists the same rows, and a test keeps the two in step.
 */
export const ERRORS = {
  REQUEST_INVALID: { status: 400, title: 'The request is not of the documented form.' },
  UNAUTHENTICATED: {
    status: 401,
    title: 'The API key or client certificate is missing, unknown or revoked.',
  },
  SIGN_IN_NEEDED: { status: 401, title: 'Nobody is signed in, or the session has ended. Sign in.' },
  DEVICE_UNKNOWN: {
    status: 401,
    title: 'This phone is not registered, or not any more. Activate it again with a new code.',
  },
  SIGNATURE_INVALID: { status: 401, title: 'The request does not carry a valid signature of this phone.' },
  CLOCK_WRONG: {
    status: 401,
    title: 'The clock of this phone is wrong. Correct the time by Countersign-Time and repeat the request.',
  },
  REPLAYED: { status: 401, title: 'This request was sent before. Make a new one.' },
  FORBIDDEN: { status: 403, title: 'This application may not do that.' },
  STEP_UP_NEEDED: { status: 403, title: 'Confirm with a second factor first, then repeat the request.' },
  NOT_ALLOWED: { status: 403, title: 'The policy of your organisation does not allow this.' },
  ACCESS_CODE_NEEDED: {
    status: 403,
    title: 'The first factor is enrolled with an access code. Ask your administrator or helpdesk for one.',
  },
  PIN_NEEDED: {
    status: 403,
    title: 'The code was right, and a PIN of your own is needed beside it. Set it at the portal, then sign in again.',
  },
  JOIN_REFUSED: { status: 403, title: 'The join token is unknown, used, expired or taken back. Ask for a new one.' },
  RENEWAL_REFUSED: { status: 403, title: 'The certificate is unknown or was revoked. Join again with a new token.' },
  CHALLENGE_NOT_FOUND: { status: 404, title: 'This application has no such challenge.' },
  ACTIVATION_NOT_FOUND: {
    status: 404,
    title: 'This code is unknown, used or expired. Get a new one where you got this.',
  },
  USER_NOT_FOUND: { status: 404, title: 'There is no such user.' },
  AUTHENTICATOR_NOT_FOUND: { status: 404, title: 'This user has no such authenticator.' },
  DIRECTORY_NOT_FOUND: { status: 404, title: 'There is no such directory.' },
  APPLICATION_NOT_FOUND: { status: 404, title: 'There is no such application.' },
  RADIUS_CLIENT_NOT_FOUND: { status: 404, title: 'There is no such RADIUS client.' },
  RADIUS_UPSTREAM_NOT_FOUND: { status: 404, title: 'There is no such upstream RADIUS server.' },
  REPLICA_NOT_FOUND: { status: 404, title: 'There is no such replica.' },
  ROUTE_NOT_FOUND: { status: 404, title: 'There is nothing at this address.' },
  CHALLENGE_CLOSED: { status: 409, title: 'The challenge has ended. Start a new one.' },
  USER_EXISTS: { status: 409, title: 'Another user has this name or alias.' },
  USER_DISABLED: { status: 409, title: 'The user is disabled or blocked.' },
  METHOD_UNAVAILABLE: {
    status: 409,
    title: 'The user cannot be asked in this way.',
  },
  QUESTIONS_MISSING: {
    status: 409,
    title: 'The user has not chosen enough security questions. Make sure who it is in another way.',
  },
  AUTHENTICATOR_LIMIT: {
    status: 409,
    title: 'The user has as many authenticators as allowed. Remove one first.',
  },
  LAST_AUTHENTICATOR: { status: 409, title: 'This is the only factor. Add another one before you remove it.' },
  DIRECTORY_EXISTS: { status: 409, title: 'Another directory has this name.' },
  DIRECTORY_CONFLICT: {
    status: 409,
    title: 'The directory was changed meanwhile. Read it again and repeat the change.',
  },
  APPLICATION_USED: {
    status: 409,
    title: 'A RADIUS client asks for this application. Change or delete the client first.',
  },
  RADIUS_CLIENT_EXISTS: {
    status: 409,
    title: 'Another RADIUS client has this name, network or certificate.',
  },
  RADIUS_CLIENT_CONFLICT: {
    status: 409,
    title: 'The RADIUS client was changed meanwhile. Read it again and repeat the change.',
  },
  RADIUS_UPSTREAM_EXISTS: { status: 409, title: 'Another upstream RADIUS server has this name.' },
  RADIUS_UPSTREAM_CONFLICT: {
    status: 409,
    title: 'The upstream RADIUS server was changed meanwhile. Read it again and repeat the change.',
  },
  RADIUS_UPSTREAM_USED: {
    status: 409,
    title: 'A RADIUS client has its passwords held by this upstream server. Change the client first.',
  },
  REPLICA_EXISTS: { status: 409, title: 'A replica of this name is active or invited. Revoke it first.' },
  AUTHORITY_MISSING: {
    status: 409,
    title: 'This installation cannot admit replicas: it has no authority of its own, or no address to join at.',
  },
  POLICY_CONFLICT: {
    status: 409,
    title: 'The policy was changed meanwhile. Read it again and repeat the change.',
  },
  UPGRADE_UNFINISHED: {
    status: 409,
    title: 'An app-server of an earlier release still runs. Upgrade it first.',
  },
  IDEMPOTENCY_KEY_REUSED: {
    status: 409,
    title: 'This Idempotency-Key was used with another request.',
  },
  IDEMPOTENCY_KEY_BUSY: {
    status: 409,
    title: 'A request with this Idempotency-Key is under way. Repeat it in a moment.',
  },
  CODE_REJECTED: { status: 422, title: 'The code was not accepted.' },
  NUMBER_WRONG: { status: 422, title: 'This is not the number on the other screen. The request was ended.' },
  DISPLAY_MISMATCH: {
    status: 422,
    title: 'This phone showed something else than what was asked. The answer does not count.',
  },
  PASSKEY_NEEDED: {
    status: 422,
    title:
      'This has to be confirmed with the passkey of this phone. Turn that on in the app where it is off, then repeat.',
  },
  PASSKEY_REJECTED: {
    status: 422,
    title: 'The passkey did not confirm it. Repeat; where it does not help, remove this phone and activate it again.',
  },
  CREDENTIALS_REJECTED: { status: 422, title: 'The name or the password was not accepted.' },
  PASSWORD_EXPIRED: {
    status: 422,
    title: 'The password has expired. Change it where you usually do, then sign in again.',
  },
  KEY_NOT_ACCEPTED: {
    status: 422,
    title:
      'Your organisation takes other security keys only. Use one that it gave you, or ask your administrator which.',
  },
  PIN_WEAK: { status: 422, title: 'This PIN is easy to guess. Choose another one.' },
  PIN_USED_BEFORE: { status: 422, title: 'This PIN was used before. Choose another one.' },
  TRY_LATER: { status: 429, title: 'Too many tries. Wait as long as Retry-After says.' },
  INTERNAL: { status: 500, title: 'Something went wrong here. Nobody was let in.' },
  PRIMARY_UNAVAILABLE: {
    status: 503,
    title: 'Changes cannot be saved at the moment. Logins go on. Repeat the request.',
  },
  METADATA_UNAVAILABLE: {
    status: 503,
    title:
      'Which make a security key is cannot be checked at the moment. Add another factor, or ask your administrator.',
  },
  RADIUS_UPSTREAM_UNAVAILABLE: {
    status: 503,
    title: 'No upstream RADIUS server answers, so no password can be checked. Try again in a minute.',
  },
  DIRECTORY_UNAVAILABLE: {
    status: 503,
    title: 'The directory does not answer, so no password can be checked. Try again in a minute.',
  },
  UNAVAILABLE: { status: 503, title: 'The request could not be decided in time. Repeat it.' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ErrorCode = keyof typeof ERRORS;

export interface InvalidField {
  /** JSON pointer (RFC 6901) into the request body, or the name of a header or query parameter. */
  pointer: string;
  message: string;
}

export interface MfaErrorOptions {
  /** A sentence for the caller; must hold nothing that the caller did not already know. */
  detail?: string;
  retryAfterSeconds?: number;
  invalid?: InvalidField[];
  /** For logs only. Never leaves the process. */
  cause?: unknown;
  /** Short machine-readable reason for logs and audit only. */
  reason?: string;
}

/** An answer "no" with a code that callers branch on. */
export class MfaError extends Error {
  override readonly name = 'MfaError';
  readonly code: ErrorCode;
  readonly detail: string | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly invalid: InvalidField[] | undefined;
  readonly reason: string | undefined;

  constructor(code: ErrorCode, options: MfaErrorOptions = {}) {
    super(ERRORS[code].title, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.detail = options.detail;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.invalid = options.invalid;
    this.reason = options.reason;
  }
}

/** What crosses the bus in place of an answer. */
export interface ErrorMessage {
  code: string;
  detail?: string;
  retryAfterSeconds?: number;
  invalid?: InvalidField[];
}

export function toErrorMessage(error: unknown): ErrorMessage {
  if (!(error instanceof MfaError)) return { code: 'INTERNAL' };
  return {
    code: error.code,
    ...(error.detail !== undefined && { detail: error.detail }),
    ...(error.retryAfterSeconds !== undefined && { retryAfterSeconds: error.retryAfterSeconds }),
    ...(error.invalid !== undefined && { invalid: error.invalid }),
  };
}

/** A code this build does not know comes from a newer server: it is INTERNAL to our callers. */
export function fromErrorMessage(message: ErrorMessage): MfaError {
  if (!isErrorCode(message.code)) return new MfaError('INTERNAL', { reason: `unknown code ${message.code}` });
  const { code: _, ...options } = message;
  return new MfaError(message.code, options);
}

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}
