import { MfaError, type InputOf, type OutputOf, type userBlock } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Router } from '../database/router.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { getLogin } from './store.ts';

export interface BlockDependencies {
  router: Router;
  ledger: Ledger;
  now: () => number;
}

/**
 * Lets a user in no more until unblocked; challenges that are open are void at once. Needs no Postgres primary.
 * @throws MfaError USER_NOT_FOUND, UNAVAILABLE.
 */
export async function block(
  { router, ledger }: BlockDependencies,
  { userId, reason }: InputOf<typeof userBlock>,
  { application, attemptId, traceId }: AuthorisedRequest,
): Promise<OutputOf<typeof userBlock>> {
  await assertUser(router, userId);
  const by = application.name;
  await ledger.act(userId, attemptId, () => ({ append: { type: 'user.blocked', reason, by } }), { traceId });
  return { userId };
}

/** @throws MfaError USER_NOT_FOUND. */
export async function assertUser(router: Router, userId: string): Promise<void> {
  if ((await getLogin(router, userId)) === undefined) throw new MfaError('USER_NOT_FOUND');
}
