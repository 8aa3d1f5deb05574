import type { DatedEvent } from '../challenge/events.ts';
import type { UserState } from '../challenge/state.ts';
import { readState, RecordUnreadable, STATE_FORMS, storedState, type Settled } from './state-form.ts';

/** `yes`: it let the user in, or will once; remembered longer, since recorded again it would let in twice. */
export type AttemptBefore = [attemptId: string, sequence: number, said?: 'yes'];

/** One message of the ledger: what happened, and the whole state after it. The append that decides is also the audit. */
export interface LedgerRecord {
  /** Names the attempt that made this message. The same attempt, repeated, finds it and is given the same answer. */
  attemptId: string;
  event: DatedEvent;
  state: UserState;
  /** The recovery floor that was known when it was decided: what is older than the floor of today may have forgotten something. */
  floorAt: number;
  /** The attempts before this one and where they stand, newest first, so that one that is repeated late is found as well. */
  before: AttemptBefore[];
  /** Which replica appended it. */
  replica: string;
  /** W3C trace id, so that the audit leads to the trace. */
  traceId?: string;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeRecord(record: LedgerRecord, settled: Settled, forms = STATE_FORMS): Uint8Array {
  return encoder.encode(JSON.stringify({ ...record, state: storedState(record.state, settled, forms) }));
}

/** @throws RecordUnreadable: better no login than one decided on something unknown. */
export function decodeRecord(data: Uint8Array, settled: Settled, forms = STATE_FORMS): LedgerRecord {
  const record = parse(data);
  return { ...record, state: readState(record.state, settled, forms) };
}

function parse(data: Uint8Array): Omit<LedgerRecord, 'state'> & { state?: unknown } {
  try {
    return JSON.parse(decoder.decode(data)) as LedgerRecord;
  } catch (cause) {
    throw new RecordUnreadable('ledger record that is no JSON', { cause });
  }
}
