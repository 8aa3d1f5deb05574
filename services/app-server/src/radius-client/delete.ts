import type { InputOf, OutputOf, radiusClientDelete } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, recordAdministration } from '../audit/administration.ts';
import type { Router } from '../database/router.ts';
import type { RadiusClients } from '../radius/clients.ts';
import { readClient } from './store.ts';

/**
 * Forgets a client, and what was seen of it. Within seconds no radius-server answers it.
 * @throws MfaError RADIUS_CLIENT_NOT_FOUND, PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function remove(
  deps: { router: Router; radiusClients: Pick<RadiusClients, 'refresh'>; now: () => number },
  { clientId }: InputOf<typeof radiusClientDelete>,
  { attemptId, application }: AuthorisedRequest,
): Promise<OutputOf<typeof radiusClientDelete>> {
  await deps.router.write((db) =>
    changeOnce(db, attemptId, async (transaction) => {
      const { name, application_id: applicationId } = await readClient(transaction, clientId);
      await transaction.deleteFrom('radius_client').where('client_id', '=', clientId).execute();
      await recordAdministration(transaction, {
        type: 'radius-client.delete',
        at: deps.now(),
        attemptId,
        actor: application.name,
        applicationId,
        detail: { clientId, name },
      });
    }),
  );
  await deps.radiusClients.refresh('primary');
  return { clientId };
}
