import { MfaError } from '@countersign/contracts';
import { ResultCodeError } from 'ldapts';

/** A directory said no, or nothing, for a reason that an operator wants to know. */
export class DirectoryProblem extends Error {
  override readonly name = 'DirectoryProblem';
}

/** What somebody who wants to sign in is told. */
export function directoryUnavailable(cause: unknown): MfaError {
  return new MfaError('DIRECTORY_UNAVAILABLE', { retryAfterSeconds: 10, reason: 'directory', cause });
}

/** For operators: what a server said, without what it was asked. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  // Of an answer that says no more than its number, the name says what it is.
  const text = error instanceof ResultCodeError ? `${error.name} ${error.message}` : error.message;
  return text.trim().replaceAll(/\s+/g, ' ').slice(0, 200);
}
