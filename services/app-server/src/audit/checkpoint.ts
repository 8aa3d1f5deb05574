import { sql, type Kysely } from 'kysely';
import type { Router } from '../database/router.ts';
import type { Schema } from '../database/schema.ts';
import { ensureAuditMonths } from './months.ts';
import type { AuditRow } from './projected.ts';

/** How far a stream was projected. One for each stream that ever had the name. */
export interface Checkpoint {
  stream: string;
  /** When the stream was created, ms since the epoch. */
  created: number;
  /** Everything up to this sequence is in Postgres. */
  sequence: number;
}

/** Timeline of the write-ahead log; it rises when a standby is promoted. */
export const TIMELINE = sql<number>`('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int`;

/** On the primary: the one for this stream, begun where there is none. */
export async function checkpointOf(db: Kysely<Schema>, stream: string, created: number): Promise<Checkpoint> {
  const found = await find(db, stream, created);
  if (found !== undefined) return found;
  await db
    .insertInto('projection_checkpoint')
    .values({ stream, stream_created: new Date(created), sequence: 0, at: new Date(0), timeline: TIMELINE })
    .onConflict((conflict) => conflict.columns(['stream', 'stream_created']).doNothing())
    .execute();
  return { stream, created, sequence: (await find(db, stream, created))?.sequence ?? 0 };
}

async function find(db: Kysely<Schema>, stream: string, created: number): Promise<Checkpoint | undefined> {
  const row = await db
    .selectFrom('projection_checkpoint')
    .select('sequence')
    .where('stream', '=', stream)
    .where('stream_created', '=', new Date(created))
    .executeTakeFirst();
  return row === undefined ? undefined : { stream, created, sequence: Number(row.sequence) };
}

/**
 * Takes a checkpoint back, because the stream forgot messages that had been projected, with a row in the audit that says so.
 * @returns false when somebody else has moved it.
 */
export function rewindCheckpoint(
  db: Kysely<Schema>,
  from: Checkpoint,
  sequence: number,
  row: AuditRow,
): Promise<boolean> {
  return db.transaction().execute(async (transaction) => {
    await ensureAuditMonths(transaction, [row.at]);
    const moved = await transaction
      .updateTable('projection_checkpoint')
      .set({ sequence, timeline: TIMELINE, updated_at: sql`now()` })
      .where('stream', '=', from.stream)
      .where('stream_created', '=', new Date(from.created))
      .where('sequence', '=', String(from.sequence))
      .executeTakeFirst();
    if (moved.numUpdatedRows !== 1n) return false;
    // States from after the place stay, since they are stricter than none; whatever happens to the user next replaces them.
    await transaction
      .updateTable('user_ledger')
      .set({ stream_sequence: sequence })
      .where('stream_created', '=', new Date(from.created))
      .where('stream_sequence', '>', String(sequence))
      .execute();
    const { at, detail, ...columns } = row;
    await transaction
      .insertInto('audit_event')
      .values({ ...columns, at: new Date(at), stream: from.stream, detail: JSON.stringify(detail) })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    return true;
  });
}

/** Whether this event is in the audit already. */
export async function isProjected(db: Kysely<Schema>, stream: string, row: AuditRow): Promise<boolean> {
  const found = await db
    .selectFrom('audit_event')
    .select('sequence')
    .where('at', '=', new Date(row.at))
    .where('stream', '=', stream)
    .where('sequence', '=', String(row.sequence))
    .where('attempt_id', '=', row.attempt_id)
    .executeTakeFirst();
  return found !== undefined;
}

/**
 * The highest sequence of a stream that is known in Postgres: the primary's word if it can be had, since a standby may be behind;
 * 0 before anything was projected.
 * @throws MfaError UNAVAILABLE when no node answers.
 */
export async function highestProjected(router: Router, stream: string): Promise<number> {
  const ask = async (db: Kysely<Schema>) => {
    const row = await db
      .selectFrom('projection_checkpoint')
      .select('sequence')
      .where('stream', '=', stream)
      .orderBy('stream_created', 'desc')
      .limit(1)
      .executeTakeFirst();
    return Number(row?.sequence ?? 0);
  };
  return router.read(ask, { from: 'primary' }).catch(() => router.read(ask));
}
