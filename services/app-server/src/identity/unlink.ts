import { MfaError, type identityUnlink, type InputOf, type OutputOf } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, recordAdministration } from '../audit/administration.ts';
import type { Router } from '../database/router.ts';

/**
 * Forgets who a user is at the OpenID provider, and nothing else of theirs.
 * @throws MfaError USER_NOT_FOUND, PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function unlink(
  { router, now }: { router: Router; now: () => number },
  { userId, reason }: InputOf<typeof identityUnlink>,
  { attemptId, application }: AuthorisedRequest,
): Promise<OutputOf<typeof identityUnlink>> {
  const at = now();
  await router.write((db) =>
    changeOnce(db, attemptId, async (transaction) => {
      const user = await transaction
        .selectFrom('app_user')
        .select('user_id')
        .where('user_id', '=', userId)
        .executeTakeFirst();
      if (user === undefined) throw new MfaError('USER_NOT_FOUND');
      const gone = await transaction
        .deleteFrom('user_identity')
        .where('user_id', '=', userId)
        .returning(['issuer', 'subject'])
        .execute();
      await recordAdministration(transaction, {
        type: 'identity.unlink',
        at,
        attemptId,
        actor: application.name,
        userId,
        reason,
        detail: { identities: gone },
      });
    }),
  );
  return { userId };
}
