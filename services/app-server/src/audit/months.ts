import { sql, type Kysely } from 'kysely';
import type { Schema } from '../database/schema.ts';

/**
 * Makes the partitions of audit_event that these times fall into. There is no partition for the rest: a row that nobody made
 * room for would be in nobody's archive.
 * @param times ms since the epoch.
 */
export async function ensureAuditMonths(db: Kysely<Schema>, times: readonly number[]): Promise<void> {
  const months = new Set(times.map((at) => `${new Date(at).toISOString().slice(0, 7)}-01`));
  for (const month of months) await sql`select audit_event_make_month(${month}::date)`.execute(db);
}

/** This month's partition and the next two, so that a month does not begin with a table to be made. */
export function comingMonths(now: number): number[] {
  const date = new Date(now);
  return [0, 1, 2].map((ahead) => Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + ahead, 1));
}
