import { createHash } from 'node:crypto';
import { MfaError, uuidFrom, type InputOf, type userCreate, type UserView } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { recordAdministration } from '../audit/administration.ts';
import type { Router } from '../database/router.ts';
import { nameOf, setNames } from './names.ts';
import { readUsers } from './view.ts';

/**
 * Makes a user, who has no authenticators yet.
 * @throws MfaError USER_EXISTS, REQUEST_INVALID, PRIMARY_UNAVAILABLE.
 */
export async function create(
  { router, now }: { router: Router; now: () => number },
  { username, aliases = [], displayName, language }: InputOf<typeof userCreate>,
  request: AuthorisedRequest,
): Promise<UserView> {
  const userId = uuidFrom(createHash('sha256').update(`user/${request.attemptId}`).digest());
  const name = nameOf(username, '/username');
  const others = aliases.map((alias, index) => nameOf(alias, `/aliases/${index}`));
  const at = now();
  const [view] = await router.write((db) =>
    db.transaction().execute(async (transaction) => {
      const inserted = await transaction
        .insertInto('app_user')
        .values({
          user_id: userId,
          username,
          display_name: displayName ?? null,
          language: language ?? null,
          status: 'enabled',
          created_at: new Date(at),
          updated_at: new Date(at),
        })
        .onConflict((conflict) => conflict.column('user_id').doNothing())
        .executeTakeFirst();
      // This very attempt, repeated, finds its own row (INV-21).
      if (inserted.numInsertedOrUpdatedRows === 1n) {
        await setNames(transaction, userId, name, others);
        const { attemptId, application } = request;
        const detail = { username, aliases, displayName, language };
        await recordAdministration(transaction, {
          type: 'user.create',
          at,
          attemptId,
          actor: application.name,
          userId,
          detail,
        });
      }
      return readUsers(transaction, [userId]);
    }),
  );
  if (view === undefined) throw new MfaError('INTERNAL', { reason: 'user vanished while it was made' });
  return view;
}
