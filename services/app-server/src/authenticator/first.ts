import { MfaError } from '@countersign/contracts';
import type { Kysely } from 'kysely';
import type { Schema } from '../database/schema.ts';

/**
 * Of two who are let in to enrol the first factor, one does (R16). Holds the user's row, so that it stays so until the transaction ends.
 * @param authenticatorId the one that is to be the first.
 * @throws MfaError SIGN_IN_NEEDED: there is another by now, with which they sign in.
 */
export async function assertFirst(transaction: Kysely<Schema>, userId: string, authenticatorId: string): Promise<void> {
  await transaction.selectFrom('app_user').select('user_id').where('user_id', '=', userId).forUpdate().execute();
  const authenticator = await transaction
    .selectFrom('authenticator')
    .select('authenticator_id')
    .where('user_id', '=', userId)
    .where('state', '=', 'active')
    .where('authenticator_id', '!=', authenticatorId)
    .executeTakeFirst();
  const passkey = await transaction
    .selectFrom('passkey')
    .select('passkey_id')
    .where('user_id', '=', userId)
    .where('state', '=', 'active')
    .where('passkey_id', '!=', authenticatorId)
    .executeTakeFirst();
  if (authenticator !== undefined || passkey !== undefined) {
    throw new MfaError('SIGN_IN_NEEDED', { reason: 'not the first factor' });
  }
}
