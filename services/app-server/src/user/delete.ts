import { MfaError, type InputOf, type OutputOf, type userDelete } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { recordAdministration } from '../audit/administration.ts';
import type { UpdateDependencies } from './update.ts';

/**
 * Deletes a user and what they enrolled. In the ledger the user is disabled first and stays so: a replica that still reads the
 * row lets nobody in, and ids are never given again (R17).
 * @throws MfaError USER_NOT_FOUND, PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function remove(
  { router, ledger, now }: UpdateDependencies,
  { userId }: InputOf<typeof userDelete>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof userDelete>> {
  const { attemptId, traceId } = request;
  const by = request.application.name;
  const user = await router.read(
    (db) => db.selectFrom('app_user').select('username').where('user_id', '=', userId).executeTakeFirst(),
    { from: 'primary' },
  );
  if (user === undefined) throw new MfaError('USER_NOT_FOUND');
  await ledger.act(userId, attemptId, () => ({ append: { type: 'user.disabled', by } }), { traceId });
  await router.write((db) =>
    db.transaction().execute(async (transaction) => {
      const deleted = await transaction.deleteFrom('app_user').where('user_id', '=', userId).executeTakeFirst();
      if (deleted.numDeletedRows !== 1n) return;
      const detail = { username: user.username };
      await recordAdministration(transaction, { type: 'user.delete', at: now(), attemptId, actor: by, userId, detail });
    }),
  );
  return { userId };
}
