import { type InputOf, type OutputOf, type userDelete } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, changeWasMade, recordAdministration } from '../audit/administration.ts';
import type { Router } from '../database/router.ts';
import type { WakePhones } from '../device/wake-phones.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import { assertUser } from './exists.ts';

/**
 * Deletes a user with names and authenticators; the audit stays. The ledger hears of it first and keeps the user disabled for
 * good, so that no open challenge and no replica that lags lets anybody in (R17).
 * @throws MfaError USER_NOT_FOUND, PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function remove(
  deps: { router: Router; ledger: Pick<UserLedger, 'act'>; wakePhones: Pick<WakePhones, 'of'>; now: () => number },
  { userId }: InputOf<typeof userDelete>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof userDelete>> {
  const { router, ledger, wakePhones } = deps;
  const { attemptId, traceId, deadline } = request;
  const by = request.application.name;
  if (await router.read((db) => changeWasMade(db, attemptId), { from: 'primary' })) return { userId };
  await assertUser(router, userId);
  await ledger.act(userId, attemptId, () => ({ append: { type: 'user.disabled', by } }), { traceId, deadline });
  // What was asked on a phone is asked no more.
  wakePhones.of(userId);
  const now = deps.now();
  await router.write((db) =>
    changeOnce(db, attemptId, async (transaction) => {
      const user = await transaction
        .deleteFrom('app_user')
        .where('user_id', '=', userId)
        .returning('username')
        .executeTakeFirst();
      await transaction.deleteFrom('user_ledger').where('user_id', '=', userId).execute();
      const detail = { username: user?.username };
      await recordAdministration(transaction, { type: 'user.delete', at: now, attemptId, actor: by, userId, detail });
    }),
  );
  return { userId };
}
