import { MfaError } from '@countersign/contracts';
import type { Router } from '../database/router.ts';

/**
 * Makes sure of a user before the ledger hears of one. A standby is enough, so that disabling and blocking take effect also while
 * the primary is away; one that lags is not believed when it says no.
 * @throws MfaError USER_NOT_FOUND, UNAVAILABLE.
 */
export async function assertUser(router: Router, userId: string): Promise<void> {
  const known = await isUser(router, userId, {});
  if (known || (await isUser(router, userId, { from: 'primary' }))) return;
  throw new MfaError('USER_NOT_FOUND');
}

async function isUser(router: Router, userId: string, options: { from?: 'primary' }): Promise<boolean> {
  const row = await router.read(
    (db) => db.selectFrom('app_user').select('user_id').where('user_id', '=', userId).executeTakeFirst(),
    options,
  );
  return row !== undefined;
}
