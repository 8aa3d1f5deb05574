import { MfaError, type InputOf, type OutputOf, type radiusAccount } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Trail } from '../audit/trail.ts';
import type { RadiusClients } from './clients.ts';

/**
 * Puts into the audit what a client says of a session (RAD-75). It decides nothing.
 * @throws MfaError RADIUS_CLIENT_NOT_FOUND; UNAVAILABLE when the audit did not take it: the client is not answered then, and repeats it.
 */
export async function account(
  deps: { radiusClients: Pick<RadiusClients, 'get'>; trail: Trail; now: () => number },
  { clientId, ...session }: InputOf<typeof radiusAccount>,
  { attemptId, application, traceId }: AuthorisedRequest,
): Promise<OutputOf<typeof radiusAccount>> {
  const client = deps.radiusClients.get(clientId);
  if (client === undefined) throw new MfaError('RADIUS_CLIENT_NOT_FOUND');
  const event = {
    type: 'radius.accounting',
    at: deps.now(),
    attemptId,
    applicationId: client.settings.applicationId,
    actor: application.name,
    traceId,
    detail: { clientId, client: client.name, ...session },
  };
  // A packet that came again, at other replicas too, is the same attempt.
  await deps.trail.record(event, { once: true });
  return {};
}
