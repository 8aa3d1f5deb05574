import type { Kysely } from 'kysely';
import type { Router } from '../database/router.ts';
import type { Schema } from '../database/schema.ts';
import { lockUser } from '../user/lock.ts';

/** A user's recovery codes, as keyed hashes. */
export interface RecoverySet {
  setId: string;
  codeMacs: readonly Buffer[];
  /** ms since the epoch. */
  createdAt: number;
}

export async function recoverySetOf(
  router: Router,
  userId: string,
  options: { from?: 'primary' } = {},
): Promise<RecoverySet | undefined> {
  const row = await router.read(
    (db) => db.selectFrom('recovery_set').selectAll().where('user_id', '=', userId).executeTakeFirst(),
    options,
  );
  if (row === undefined) return undefined;
  return { setId: row.set_id, codeMacs: row.code_macs, createdAt: row.created_at.getTime() };
}

/** How many codes of a set are left. */
export async function codesLeft(db: Kysely<Schema>, { setId, codeMacs }: RecoverySet): Promise<number> {
  const { spent } = await db
    .selectFrom('recovery_use')
    .select((eb) => eb.fn.countAll<string>().as('spent'))
    .where('set_id', '=', setId)
    .executeTakeFirstOrThrow();
  return codeMacs.length - Number(spent);
}

/**
 * Takes the place of the set before, with what was spent of it. Of two at once the later one waits, and stays.
 * @returns the id of the set before, if there was one.
 * @throws MfaError USER_NOT_FOUND.
 */
export async function replaceSet(
  db: Kysely<Schema>,
  { userId, setId, codeMacs, createdAt }: { userId: string; setId: string; codeMacs: Buffer[]; createdAt: Date },
): Promise<string | undefined> {
  await lockUser(db, userId);
  const before = await db
    .deleteFrom('recovery_set')
    .where('user_id', '=', userId)
    .returning('set_id')
    .executeTakeFirst();
  await db
    .insertInto('recovery_set')
    .values({ user_id: userId, set_id: setId, code_macs: codeMacs, created_at: createdAt })
    .execute();
  return before?.set_id;
}

export async function deleteSet(db: Kysely<Schema>, userId: string, setId: string): Promise<boolean> {
  const deleted = await db
    .deleteFrom('recovery_set')
    .where('user_id', '=', userId)
    .where('set_id', '=', setId)
    .executeTakeFirst();
  return deleted.numDeletedRows === 1n;
}

/**
 * Spends a code, once and for ever, whatever the ledger forgets.
 * @returns whether it is this attempt's, which a repeated one finds again.
 */
export async function claimCode(
  db: Kysely<Schema>,
  { setId, index, attemptId, at }: { setId: string; index: number; attemptId: string; at: Date },
): Promise<boolean> {
  await db
    .insertInto('recovery_use')
    .values({ set_id: setId, code_index: index, attempt_id: attemptId, used_at: at })
    .onConflict((conflict) => conflict.columns(['set_id', 'code_index']).doNothing())
    .execute();
  const row = await db
    .selectFrom('recovery_use')
    .select('attempt_id')
    .where('set_id', '=', setId)
    .where('code_index', '=', index)
    .executeTakeFirst();
  return row?.attempt_id === attemptId;
}
