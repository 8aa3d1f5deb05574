import {
  MfaError,
  type InputOf,
  type OutputOf,
  type radiusAccount,
  type RadiusClientSettings,
} from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Trail } from '../audit/trail.ts';
import type { AccountingRates } from './accounting-rates.ts';
import type { RadiusClients } from './clients.ts';

type Status = InputOf<typeof radiusAccount>['status'];

/** An update comes every few minutes for each session, so that those of one day would fill the trail, and say little. */
const OF_SESSIONS: ReadonlySet<Status> = new Set<Status>(['start', 'stop', 'on', 'off']);
const KEPT: Readonly<Record<RadiusClientSettings['accounting'], (status: Status) => boolean>> = {
  sessions: (status) => OF_SESSIONS.has(status),
  everything: () => true,
  none: () => false,
};

/**
 * Puts into the audit what a client says of a session, as far as its settings have it (RAD-75). It decides nothing. Where the trail is full
 * it is answered and not kept, as all else there (trail.ts).
 * @throws MfaError RADIUS_CLIENT_NOT_FOUND; TRY_LATER when the client sends too much of it; UNAVAILABLE when JetStream did not say in time
 * whether it has it. The client is not answered then, and repeats it.
 */
export async function account(
  deps: {
    radiusClients: Pick<RadiusClients, 'get'>;
    accountingRates: Pick<AccountingRates, 'take'>;
    trail: Trail;
    now: () => number;
  },
  { clientId, ...session }: InputOf<typeof radiusAccount>,
  { attemptId, application, traceId }: AuthorisedRequest,
): Promise<OutputOf<typeof radiusAccount>> {
  const client = deps.radiusClients.get(clientId);
  if (client === undefined) throw new MfaError('RADIUS_CLIENT_NOT_FOUND');
  if (!KEPT[client.settings.accounting](session.status)) return {};
  deps.accountingRates.take(clientId);
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
