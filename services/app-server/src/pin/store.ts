import type { Kysely } from 'kysely';
import type { Schema } from '../database/schema.ts';
import type { LoginPin } from '../user/store.ts';
import { lockUser } from '../user/lock.ts';

/**
 * PINs are in Postgres, like whatever else people have: nothing of a PIN is used up by a login, so there is nothing that only an append could
 * decide, and the ledger, which is copied and kept for months, needs no hash of one. A replica that reads a standby a moment behind may
 * still take the PIN before: it lets nobody in by itself.
 */
export interface KeptPin extends LoginPin {
  /** Hashes of those before, newest first. */
  earlier: readonly string[];
}

/** The most that `pin.history` may be. */
const MAX_EARLIER = 24;

export async function pinOf(db: Kysely<Schema>, userId: string): Promise<KeptPin | undefined> {
  const row = await db.selectFrom('user_pin').selectAll().where('user_id', '=', userId).executeTakeFirst();
  if (row === undefined) return undefined;
  return { hash: row.hash, earlier: row.earlier, mustChange: row.must_change, setAt: row.set_at.getTime() };
}

/**
 * Takes the place of the one before, which is remembered. Of two at once the later one waits, and stays.
 * @throws MfaError USER_NOT_FOUND.
 */
export async function replacePin(
  db: Kysely<Schema>,
  { userId, hash, mustChange, setAt }: { userId: string; hash: string; mustChange: boolean; setAt: Date },
): Promise<void> {
  await lockUser(db, userId);
  const before = await pinOf(db, userId);
  const earlier = before === undefined ? [] : [before.hash, ...before.earlier].slice(0, MAX_EARLIER);
  const values = { hash, earlier, must_change: mustChange, set_at: setAt };
  await db
    .insertInto('user_pin')
    .values({ user_id: userId, ...values })
    .onConflict((conflict) => conflict.column('user_id').doUpdateSet(values))
    .execute();
}

/** The same PIN, hashed anew; nothing where it was changed meanwhile. */
export async function rehashPin(
  db: Kysely<Schema>,
  { userId, from, to }: { userId: string; from: string; to: string },
): Promise<void> {
  await db.updateTable('user_pin').set({ hash: to }).where('user_id', '=', userId).where('hash', '=', from).execute();
}

/** @returns whether there was one. */
export async function deletePin(db: Kysely<Schema>, userId: string): Promise<boolean> {
  const { numDeletedRows } = await db.deleteFrom('user_pin').where('user_id', '=', userId).executeTakeFirstOrThrow();
  return numDeletedRows > 0n;
}
