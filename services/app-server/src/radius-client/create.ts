import { createHash } from 'node:crypto';
import { uuidFrom, type InputOf, type OutputOf, type radiusClientCreate } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, recordAdministration } from '../audit/administration.ts';
import type { Router } from '../database/router.ts';
import type { KeyRing } from '../keys/ring.ts';
import type { Policies } from '../policy/policies.ts';
import type { RadiusClients } from '../radius/clients.ts';
import { secretOfAttempt } from './secret.ts';
import { checkedSettings } from './settings.ts';
import { clientSecretAt, columnsOf, readClient, refusedClient, setIdentities, viewClient } from './store.ts';

export interface RadiusClientDependencies {
  router: Router;
  ring: KeyRing;
  policies: Pick<Policies, 'effective'>;
  radiusClients: Pick<RadiusClients, 'refresh'>;
  now: () => number;
}

/**
 * Makes a client known to every radius-server within seconds. Where no secret is given one is made, and told this once.
 * @throws MfaError REQUEST_INVALID, RADIUS_CLIENT_EXISTS, PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function create(
  deps: RadiusClientDependencies,
  { name, settings: given, secret, confirmation }: InputOf<typeof radiusClientCreate>,
  { attemptId, application }: AuthorisedRequest,
): Promise<OutputOf<typeof radiusClientCreate>> {
  const settings = checkedSettings(given, { policy: deps.policies.effective(given.applicationId), confirmation });
  const clientId = uuidFrom(createHash('sha256').update(`radius-client/${attemptId}`).digest());
  const made = secret === undefined ? secretOfAttempt(deps.ring, attemptId) : undefined;
  const at = new Date(deps.now());
  await deps.router
    .write((db) =>
      changeOnce(db, attemptId, async (transaction) => {
        await transaction
          .insertInto('radius_client')
          .values({
            client_id: clientId,
            name,
            version: 1,
            ...columnsOf(settings),
            secret_sealed: deps.ring.seal(Buffer.from(secret ?? made ?? ''), clientSecretAt(clientId)),
            secret_at: at,
            created_at: at,
            updated_at: at,
          })
          .execute();
        await setIdentities(transaction, clientId, settings);
        await recordAdministration(transaction, {
          type: 'radius-client.create',
          at: at.getTime(),
          attemptId,
          actor: application.name,
          applicationId: settings.applicationId,
          detail: { clientId, name, settings, confirmation },
        });
      }),
    )
    .catch(refusedClient);
  await deps.radiusClients.refresh('primary');
  const row = await deps.router.read((db) => readClient(db, clientId), { from: 'primary' });
  return { client: viewClient(row), ...(made !== undefined && { secret: made }) };
}
