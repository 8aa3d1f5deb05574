import type { NoticeKind } from '../notice/texts.ts';
import { storable } from './storable.ts';

/** A message of a stream as it was stored. */
export interface StreamMessage {
  sequence: number;
  subject: string;
  data: Uint8Array;
  /** By the clock of the NATS server, ms since the epoch. */
  storedAt: number;
}

/** A row of audit_event, by the names of its columns. Its stream is that of the batch. */
export interface AuditRow {
  /** ms since the epoch. */
  at: number;
  sequence: number;
  attempt_id: string;
  type: string;
  user_id?: string | undefined;
  application_id?: string | undefined;
  challenge_id?: string | undefined;
  method?: string | undefined;
  reason?: string | undefined;
  actor?: string | undefined;
  replica?: string | undefined;
  trace_id?: string | undefined;
  detail: object;
}

/** The state of a user after an event, for the day on which the ledger has forgotten it. */
export interface LedgerRow {
  user_id: string;
  sequence: number;
  at: number;
  state: object;
}

export interface AuthenticatorUse {
  authenticator_id: string;
  at: number;
  /** Of a passkey that counts. */
  sign_count?: number;
}

/** Somebody to be told of what the ledger decided (AAL-26). */
export interface NoticeRow {
  user_id: string;
  kind: NoticeKind;
  at: number;
}

/** What one message means to Postgres. */
export interface Projected {
  row: AuditRow;
  state?: LedgerRow;
  use?: AuthenticatorUse;
  notice?: NoticeRow;
}

/** @throws when the message is not one of that stream's. */
export type Projection = (message: StreamMessage) => Projected;

/** What is written in the place of a message that cannot be. The message stays in the stream until its age ends it. */
export function unreadable({ sequence, subject, data, storedAt }: StreamMessage): Projected {
  const detail = { subject, bytes: data.length };
  return { row: { at: storedAt, sequence, attempt_id: 'unreadable', type: 'audit.unreadable', detail } };
}

/** What Postgres refuses inside JSON: NUL and half a surrogate pair. The text may match by chance; then it is only looked at closely. */
const UNSTORABLE = /\\u(?:0000|d[89a-f])/;

/** JSON that jsonb takes. */
export function storableJson(value: object): string {
  const text = JSON.stringify(value);
  return UNSTORABLE.test(text) ? JSON.stringify(storable(value)) : text;
}
