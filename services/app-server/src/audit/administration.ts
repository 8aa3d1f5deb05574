import { currentTrace } from '@countersign/telemetry';
import { sql, type Kysely } from 'kysely';
import type { Schema } from '../database/schema.ts';
import { ensureAuditMonths } from './months.ts';
import { storable } from './storable.ts';

/** A change that an administrator, or an application on somebody's behalf, made in Postgres. */
export interface AdministrativeEvent {
  /** The operation's name, for example `user.update`. */
  type: string;
  /** ms since the epoch. */
  at: number;
  attemptId: string;
  /** Name of the application whose credential was used. */
  actor: string;
  userId?: string | undefined;
  applicationId?: string | undefined;
  reason?: string | undefined;
  /** What was changed. No secret, ever. */
  detail?: unknown;
}

const STREAM = 'administration';

/** Writes the audit of a change in the change's own transaction: both are there, or neither. */
export async function recordAdministration(transaction: Kysely<Schema>, event: AdministrativeEvent): Promise<void> {
  await ensureAuditMonths(transaction, [event.at]);
  await transaction
    .insertInto('audit_event')
    .values({
      at: new Date(event.at),
      stream: STREAM,
      sequence: 0,
      attempt_id: event.attemptId,
      type: event.type,
      user_id: event.userId ?? null,
      application_id: event.applicationId ?? null,
      reason: event.reason ?? null,
      actor: event.actor,
      trace_id: currentTrace()?.traceId ?? null,
      detail: JSON.stringify(storable(event.detail ?? {})),
    })
    .execute();
}

/**
 * Makes a change once: of the same attempt, repeated on this or another replica, only the first runs `change` (INV-21). The
 * attempt is known by the audit row that `change` must write with `recordAdministration`.
 * @returns whether this call made the change.
 */
export function changeOnce(
  db: Kysely<Schema>,
  attemptId: string,
  change: (transaction: Kysely<Schema>) => Promise<void>,
): Promise<boolean> {
  return db.transaction().execute(async (transaction) => {
    // Two runs of one attempt wait for each other here; the lock goes with the transaction.
    await sql`select pg_advisory_xact_lock(hashtextextended(${`attempt ${attemptId}`}, 0))`.execute(transaction);
    if (await changeWasMade(transaction, attemptId)) {
      // It may be on this node alone: the wait for the standby was given up when it was made. A commit that writes waits anew.
      await sql`select pg_logical_emit_message(true, 'countersign', '')`.execute(transaction);
      return false;
    }
    await change(transaction);
    return true;
  });
}

/** Whether an attempt, of whichever replica, has made its change. Ask the primary. */
export async function changeWasMade(db: Kysely<Schema>, attemptId: string): Promise<boolean> {
  const before = await db
    .selectFrom('audit_event')
    .select('type')
    .where('attempt_id', '=', attemptId)
    .where('stream', '=', STREAM)
    .limit(1)
    .executeTakeFirst();
  return before !== undefined;
}
