import { sql, type Kysely } from 'kysely';
import type { AuthenticatorView, UserView } from '@countersign/contracts';
import type { UserState } from '../challenge/state.ts';
import type { Schema } from '../database/schema.ts';
import type { Ledger } from '../ledger/ledger.ts';

/** A user as administrators and the helpdesk see it. */
type Row = Omit<UserView, 'blocked'>;

const MASK = '••• •••';

/**
 * Users by id, in the order given, without what only the ledger knows.
 * @param userIds those that are gone are left out.
 */
export async function readUsers(db: Kysely<Schema>, userIds: readonly string[]): Promise<Row[]> {
  if (userIds.length === 0) return [];
  const among = sql<boolean>`user_id = any(${[...userIds]}::uuid[])`;
  const users = await db.selectFrom('app_user').selectAll().where(among).execute();
  const aliases = await db.selectFrom('user_alias').selectAll().where(among).orderBy('canonical').execute();
  const authenticators = await db
    .selectFrom('authenticator')
    .select(['user_id', 'authenticator_id', 'type', 'label', 'state', 'phone_last_two', 'created_at', 'last_used_at'])
    .where(among)
    .where((eb) => eb.or([eb('state', '=', 'active'), eb('expires_at', '>', sql<Date>`now()`)]))
    .orderBy('created_at')
    .execute();
  return userIds.flatMap((userId) => {
    const user = users.find((candidate) => candidate.user_id === userId);
    if (user === undefined) return [];
    return [
      {
        userId,
        username: user.username,
        aliases: aliases.filter((row) => row.user_id === userId && !row.is_username).map(({ spelling }) => spelling),
        ...(user.display_name !== null && { displayName: user.display_name }),
        ...(user.language !== null && { language: user.language }),
        status: user.status,
        authenticators: authenticators
          .filter((row) => row.user_id === userId)
          .map((row): AuthenticatorView => ({
            authenticatorId: row.authenticator_id,
            type: row.type,
            label: row.label,
            state: row.state,
            ...(row.phone_last_two !== null && { phone: `${MASK} ${row.phone_last_two}` }),
            createdAt: row.created_at.toISOString(),
            ...(row.last_used_at !== null && { lastUsedAt: row.last_used_at.toISOString() }),
          })),
        createdAt: user.created_at.toISOString(),
        updatedAt: user.updated_at.toISOString(),
      },
    ];
  });
}

/** Adds whether the user is blocked, which the ledger knows. */
export async function withBlock(ledger: Ledger, row: Row): Promise<UserView> {
  const { blocked }: UserState = await ledger.peek(row.userId);
  return blocked === undefined
    ? row
    : { ...row, blocked: { reason: blocked.reason, by: blocked.by, at: new Date(blocked.at).toISOString() } };
}
