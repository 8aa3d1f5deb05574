import { createHash } from 'node:crypto';
import { uuidFrom, type InputOf, type OutputOf, type userCreate } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, recordAdministration } from '../audit/administration.ts';
import { namesOf, nameTaken, takeNames } from './names.ts';
import { viewUser, type ViewDependencies } from './view.ts';

/**
 * Makes a user.
 * @throws MfaError REQUEST_INVALID for a name that cannot be one, USER_EXISTS when somebody has it, PRIMARY_UNAVAILABLE.
 */
export async function create(
  deps: ViewDependencies & { now: () => number },
  input: InputOf<typeof userCreate>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof userCreate>> {
  const names = namesOf(input.username, input.aliases ?? []);
  // Derived, not drawn: the same attempt, repeated, finds the user that it made (INV-21).
  const userId = uuidFrom(createHash('sha256').update(`user/${request.attemptId}`).digest());
  const now = deps.now();
  await deps.router
    .write((db) =>
      changeOnce(db, request.attemptId, async (transaction) => {
        await transaction
          .insertInto('app_user')
          .values({
            user_id: userId,
            username: input.username,
            display_name: input.displayName ?? null,
            language: input.language ?? null,
            status: 'enabled',
            created_at: new Date(now),
            updated_at: new Date(now),
          })
          .execute();
        await takeNames(transaction, userId, names);
        await recordAdministration(transaction, {
          type: 'user.create',
          at: now,
          attemptId: request.attemptId,
          actor: request.application.name,
          userId,
          detail: { username: input.username, aliases: input.aliases ?? [] },
        });
      }),
    )
    .catch(nameTaken);
  return viewUser(deps, userId, { from: 'primary' });
}
