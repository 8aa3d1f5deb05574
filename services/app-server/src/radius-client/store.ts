import { MfaError, type RadiusClientSettings, type RadiusClientView } from '@countersign/contracts';
import type { Kysely, Selectable } from 'kysely';
import { violatedConstraint } from '../database/failure.ts';
import type { Router } from '../database/router.ts';
import type { Schema } from '../database/schema.ts';

export type RadiusClientRow = Selectable<Schema['radius_client']>;

/** Where the sealed secret stands: it opens nowhere else (KEY-02). */
export function clientSecretAt(clientId: string): string {
  return `radius_client/secret_sealed/${clientId}`;
}

export function readClients(router: Router, from?: 'primary'): Promise<RadiusClientRow[]> {
  return router.read(
    (db) => db.selectFrom('radius_client').selectAll().orderBy('name').execute(),
    from === undefined ? {} : { from },
  );
}

/** @throws MfaError RADIUS_CLIENT_NOT_FOUND. */
export async function readClient(db: Kysely<Schema>, clientId: string): Promise<RadiusClientRow> {
  const row = await db.selectFrom('radius_client').selectAll().where('client_id', '=', clientId).executeTakeFirst();
  if (row === undefined) throw new MfaError('RADIUS_CLIENT_NOT_FOUND');
  return row;
}

export function settingsOf(row: Pick<RadiusClientRow, 'settings'>): RadiusClientSettings {
  return row.settings as RadiusClientSettings;
}

export function viewClient(row: RadiusClientRow): RadiusClientView {
  return {
    clientId: row.client_id,
    name: row.name,
    version: row.version,
    settings: settingsOf(row),
    ...(row.learnt_at !== null && { learntAt: row.learnt_at.toISOString() }),
    secretAt: row.secret_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  };
}

/** The columns that repeat what the settings say, for foreign keys. */
export function columnsOf(settings: RadiusClientSettings) {
  const { applicationId, firstFactor } = settings;
  return {
    settings: JSON.stringify(settings),
    application_id: applicationId,
    upstream_id: firstFactor.by === 'upstream' ? firstFactor.upstreamId : null,
  };
}

/**
 * Makes the networks and certificates of the settings the client's own, and no others.
 * @param settings in the one spelling that `checkedSettings` gives them.
 */
export async function setIdentities(
  transaction: Kysely<Schema>,
  clientId: string,
  { networks, certificates = [] }: RadiusClientSettings,
): Promise<void> {
  await transaction.deleteFrom('radius_client_identity').where('client_id', '=', clientId).execute();
  await transaction
    .insertInto('radius_client_identity')
    .values([
      ...networks.map((value) => ({ client_id: clientId, kind: 'network' as const, value })),
      ...certificates.map((certificate) =>
        'fingerprint' in certificate
          ? { client_id: clientId, kind: 'fingerprint' as const, value: certificate.fingerprint }
          : { client_id: clientId, kind: 'name' as const, value: certificate.name },
      ),
    ])
    .execute();
}

/** @throws MfaError in place of the database's complaint; anything else as it is. */
export function refusedClient(error: unknown): never {
  const constraint = violatedConstraint(error);
  if (constraint === 'radius_client_name_key') throw exists('Another client has this name.', error);
  if (constraint === 'radius_client_identity_pkey')
    throw exists('Another client has one of its networks or certificates.', error);
  if (constraint === 'radius_client_application_fkey')
    throw invalid('/settings/applicationId', 'there is no such application', error);
  if (constraint === 'radius_client_upstream_fkey')
    throw invalid('/settings/firstFactor/upstreamId', 'there is no such upstream RADIUS server', error);
  throw error;
}

function exists(detail: string, cause: unknown): MfaError {
  return new MfaError('RADIUS_CLIENT_EXISTS', { detail, cause });
}

function invalid(pointer: string, message: string, cause: unknown): MfaError {
  return new MfaError('REQUEST_INVALID', { invalid: [{ pointer, message }], cause });
}
