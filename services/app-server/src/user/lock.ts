import { MfaError } from '@countersign/contracts';
import type { Kysely } from 'kysely';
import type { Schema } from '../database/schema.ts';

/**
 * From here to the end of the transaction nobody else adds to what a user has, on no replica: what is counted now holds when it is written.
 * @throws MfaError USER_NOT_FOUND.
 */
export async function lockUser(db: Kysely<Schema>, userId: string): Promise<void> {
  const user = await db
    .selectFrom('app_user')
    .select('user_id')
    .where('user_id', '=', userId)
    .forUpdate()
    .executeTakeFirst();
  if (user === undefined) throw new MfaError('USER_NOT_FOUND');
}
