import { MfaError, type ErrorMessage } from '@countersign/contracts';
import type { KeyRing } from '../keys/ring.ts';

/** What was said to the caller, to be said again. */
export type Answer = { output: unknown } | { error: ErrorMessage };

/** One message of the stream: who has the key in hand, or what came of it. */
export interface IdempotencyRecord {
  /** `free`: tried, without an answer worth keeping; whoever comes next may try again. */
  state: 'running' | 'free' | 'done';
  /** Random; tells the claimer that this record is its own. */
  claim: string;
  /** The attemptId of the call that claimed: the same on every try of that call. */
  call: string;
  /** Random, drawn with the first claim and kept by those after it. What the attempt's id is made of. */
  origin: string;
  /** ms since the epoch. After it nobody waits for the claimer's answer. */
  leaseUntil: number;
  /** Hash of the request's body: another body under this key is an error of the caller. */
  request: string;
  /** With `done`. */
  answer?: Answer;
}

type Sealed = Pick<IdempotencyRecord, 'request' | 'answer'>;
type Plain = Omit<IdempotencyRecord, keyof Sealed> & { version: 1; sealed: string };

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * Answers hold secrets (a new API key, an enrolment), and a hash of a body with a six-digit code in it gives away the code: both
 * are sealed, for this key and this claim only.
 */
export function encodeIdempotencyRecord(ring: Sealer, subject: string, record: IdempotencyRecord): Uint8Array {
  const { request, answer, ...plain } = record;
  const inner: Sealed = { request, ...(answer !== undefined && { answer }) };
  const sealed = ring.seal(encoder.encode(JSON.stringify(inner)), placeOf(subject, plain));
  return encoder.encode(JSON.stringify({ version: 1, ...plain, sealed } satisfies Plain));
}

/** @throws MfaError INTERNAL when it cannot be opened: then nobody can tell what was answered, and nothing is done again. */
export function decodeIdempotencyRecord(ring: Sealer, subject: string, data: Uint8Array): IdempotencyRecord {
  try {
    const { version, sealed, ...plain } = JSON.parse(decoder.decode(data)) as Plain;
    if (version !== 1) throw new Error(`idempotency record of unknown version ${String(version)}`);
    const inner = JSON.parse(decoder.decode(ring.open(sealed, placeOf(subject, plain)))) as Sealed;
    return { ...plain, ...inner };
  } catch (cause) {
    throw new MfaError('INTERNAL', { reason: 'idempotency record unreadable', cause });
  }
}

export type Sealer = Pick<KeyRing, 'seal' | 'open'>;

function placeOf(subject: string, { state, claim, origin }: Pick<Plain, 'state' | 'claim' | 'origin'>): string {
  return `${subject}/${state}/${claim}/${origin}`;
}
