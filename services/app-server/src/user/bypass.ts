import { MAX_BYPASS_SECONDS, MfaError, type InputOf, type OutputOf, type userBypass } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Router } from '../database/router.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import { assertUser } from './exists.ts';

const DEFAULT_SECONDS = 300;

/**
 * Lets a user in once without a second factor, within a short time (PCI DSS 8.5.1, INV-22). The reason and who gave it stand in
 * the audit of the grant, and the use is an event of its own.
 * @throws MfaError USER_NOT_FOUND, USER_DISABLED for somebody who is disabled or blocked, UNAVAILABLE.
 */
export async function bypass(
  { router, ledger }: { router: Router; ledger: Pick<UserLedger, 'act'> },
  { userId, reason, seconds = DEFAULT_SECONDS }: InputOf<typeof userBypass>,
  { attemptId, application, traceId, deadline }: AuthorisedRequest,
): Promise<OutputOf<typeof userBypass>> {
  await assertUser(router, userId);
  const { event } = await ledger.act(
    userId,
    attemptId,
    (state, now) => {
      if (state.disabled === true || state.blocked !== undefined) return { refuse: new MfaError('USER_DISABLED') };
      const expiresAt = now + Math.min(seconds, MAX_BYPASS_SECONDS) * 1000;
      return { append: { type: 'bypass.granted', expiresAt, reason, by: application.name } };
    },
    { traceId, deadline },
  );
  if (event.type !== 'bypass.granted') throw new MfaError('INTERNAL', { reason: `this attempt was ${event.type}` });
  return { userId, expiresAt: new Date(event.expiresAt).toISOString() };
}
