import { MfaError, type accountReport, type InputOf, type OutputOf } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { WakePhones } from '../device/wake-phones.ts';
import type { Sessions } from '../session/sessions.ts';
import { personOf, type PersonDependencies } from './person.ts';

/**
 * "This was not me." The ledger hears it, the administrators read it in the audit, and every session ends, this one as well: whoever reports it
 * signs in again.
 * @throws MfaError SIGN_IN_NEEDED, UNAVAILABLE.
 */
export async function report(
  deps: PersonDependencies & { sessions: Sessions; wakePhones: Pick<WakePhones, 'of'> },
  { access, loginId }: InputOf<typeof accountReport>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof accountReport>> {
  const { user } = await personOf(deps, access, 'full', request);
  const { attemptId, application, traceId, deadline } = request;
  const { applicationId } = application;
  const { event } = await deps.ledger.act(
    user.userId,
    attemptId,
    () => ({ append: { type: 'fraud.reported', applicationId, loginId } }),
    { traceId, deadline },
  );
  if (event.type !== 'fraud.reported') throw new MfaError('INTERNAL', { reason: `this attempt was ${event.type}` });
  deps.wakePhones.of(user.userId);
  return {
    reportedAt: new Date(event.at).toISOString(),
    sessionsEnded: await deps.sessions.endAll(user.userId, deadline),
  };
}
