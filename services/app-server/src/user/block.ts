import type { InputOf, OutputOf, userBlock } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Router } from '../database/router.ts';
import type { WakePhones } from '../device/wake-phones.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import { assertUser } from './exists.ts';

/**
 * Keeps a user out until somebody unblocks; open challenges end with it. Lives in the ledger, so the primary is not needed.
 * @throws MfaError USER_NOT_FOUND, UNAVAILABLE.
 */
export async function block(
  {
    router,
    ledger,
    wakePhones,
  }: { router: Router; ledger: Pick<UserLedger, 'act'>; wakePhones: Pick<WakePhones, 'of'> },
  { userId, reason }: InputOf<typeof userBlock>,
  { attemptId, application, traceId, deadline }: AuthorisedRequest,
): Promise<OutputOf<typeof userBlock>> {
  await assertUser(router, userId);
  const by = application.name;
  await ledger.act(userId, attemptId, () => ({ append: { type: 'user.blocked', reason, by } }), { traceId, deadline });
  // What was asked on a phone is asked no more.
  wakePhones.of(userId);
  return { userId };
}
