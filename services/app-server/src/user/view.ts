import { MfaError, type AuthenticatorView, type UserView } from '@countersign/contracts';
import type { Kysely, Selectable } from 'kysely';
import { isRemoved } from '../challenge/state.ts';
import type { Router } from '../database/router.ts';
import type { Schema } from '../database/schema.ts';
import { SealBroken, type KeyRing } from '../keys/ring.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import { sealedAt } from './login-users.ts';
import { maskPhone } from './mask-phone.ts';

export interface ViewDependencies {
  router: Router;
  ledger: Pick<UserLedger, 'peek'>;
  ring: KeyRing;
}

/**
 * Users as administrators and applications see them: what Postgres holds, and from the ledger what takes effect at once.
 * @param userIds in the order of the answer; those that do not exist are left out.
 */
export async function viewUsers(
  { router, ledger, ring }: ViewDependencies,
  userIds: readonly string[],
  options: { from?: 'primary' } = {},
): Promise<UserView[]> {
  if (userIds.length === 0) return [];
  const rows = await router.read((db) => readRows(db, userIds), { lane: 'report', ...options });
  const found = userIds.flatMap((userId) => rows.users.filter((user) => user.user_id === userId));
  return Promise.all(
    found.map(async (user): Promise<UserView> => {
      const state = await ledger.peek(user.user_id);
      const { blocked, disabled, pushBlocked } = state;
      const authenticators = rows.authenticators.filter(
        (one) => one.user_id === user.user_id && !isRemoved(state, one.authenticator_id),
      );
      const passkeys = rows.passkeys.filter((one) => one.user_id === user.user_id && !isRemoved(state, one.passkey_id));
      return {
        userId: user.user_id,
        username: user.username,
        aliases: rows.aliases.filter((alias) => alias.user_id === user.user_id).map(({ spelling }) => spelling),
        ...(user.display_name !== null && { displayName: user.display_name }),
        ...(user.language !== null && { language: user.language }),
        // Either is enough to keep the user out.
        status: disabled === true ? 'disabled' : user.status,
        ...(blocked !== undefined && { blocked: { ...blocked, at: new Date(blocked.at).toISOString() } }),
        ...(pushBlocked !== undefined && { promptsStopped: { at: new Date(pushBlocked).toISOString() } }),
        authenticators: [...authenticators.map((row) => viewAuthenticator(ring, row)), ...passkeys.map(viewPasskey)],
        createdAt: user.created_at.toISOString(),
        updatedAt: user.updated_at.toISOString(),
      };
    }),
  );
}

/** @throws MfaError USER_NOT_FOUND. */
export async function viewUser(
  deps: ViewDependencies,
  userId: string,
  options: { from?: 'primary' } = {},
): Promise<UserView> {
  const [view] = await viewUsers(deps, [userId], options);
  if (view === undefined) throw new MfaError('USER_NOT_FOUND');
  return view;
}

async function readRows(db: Kysely<Schema>, userIds: readonly string[]) {
  const [users, aliases, authenticators, passkeys] = await Promise.all([
    db.selectFrom('app_user').selectAll().where('user_id', 'in', userIds).execute(),
    db
      .selectFrom('user_alias')
      .select(['user_id', 'spelling'])
      .where('user_id', 'in', userIds)
      .where('is_username', '=', false)
      .orderBy('canonical')
      .execute(),
    db
      .selectFrom('authenticator')
      .selectAll()
      .where('user_id', 'in', userIds)
      .where((eb) => eb.or([eb('state', '=', 'active'), eb('expires_at', '>', eb.fn<Date>('now'))]))
      .orderBy('created_at')
      .execute(),
    db
      .selectFrom('passkey')
      .selectAll()
      .where('user_id', 'in', userIds)
      .where((eb) => eb.or([eb('state', '=', 'active'), eb('expires_at', '>', eb.fn<Date>('now'))]))
      .orderBy('created_at')
      .execute(),
  ]);
  return { users, aliases, authenticators, passkeys };
}

/** Without its secrets; a number is masked. */
export function viewAuthenticator(ring: KeyRing, row: Selectable<Schema['authenticator']>): AuthenticatorView {
  return {
    authenticatorId: row.authenticator_id,
    type: row.type,
    label: row.label,
    state: row.state,
    ...(row.phone_sealed !== null && { phone: maskedPhone(ring, row.authenticator_id, row.phone_sealed) }),
    createdAt: row.created_at.toISOString(),
    ...(row.last_used_at !== null && { lastUsedAt: row.last_used_at.toISOString() }),
  };
}

export function viewPasskey(row: Selectable<Schema['passkey']>): AuthenticatorView {
  return {
    authenticatorId: row.passkey_id,
    type: 'passkey',
    label: row.label,
    state: row.state,
    createdAt: row.created_at.toISOString(),
    ...(row.last_used_at !== null && { lastUsedAt: row.last_used_at.toISOString() }),
  };
}

/** Looking at a user must work also when one of the rows was tampered with. */
function maskedPhone(ring: KeyRing, authenticatorId: string, sealed: string): string {
  try {
    return maskPhone(ring.open(sealed, sealedAt({ authenticatorId, type: 'phone' })).toString('utf8'));
  } catch (error) {
    if (error instanceof SealBroken) return 'unreadable';
    throw error;
  }
}
