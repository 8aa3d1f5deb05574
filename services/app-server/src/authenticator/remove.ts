import { MfaError, type authenticatorRemove, type InputOf, type OutputOf } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, changeWasMade, recordAdministration } from '../audit/administration.ts';
import type { UserState } from '../challenge/state.ts';
import type { Router } from '../database/router.ts';
import type { WakePhones } from '../device/wake-phones.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import { recordNotices } from '../notice/record.ts';
import { deletePasskey, passkeysOf } from '../passkey/store.ts';
import { deleteSet, recoverySetOf } from '../recovery/store.ts';
import { getLogin } from '../user/store.ts';
import { deleteAuthenticator } from './store.ts';

/** May be refused by what the ledger says at the moment of the append. */
export type RemovalGuard = (state: UserState) => MfaError | undefined;

export interface RemoveDependencies {
  router: Router;
  ledger: UserLedger;
  wakePhones: WakePhones;
  now: () => number;
}

/**
 * Takes an authenticator away, a passkey as any other. The ledger hears it first, so that no replica that reads an old row lets it in (HA-31).
 * @throws MfaError USER_NOT_FOUND, AUTHENTICATOR_NOT_FOUND, PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function remove(
  deps: RemoveDependencies,
  { userId, authenticatorId }: InputOf<typeof authenticatorRemove>,
  request: AuthorisedRequest,
  guard: RemovalGuard = () => undefined,
): Promise<OutputOf<typeof authenticatorRemove>> {
  // The same attempt, repeated, finds its work done (INV-21).
  if (await deps.router.read((db) => changeWasMade(db, request.attemptId), { from: 'primary' }))
    return { authenticatorId };
  const user = await getLogin(deps.router, userId, { from: 'primary' });
  if (user === undefined) throw new MfaError('USER_NOT_FOUND');
  const passkeys = await deps.router.read((db) => passkeysOf(db, userId), { from: 'primary' });
  const recovery = await recoverySetOf(deps.router, userId, { from: 'primary' });
  const ids = [
    ...user.authenticators.map((one) => one.authenticatorId),
    ...passkeys.map((one) => one.passkey_id),
    ...(recovery === undefined ? [] : [recovery.setId]),
  ];
  if (!ids.includes(authenticatorId)) {
    throw new MfaError('AUTHENTICATOR_NOT_FOUND');
  }
  const by = request.application.name;
  await deps.ledger.act(
    userId,
    request.attemptId,
    (state) => {
      const refuse = guard(state);
      return refuse === undefined ? { append: { type: 'authenticator.removed', authenticatorId, by } } : { refuse };
    },
    request,
  );
  // A phone that waits hears that it is none any more.
  deps.wakePhones.of(userId);
  const now = deps.now();
  await deps.router.write((db) =>
    changeOnce(db, request.attemptId, async (transaction) => {
      const isGone =
        (await deleteAuthenticator(transaction, userId, authenticatorId)) ||
        (await deletePasskey(transaction, userId, authenticatorId)) ||
        (await deleteSet(transaction, userId, authenticatorId));
      if (!isGone) return;
      await recordAdministration(transaction, {
        type: 'authenticator.remove',
        at: now,
        attemptId: request.attemptId,
        actor: by,
        userId,
        detail: { authenticatorId },
      });
      const removed = user.authenticators.find((one) => one.authenticatorId === authenticatorId);
      const isPending =
        removed?.state === 'pending' ||
        passkeys.some((one) => one.passkey_id === authenticatorId && one.state === 'pending');
      // What never became a factor is nobody's loss.
      if (isPending) return;
      const type = removed?.type ?? (recovery?.setId === authenticatorId ? 'recovery' : 'passkey');
      await recordNotices(transaction, { userId, kind: `${type}.removed`, at: now, removed });
    }),
  );
  return { authenticatorId };
}
