import type { DatedEvent } from '../challenge/events.ts';
import type { UserState } from '../challenge/state.ts';

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

export function encodeRecord(record: LedgerRecord): Uint8Array {
  return encoder.encode(JSON.stringify(record));
}

/** A message that is not one of ours, or of a version that is newer than this replica. Reading it again would not help. */
export class RecordUnreadable extends Error {
  override readonly name = 'RecordUnreadable';
}

/** @throws RecordUnreadable: better no login than one decided on something unknown. */
export function decodeRecord(data: Uint8Array): LedgerRecord {
  const record = parse(data);
  if (record.state.version === 1) return record;
  throw new RecordUnreadable(`ledger record of unknown version ${String(record.state.version)}`);
}

function parse(data: Uint8Array): LedgerRecord {
  try {
    return JSON.parse(decoder.decode(data)) as LedgerRecord;
  } catch (cause) {
    throw new RecordUnreadable('ledger record that is no JSON', { cause });
  }
}
