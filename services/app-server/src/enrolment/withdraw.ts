import type { enrolmentWithdraw, InputOf, OutputOf } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Router } from '../database/router.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import { assertUser } from '../user/exists.ts';

/**
 * Takes back an access code, and does no harm where there is none.
 * @throws MfaError USER_NOT_FOUND, UNAVAILABLE.
 */
export async function withdraw(
  { router, ledger }: { router: Router; ledger: UserLedger },
  { userId }: InputOf<typeof enrolmentWithdraw>,
  { attemptId, application, traceId, deadline }: AuthorisedRequest,
): Promise<OutputOf<typeof enrolmentWithdraw>> {
  await assertUser(router, userId);
  const by = application.name;
  await ledger.act(userId, attemptId, () => ({ append: { type: 'enrolment.withdrawn', by } }), { traceId, deadline });
  return { userId };
}
