import { MfaError, type authenticatorRemove, type InputOf, type OutputOf } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, changeWasMade, recordAdministration } from '../audit/administration.ts';
import type { Router } from '../database/router.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import { getLogin } from '../user/store.ts';
import { deleteAuthenticator } from './store.ts';

/**
 * Takes an authenticator away. The ledger hears it first, so that no replica that reads an old row lets it in (HA-31).
 * @throws MfaError USER_NOT_FOUND, AUTHENTICATOR_NOT_FOUND, PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function remove(
  deps: { router: Router; ledger: UserLedger; now: () => number },
  { userId, authenticatorId }: InputOf<typeof authenticatorRemove>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof authenticatorRemove>> {
  // The same attempt, repeated, finds its work done (INV-21).
  if (await deps.router.read((db) => changeWasMade(db, request.attemptId), { from: 'primary' }))
    return { authenticatorId };
  const user = await getLogin(deps.router, userId, { from: 'primary' });
  if (user === undefined) throw new MfaError('USER_NOT_FOUND');
  if (!user.authenticators.some((candidate) => candidate.authenticatorId === authenticatorId)) {
    throw new MfaError('AUTHENTICATOR_NOT_FOUND');
  }
  const by = request.application.name;
  await deps.ledger.act(
    userId,
    request.attemptId,
    () => ({ append: { type: 'authenticator.removed', authenticatorId, by } }),
    request,
  );
  const now = deps.now();
  await deps.router.write((db) =>
    changeOnce(db, request.attemptId, async (transaction) => {
      if (!(await deleteAuthenticator(transaction, userId, authenticatorId))) return;
      await recordAdministration(transaction, {
        type: 'authenticator.remove',
        at: now,
        attemptId: request.attemptId,
        actor: by,
        userId,
        detail: { authenticatorId },
      });
    }),
  );
  return { authenticatorId };
}
