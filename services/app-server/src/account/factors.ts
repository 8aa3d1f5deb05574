import type { Factor } from '@countersign/contracts';
import { isRemoved, type UserState } from '../challenge/state.ts';
import type { Router } from '../database/router.ts';
import type { KeyRing } from '../keys/ring.ts';
import { passkeysOf } from '../passkey/store.ts';
import { codesLeft, recoverySetOf } from '../recovery/store.ts';
import { viewAuthenticator, viewPasskey } from '../user/view.ts';

/**
 * Everything a person may have, oldest first, without what the ledger took away. Numbers are masked also for their owner: a screen is
 * looked at by others.
 * @param options.from `primary` when what was just written must be there.
 */
export async function factorsOf(
  { router, ring, now }: { router: Router; ring: KeyRing; now: () => number },
  userId: string,
  state: UserState,
  options: { from?: 'primary' } = {},
): Promise<Factor[]> {
  const recovery = await recoverySetOf(router, userId, options);
  const { authenticators, passkeys, left } = await router.read(
    async (db) => ({
      authenticators: await db.selectFrom('authenticator').selectAll().where('user_id', '=', userId).execute(),
      passkeys: await passkeysOf(db, userId),
      left: recovery === undefined ? 0 : await codesLeft(db, recovery),
    }),
    options,
  );
  const isThere = ({ expires_at: at }: { expires_at: Date | null }) => at === null || at.getTime() > now();
  const factors: Factor[] = [
    ...authenticators.filter(isThere).map((row) => viewAuthenticator(ring, row)),
    ...passkeys.filter(isThere).map((row): Factor => ({
      ...viewPasskey(row),
      ...(row.backup_eligible !== null && { synced: row.backup_eligible }),
    })),
    ...(recovery === undefined
      ? []
      : [
          {
            authenticatorId: recovery.setId,
            type: 'recovery' as const,
            label: 'Recovery codes',
            state: 'active' as const,
            codesLeft: left,
            createdAt: new Date(recovery.createdAt).toISOString(),
          },
        ]),
  ];
  return factors
    .filter(({ authenticatorId }) => !isRemoved(state, authenticatorId))
    .toSorted((a, b) => a.createdAt.localeCompare(b.createdAt));
}

/** Those that somebody can sign in with: recovery codes are for when all of them are lost. */
export function activeFactors(factors: readonly Factor[]): Factor[] {
  return factors.filter(({ state, type }) => state === 'active' && type !== 'recovery');
}
