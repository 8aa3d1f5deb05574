import type { InputOf, OutputOf, userUnblock } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Router } from '../database/router.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import { assertUser } from './exists.ts';

/** Lifts a block; what was open under it stays void. @throws MfaError USER_NOT_FOUND, UNAVAILABLE. */
export async function unblock(
  { router, ledger }: { router: Router; ledger: Pick<UserLedger, 'act'> },
  { userId, reason }: InputOf<typeof userUnblock>,
  { attemptId, application, traceId, deadline }: AuthorisedRequest,
): Promise<OutputOf<typeof userUnblock>> {
  await assertUser(router, userId);
  const by = application.name;
  await ledger.act(userId, attemptId, () => ({ append: { type: 'user.unblocked', reason, by } }), {
    traceId,
    deadline,
  });
  return { userId };
}
