import type { ErrorCode } from '@countersign/contracts';

/**
 * What a server said no with, or what stood in the way of asking it. `OFFLINE`: no connection. `NOT_SIGNED`: an answer that the server's
 * key did not sign, or not for this request, which counts for nothing. `NOT_CONFIRMED`: the person, or the browser, did not want to use the
 * lock of this device.
 */
export type ProblemCode = ErrorCode | 'OFFLINE' | 'NOT_SIGNED' | 'NOT_CONFIRMED';

export interface ProblemOptions {
  readonly retryAfterSeconds?: number;
  /** The server's clock, as the header of its answer says. Nobody signed it. */
  readonly serverMs?: number | undefined;
}

export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: ProblemCode;
  readonly retryAfterSeconds: number;
  readonly serverMs: number | undefined;
  constructor(code: ProblemCode, { retryAfterSeconds = 0, serverMs }: ProblemOptions = {}) {
    super(code);
    this.code = code;
    this.retryAfterSeconds = retryAfterSeconds;
    this.serverMs = serverMs;
  }
}

export function codeOf(error: unknown): ProblemCode {
  return error instanceof Problem ? error.code : 'INTERNAL';
}

/** What may be otherwise a moment later. */
const PASSING: ReadonlySet<string> = new Set<ProblemCode>([
  'OFFLINE',
  'UNAVAILABLE',
  'PRIMARY_UNAVAILABLE',
  'IDEMPOTENCY_KEY_BUSY',
]);

export function isPassing(error: unknown): boolean {
  return PASSING.has(codeOf(error));
}
