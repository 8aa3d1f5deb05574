import { MfaError, type InputOf, type userUpdate, type UserView } from '@countersign/contracts';
import type { Kysely } from 'kysely';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { recordAdministration } from '../audit/administration.ts';
import type { Router } from '../database/router.ts';
import type { Schema } from '../database/schema.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { nameOf, setNames } from './names.ts';
import { readUsers, withBlock } from './view.ts';

export interface UpdateDependencies {
  router: Router;
  ledger: Ledger;
  now: () => number;
}

type Input = InputOf<typeof userUpdate>;

/**
 * Changes what is given and leaves the rest. Disabling is told to the ledger first and enabling last, so that at every moment
 * whatever any replica reads is at least as strict as what was asked for (HA-31).
 * @throws MfaError USER_NOT_FOUND, USER_EXISTS, REQUEST_INVALID, PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function update(deps: UpdateDependencies, input: Input, request: AuthorisedRequest): Promise<UserView> {
  const { userId, status } = input;
  const by = request.application.name;
  const [before] = await deps.router.read((db) => readUsers(db, [userId]), { from: 'primary' });
  if (before === undefined) throw new MfaError('USER_NOT_FOUND');

  const options = { traceId: request.traceId };
  if (status === 'disabled') {
    await deps.ledger.act(userId, request.attemptId, () => ({ append: { type: 'user.disabled', by } }), options);
  }
  const [after] = await deps.router.write((db) =>
    db.transaction().execute(async (transaction) => {
      await write(transaction, input, before, deps.now());
      const { userId: _, ...detail } = input;
      const { attemptId } = request;
      await recordAdministration(transaction, {
        type: 'user.update',
        at: deps.now(),
        attemptId,
        actor: by,
        userId,
        detail,
      });
      return readUsers(transaction, [userId]);
    }),
  );
  if (after === undefined) throw new MfaError('USER_NOT_FOUND');
  if (status === 'enabled') {
    await deps.ledger.act(userId, request.attemptId, () => ({ append: { type: 'user.enabled', by } }), options);
  }
  return withBlock(deps.ledger, after);
}

async function write(
  db: Kysely<Schema>,
  { userId, username, aliases, displayName, language, status }: Input,
  before: { username: string; aliases: string[] },
  now: number,
): Promise<void> {
  const updated = await db
    .updateTable('app_user')
    .set({
      updated_at: new Date(now),
      ...(username !== undefined && { username }),
      ...(displayName !== undefined && { display_name: displayName }),
      ...(language !== undefined && { language }),
      ...(status !== undefined && { status }),
    })
    .where('user_id', '=', userId)
    .executeTakeFirst();
  if (updated.numUpdatedRows !== 1n) throw new MfaError('USER_NOT_FOUND');
  if (username === undefined && aliases === undefined) return;
  await setNames(
    db,
    userId,
    nameOf(username ?? before.username, '/username'),
    (aliases ?? before.aliases).map((alias, index) => nameOf(alias, `/aliases/${index}`)),
  );
}
