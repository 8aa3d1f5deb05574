import { ERRORS, MfaError, type ErrorCode, type InvalidField } from '@countersign/contracts';

/** RFC 9457. Callers branch on `code`; `type` is a path on this server that explains it. */
export interface Problem {
  type: string;
  code: ErrorCode;
  title: string;
  status: number;
  detail?: string;
  /** Names this one occurrence, as in the log: `urn:uuid:<request id>`. The only member that differs every time. */
  instance: string;
  invalid?: InvalidField[];
}

export interface ProblemAnswer {
  status: number;
  headers: Record<string, string>;
  problem: Problem;
}

export const PROBLEM_CONTENT_TYPE = 'application/problem+json';

/** RFC 9457 section 3.1.1 asks for the full path when the URI is relative. Relative, because Host proves nothing (R28). */
export function problemType(code: ErrorCode): string {
  return `/problems/${code}`;
}

/** The only place where an error becomes HTTP, and the last step before the caller. `cause` and `reason` stay here. */
export function toProblem(error: unknown, requestId: string): ProblemAnswer {
  const known = asMfaError(error);
  const { status, title } = ERRORS[known.code];
  return {
    status,
    headers: {
      ...(known.retryAfterSeconds !== undefined && { 'retry-after': String(Math.ceil(known.retryAfterSeconds)) }),
      // RFC 9110 section 11.6.1: a 401 says how to authenticate.
      ...(status === 401 && { 'www-authenticate': 'Bearer realm="countersign"' }),
    },
    problem: {
      type: problemType(known.code),
      code: known.code,
      title,
      status,
      ...(known.detail !== undefined && { detail: known.detail }),
      instance: `urn:uuid:${requestId}`,
      ...(known.invalid !== undefined && { invalid: known.invalid }),
    },
  };
}

/** Fastify's refusals of what a caller sent are REQUEST_INVALID; everything else that is not ours is a bug of ours. */
export function asMfaError(error: unknown): MfaError {
  if (error instanceof MfaError) return error;
  if (isFastifyRefusal(error)) return new MfaError('REQUEST_INVALID', { cause: error });
  return new MfaError('INTERNAL', { cause: error });
}

function isFastifyRefusal(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code, statusCode } = error as { code?: unknown; statusCode?: unknown };
  return (
    typeof code === 'string' &&
    code.startsWith('FST_ERR_') &&
    typeof statusCode === 'number' &&
    statusCode >= 400 &&
    statusCode < 500
  );
}
