import { MfaError, type InputOf, type OutputOf, type sessionEnd } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Router } from '../database/router.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import { assertKnown, type Settled } from '../ledger/state-form.ts';
import { assertUser } from '../user/exists.ts';
import type { Sessions } from './sessions.ts';

/**
 * Ends every session of a user: what any of them asks from now on, at whichever portal, is refused, and so is all evidence from before (APP-06).
 * @throws MfaError USER_NOT_FOUND, UPGRADE_UNFINISHED, UNAVAILABLE.
 */
export async function end(
  deps: { router: Router; ledger: UserLedger; sessions: Sessions; settled: Pick<Settled, 'number'> },
  { userId, reason }: InputOf<typeof sessionEnd>,
  { attemptId, traceId, deadline, application }: AuthorisedRequest,
): Promise<OutputOf<typeof sessionEnd>> {
  assertKnown(deps.settled);
  await assertUser(deps.router, userId);
  const ended = { type: 'session.ended', reason, by: application.name } as const;
  const { event } = await deps.ledger.act(userId, attemptId, () => ({ append: ended }), { traceId, deadline });
  if (event.type !== 'session.ended') throw new MfaError('INTERNAL', { reason: `this attempt was ${event.type}` });
  return { userId, ended: await deps.sessions.endAll(userId, deadline) };
}
