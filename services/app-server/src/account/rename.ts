import { MfaError, type accountRename, type InputOf, type OutputOf } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, recordAdministration } from '../audit/administration.ts';
import { setLabel } from '../authenticator/store.ts';
import type { AccountDependencies } from './get.ts';
import { personOf } from './person.ts';

/**
 * Gives a factor another name.
 * @throws MfaError SIGN_IN_NEEDED, NOT_ALLOWED, AUTHENTICATOR_NOT_FOUND, PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function rename(
  deps: AccountDependencies,
  { access, authenticatorId, label }: InputOf<typeof accountRename>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof accountRename>> {
  const { user, policy } = await personOf(deps, access, 'full', request);
  if (!policy.portal.rename) throw new MfaError('NOT_ALLOWED', { reason: 'rename' });
  const { userId } = user;
  const { attemptId, application } = request;
  const at = deps.now();
  await deps.router.write((db) =>
    changeOnce(db, attemptId, async (transaction) => {
      const [authenticator, passkey] = [
        await setLabel(transaction, userId, authenticatorId, label),
        await transaction
          .updateTable('passkey')
          .set({ label })
          .where('passkey_id', '=', authenticatorId)
          .where('user_id', '=', userId)
          .executeTakeFirst(),
      ];
      if (authenticator === (passkey.numUpdatedRows === 1n)) throw new MfaError('AUTHENTICATOR_NOT_FOUND');
      const detail = { authenticatorId, label };
      const type = 'authenticator.rename';
      await recordAdministration(transaction, { type, at, attemptId, actor: application.name, userId, detail });
    }),
  );
  return { authenticatorId, label };
}
