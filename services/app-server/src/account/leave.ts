import { MfaError, type accountLeave, type InputOf, type OutputOf } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { assertKnown, type Settled } from '../ledger/state-form.ts';
import type { Sessions } from '../session/sessions.ts';
import { personOf, type PersonDependencies } from './person.ts';

/**
 * "Sign out everywhere": every session ends, this one as well, and so does what was said before by whoever is about to sign in (APP-06).
 * @throws MfaError SIGN_IN_NEEDED, UPGRADE_UNFINISHED, UNAVAILABLE.
 */
export async function leave(
  deps: PersonDependencies & { sessions: Sessions; settled: Pick<Settled, 'number'> },
  { access }: InputOf<typeof accountLeave>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof accountLeave>> {
  assertKnown(deps.settled);
  const { user } = await personOf(deps, access, 'newcomer', request);
  const { attemptId, application, traceId, deadline } = request;
  const ended = { type: 'session.ended', reason: 'signed out everywhere', by: application.name } as const;
  const { event } = await deps.ledger.act(user.userId, attemptId, () => ({ append: ended }), { traceId, deadline });
  if (event.type !== 'session.ended') throw new MfaError('INTERNAL', { reason: `this attempt was ${event.type}` });
  return { ended: await deps.sessions.endAll(user.userId, deadline) };
}
