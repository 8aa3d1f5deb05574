import { MfaError, type PolicyDocument, type RadiusClientSettings } from '@countersign/contracts';
import type { Kysely } from 'kysely';
import type { Schema } from '../database/schema.ts';
import { needsApp } from '../radius-client/settings.ts';
import { effectivePolicy, type StoredPolicy } from './effective.ts';
import { latestPolicy } from './store.ts';

/**
 * A policy may not take the app away from RADIUS clients from which nothing else can be answered (RAD-64).
 * @param document of `scope`, before it is stored.
 * @throws MfaError REQUEST_INVALID that names the clients.
 */
export async function assertRadiusClientsAnswerable(
  transaction: Kysely<Schema>,
  scope: string,
  document: PolicyDocument,
): Promise<void> {
  const clients = await transaction
    .selectFrom('radius_client')
    .select(['name', 'application_id', 'settings'])
    .$if(scope !== 'global', (query) => query.where('application_id', '=', scope))
    .orderBy('name')
    .execute();
  const needing = clients.filter(({ settings }) => needsApp(settings as RadiusClientSettings));
  const stuck: string[] = [];
  for (const { name, application_id: applicationId } of needing) {
    const layers = await Promise.all(
      ['global', applicationId].map((layer) => layerOf(transaction, layer, layer === scope ? document : undefined)),
    );
    if (!effectivePolicy(layers.flat()).methods.order.includes('app')) stuck.push(name);
  }
  if (stuck.length === 0) return;
  const message = `must hold app: from these RADIUS clients nothing else can be answered: ${stuck.join(', ')}`;
  throw new MfaError('REQUEST_INVALID', { invalid: [{ pointer: '/document/methods/order', message }] });
}

async function layerOf(
  transaction: Kysely<Schema>,
  scope: string,
  document: PolicyDocument | undefined,
): Promise<StoredPolicy[]> {
  if (document !== undefined) return [{ origin: scope, document }];
  const row = await latestPolicy(transaction, scope);
  return row === undefined ? [] : [{ origin: scope, document: row.document as PolicyDocument }];
}
