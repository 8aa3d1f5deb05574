import { MfaError, type AccountView, type InputOf, type accountUpdate } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, recordAdministration } from '../audit/administration.ts';
import { viewAccount, type AccountDependencies } from './get.ts';
import { personOf } from './person.ts';

/**
 * Changes in which language, and by which method first, a person is asked.
 * @throws MfaError SIGN_IN_NEEDED, NOT_ALLOWED, PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function update(
  deps: AccountDependencies,
  { access, language, methods }: InputOf<typeof accountUpdate>,
  request: AuthorisedRequest,
): Promise<AccountView> {
  const person = await personOf(deps, access, methods === undefined ? 'newcomer' : 'full', request);
  const { portal } = person.policy;
  if (language !== undefined && !portal.chooseLanguage) throw new MfaError('NOT_ALLOWED', { reason: 'language' });
  if (methods !== undefined && !portal.chooseMethod) throw new MfaError('NOT_ALLOWED', { reason: 'methods' });
  const { userId } = person.user;
  const { attemptId, application } = request;
  const now = deps.now();
  const chosen = { ...(language !== undefined && { language }), ...(methods !== undefined && { methods }) };
  await deps.router.write((db) =>
    changeOnce(db, attemptId, async (transaction) => {
      await transaction
        .updateTable('app_user')
        .set({ ...chosen, updated_at: new Date(now) })
        .where('user_id', '=', userId)
        .execute();
      const type = 'account.update';
      await recordAdministration(transaction, {
        type,
        at: now,
        attemptId,
        actor: application.name,
        userId,
        detail: chosen,
      });
    }),
  );
  return viewAccount(deps, { ...person, user: { ...person.user, ...chosen } });
}
