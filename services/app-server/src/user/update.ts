import { MfaError, type InputOf, type OutputOf, type userUpdate } from '@countersign/contracts';
import type { Kysely } from 'kysely';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, recordAdministration } from '../audit/administration.ts';
import type { Schema } from '../database/schema.ts';
import type { WakePhones } from '../device/wake-phones.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import { assertUser } from './exists.ts';
import { namesOf, nameTaken, takeNames } from './names.ts';
import { viewUser, type ViewDependencies } from './view.ts';

export interface UpdateDependencies extends ViewDependencies {
  ledger: Pick<UserLedger, 'act' | 'peek'>;
  wakePhones: Pick<WakePhones, 'of'>;
  now: () => number;
}

type Input = InputOf<typeof userUpdate>;

/**
 * Changes what is given and leaves the rest. Disabling goes to the ledger first, so that it holds from the moment of the answer
 * on whichever replica (HA-31), and also when Postgres cannot take it; enabling goes there last.
 * @throws MfaError USER_NOT_FOUND, REQUEST_INVALID, USER_EXISTS, PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function update(
  deps: UpdateDependencies,
  input: Input,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof userUpdate>> {
  const { router, ledger, wakePhones } = deps;
  const { userId, status } = input;
  const { attemptId, traceId, deadline } = request;
  const by = request.application.name;
  await assertUser(router, userId);
  // Looked at before anything is changed: a name that cannot be one disables nobody by half.
  namesOf(input.username ?? 'unchanged', input.aliases ?? []);

  if (status === 'disabled') {
    await ledger.act(userId, attemptId, () => ({ append: { type: 'user.disabled', by } }), { traceId, deadline });
    // What was asked on a phone is asked no more.
    wakePhones.of(userId);
  }
  const now = deps.now();
  await router
    .write((db) =>
      changeOnce(db, attemptId, async (transaction) => {
        await change(transaction, input, new Date(now));
        const { userId: _, ...detail } = input;
        await recordAdministration(transaction, { type: 'user.update', at: now, attemptId, actor: by, userId, detail });
      }),
    )
    .catch(nameTaken);
  if (status === 'enabled' && (await isEnabled(deps, userId))) {
    await ledger.act(userId, attemptId, () => ({ append: { type: 'user.enabled', by } }), { traceId, deadline });
  }
  return viewUser(deps, userId, { from: 'primary' });
}

async function change(db: Kysely<Schema>, input: Input, now: Date): Promise<void> {
  const { userId } = input;
  const user = await db
    .selectFrom('app_user')
    .select('username')
    .where('user_id', '=', userId)
    .forUpdate()
    .executeTakeFirst();
  if (user === undefined) throw new MfaError('USER_NOT_FOUND');
  await db
    .updateTable('app_user')
    .set({
      updated_at: now,
      ...(input.username !== undefined && { username: input.username }),
      ...(input.displayName !== undefined && { display_name: input.displayName }),
      ...(input.language !== undefined && { language: input.language }),
      ...(input.status !== undefined && { status: input.status }),
    })
    .where('user_id', '=', userId)
    .execute();
  if (input.username === undefined && input.aliases === undefined) return;
  const aliases = input.aliases ?? (await currentAliases(db, userId));
  await db.deleteFrom('user_alias').where('user_id', '=', userId).execute();
  await takeNames(db, userId, namesOf(input.username ?? user.username, aliases));
}

async function currentAliases(db: Kysely<Schema>, userId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('user_alias')
    .select('spelling')
    .where('user_id', '=', userId)
    .where('is_username', '=', false)
    .execute();
  return rows.map(({ spelling }) => spelling);
}

/** A repeated attempt must not undo what somebody else did after it. */
async function isEnabled({ router }: UpdateDependencies, userId: string): Promise<boolean> {
  const row = await router.read(
    (db) => db.selectFrom('app_user').select('status').where('user_id', '=', userId).executeTakeFirst(),
    { from: 'primary' },
  );
  return row?.status === 'enabled';
}
