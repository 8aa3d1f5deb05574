import { MfaError, type InputOf, type OutputOf, type userBypass } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { assertUser, type BlockDependencies } from './block.ts';

const DEFAULT_SECONDS = 300;

/**
 * Lets a user log in once without a code, within the given time (AAL-50). It is used up by the next start, and named as the
 * method in the result and in the audit.
 * @throws MfaError USER_NOT_FOUND, USER_DISABLED, UNAVAILABLE.
 */
export async function bypass(
  { router, ledger, now }: BlockDependencies,
  { userId, reason, seconds = DEFAULT_SECONDS }: InputOf<typeof userBypass>,
  { application, attemptId, traceId }: AuthorisedRequest,
): Promise<OutputOf<typeof userBypass>> {
  await assertUser(router, userId);
  const by = application.name;
  const { event } = await ledger.act(
    userId,
    attemptId,
    (state) =>
      state.disabled === true || state.blocked !== undefined
        ? { refuse: new MfaError('USER_DISABLED') }
        : { append: { type: 'bypass.granted', expiresAt: now() + seconds * 1000, reason, by } },
    { traceId },
  );
  if (event.type !== 'bypass.granted') throw new MfaError('INTERNAL', { reason: `this attempt was ${event.type}` });
  return { userId, expiresAt: new Date(event.expiresAt).toISOString() };
}
