import { MfaError, type ErrorCode } from '@countersign/contracts';
import type { DropReason } from './judge.ts';

/** Why work ends before it is done: the replica stops. */
export const STOPPING = new MfaError('UNAVAILABLE', { reason: 'this replica stops' });
/** RAD-72: nobody is there to hear of it. */
export const CONNECTION_LOST = new MfaError('UNAVAILABLE', { reason: 'the connection ended' });

/** Why work that was begun gives no answer. */
export interface Failure {
  reason: DropReason;
  /** What the log calls it, where that tells more than others say already. */
  event?: string;
  detail?: string;
}

const CANNOT_SAY: Failure = { reason: 'unavailable', event: 'radius.unavailable' };
const NOT_AUTHORISED: Failure = {
  reason: 'not-authorised',
  event: 'radius.not_authorised',
  detail: 'COUNTERSIGN_API_KEY was withdrawn, or its application lacks the scope radius: nobody can log in here.',
};

/** What app-server says when it works as it should, and yet cannot decide. Every other code is an error of ours. */
const BY_CODE: Partial<Record<ErrorCode, Failure>> = {
  UNAVAILABLE: { reason: 'unavailable' },
  TRY_LATER: CANNOT_SAY,
  PRIMARY_UNAVAILABLE: CANNOT_SAY,
  DIRECTORY_UNAVAILABLE: CANNOT_SAY,
  RADIUS_UPSTREAM_UNAVAILABLE: CANNOT_SAY,
  UNAUTHENTICATED: NOT_AUTHORISED,
  FORBIDDEN: NOT_AUTHORISED,
};

/** @param signal of the work: once it is aborted, its reason counts and not what came of it. */
export function failureOf(error: unknown, { aborted, reason }: Pick<AbortSignal, 'aborted' | 'reason'>): Failure {
  if (aborted) {
    if (reason === STOPPING) return { reason: 'stopping' };
    return { reason: reason === CONNECTION_LOST ? 'connection-lost' : 'superseded' };
  }
  if (error instanceof RangeError) return { reason: 'unsendable', event: 'radius.unsendable' };
  const known = error instanceof MfaError ? BY_CODE[error.code] : undefined;
  return known ?? { reason: 'failed', event: 'radius.failed' };
}
