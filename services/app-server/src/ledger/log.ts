import type { LedgerRecord } from './record.ts';

/** A record and its place in the stream. */
export interface Stored {
  record: LedgerRecord;
  sequence: number;
}

/**
 * What the ledger needs of JetStream. The real one is jetstream-log.ts; the simulator has one that is stale, slow, forgetful and
 * loses acknowledgements on purpose.
 */
export interface UserLog {
  /** The newest record of a user as any replica knows it: it may be old. */
  last(userId: string): Promise<Stored | undefined>;
  /** The newest record as the stream's leader knows it. */
  lastFromLeader(userId: string): Promise<Stored | undefined>;
  /** The first record of a user after a sequence: who took the place that an append was meant for. A miss may be stale. */
  successor(userId: string, sequence: number): Promise<Stored | undefined>;
  /** The record at a place in the stream, as its leader knows it. */
  at(userId: string, sequence: number): Promise<Stored | undefined>;
  /**
   * Appends if the user's newest record still has the expected sequence (0: there is none).
   * `unknown` means what it says: the append may have happened, or may yet happen.
   */
  append(userId: string, record: LedgerRecord, expectedSequence: number): Promise<AppendOutcome>;
}

export type AppendOutcome = { outcome: 'stored'; sequence: number } | { outcome: 'taken' } | { outcome: 'unknown' };
