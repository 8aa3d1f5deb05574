import {
  MfaError,
  type InputOf,
  type OutputOf,
  type RadiusClientSettings,
  type radiusClientUpdate,
} from '@countersign/contracts';
import type { Kysely } from 'kysely';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, recordAdministration } from '../audit/administration.ts';
import type { Schema } from '../database/schema.ts';
import type { RadiusClientDependencies } from './create.ts';
import { effectiveSettings } from './effective.ts';
import { secretOfAttempt } from './secret.ts';
import { checkedSettings } from './settings.ts';
import {
  clientSecretAt,
  columnsOf,
  readClient,
  refusedClient,
  setIdentities,
  settingsOf,
  viewClient,
  type RadiusClientRow,
} from './store.ts';

/**
 * Changes what is given, if nobody changed it meanwhile.
 * @throws MfaError REQUEST_INVALID, RADIUS_CLIENT_NOT_FOUND, RADIUS_CLIENT_CONFLICT, RADIUS_CLIENT_EXISTS, PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function update(
  deps: RadiusClientDependencies,
  { clientId, expectedVersion, name, settings: given, secret, confirmation }: InputOf<typeof radiusClientUpdate>,
  { attemptId, application }: AuthorisedRequest,
): Promise<OutputOf<typeof radiusClientUpdate>> {
  const settings =
    given === undefined
      ? undefined
      : checkedSettings(given, { policy: deps.policies.effective(given.applicationId), confirmation });
  const made = secret === 'new' ? secretOfAttempt(deps.ring, attemptId) : undefined;
  const newSecret = made ?? secret;
  const at = new Date(deps.now());
  await deps.router
    .write((db) =>
      changeOnce(db, attemptId, async (transaction) => {
        const before = await readClient(transaction, clientId);
        const updated = await transaction
          .updateTable('radius_client')
          .set({
            version: expectedVersion + 1,
            updated_at: at,
            ...(name !== undefined && { name }),
            ...(settings !== undefined && columnsOf(settings)),
            ...(settings !== undefined && forgetsLearnt(before, settings) && { learnt_at: null }),
            ...(newSecret !== undefined && {
              secret_sealed: deps.ring.seal(Buffer.from(newSecret), clientSecretAt(clientId)),
              secret_at: at,
            }),
          })
          .where('client_id', '=', clientId)
          // What was read before counts only if it is still so: whoever changed it raised the version.
          .where('version', '=', expectedVersion)
          .executeTakeFirst();
        if (updated.numUpdatedRows !== 1n || before.version !== expectedVersion)
          throw new MfaError('RADIUS_CLIENT_CONFLICT');
        if (settings !== undefined) {
          await setIdentities(transaction, clientId, settings);
          await forgetOldTimes(transaction, before, settings);
        }
        await recordAdministration(transaction, {
          type: 'radius-client.update',
          at: at.getTime(),
          attemptId,
          actor: application.name,
          applicationId: settings?.applicationId ?? before.application_id,
          detail: { clientId, name, settings, hasNewSecret: newSecret !== undefined, confirmation },
        });
      }),
    )
    .catch(refusedClient);
  await deps.radiusClients.refresh('primary');
  const row = await deps.router.read((db) => readClient(db, clientId), { from: 'primary' });
  return { client: viewClient(row), ...(made !== undefined && { secret: made }) };
}

/** Learning begins anew only where an administrator says something else than before, never by another change (RAD-32). */
function forgetsLearnt(before: RadiusClientRow, settings: RadiusClientSettings): boolean {
  return settingsOf(before).requireMessageAuthenticator !== settings.requireMessageAuthenticator;
}

/** What was seen of retransmissions says nothing of a product that is set to other times. */
async function forgetOldTimes(
  transaction: Kysely<Schema>,
  before: RadiusClientRow,
  settings: RadiusClientSettings,
): Promise<void> {
  const [old, now] = [settingsOf(before), settings].map((one) => effectiveSettings(one, false));
  if (old?.timeoutSeconds === now?.timeoutSeconds && old?.tries === now?.tries) return;
  await transaction.deleteFrom('radius_retransmission').where('client_id', '=', before.client_id).execute();
}
