import { MfaError } from '@countersign/contracts';
import type { Kysely } from 'kysely';
import type { Schema } from '../database/schema.ts';
import { canonicalUsername } from './canonical.ts';

export interface Name {
  canonical: string;
  spelling: string;
}

/** @throws MfaError REQUEST_INVALID when the name touches nobody. */
export function nameOf(spelling: string, pointer: string): Name {
  const name = canonicalUsername(spelling);
  if ('refused' in name) throw new MfaError('REQUEST_INVALID', { invalid: [{ pointer, message: name.refused }] });
  return { canonical: name.canonical, spelling };
}

/**
 * Gives a user exactly these names. Two users can never share one: the primary key of the table sees to it (R3).
 * @throws MfaError USER_EXISTS; the transaction must be given up then.
 */
export async function setNames(
  db: Kysely<Schema>,
  userId: string,
  username: Name,
  aliases: readonly Name[],
): Promise<void> {
  const others = new Map(aliases.map((alias) => [alias.canonical, alias]));
  others.delete(username.canonical);
  const rows = [
    { ...username, is_username: true },
    ...[...others.values()].map((alias) => ({ ...alias, is_username: false })),
  ];
  await db.deleteFrom('user_alias').where('user_id', '=', userId).execute();
  const inserted = await db
    .insertInto('user_alias')
    .values(rows.map((row) => ({ ...row, user_id: userId })))
    .onConflict((conflict) => conflict.column('canonical').doNothing())
    .executeTakeFirst();
  if (inserted.numInsertedOrUpdatedRows !== BigInt(rows.length)) throw new MfaError('USER_EXISTS');
}
