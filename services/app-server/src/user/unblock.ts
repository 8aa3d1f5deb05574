import type { InputOf, OutputOf, userUnblock } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { assertUser, type BlockDependencies } from './block.ts';

/** Lifts a block. Challenges from before stay void. @throws MfaError USER_NOT_FOUND, UNAVAILABLE. */
export async function unblock(
  { router, ledger }: BlockDependencies,
  { userId, reason }: InputOf<typeof userUnblock>,
  { application, attemptId, traceId }: AuthorisedRequest,
): Promise<OutputOf<typeof userUnblock>> {
  await assertUser(router, userId);
  const by = application.name;
  await ledger.act(userId, attemptId, () => ({ append: { type: 'user.unblocked', reason, by } }), { traceId });
  return { userId };
}
