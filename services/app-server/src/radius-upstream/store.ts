import { MfaError, type RadiusUpstreamSettings, type RadiusUpstreamView } from '@countersign/contracts';
import type { Kysely, Selectable } from 'kysely';
import { violatedConstraint } from '../database/failure.ts';
import type { Router } from '../database/router.ts';
import type { Schema } from '../database/schema.ts';

export type RadiusUpstreamRow = Selectable<Schema['radius_upstream']>;

/** Where the sealed secret stands: it opens nowhere else (KEY-02). */
export function upstreamSecretAt(upstreamId: string): string {
  return `radius_upstream/secret_sealed/${upstreamId}`;
}

export function readUpstreams(router: Router, from?: 'primary'): Promise<RadiusUpstreamRow[]> {
  return router.read(
    (db) => db.selectFrom('radius_upstream').selectAll().orderBy('name').execute(),
    from === undefined ? {} : { from },
  );
}

/** @throws MfaError RADIUS_UPSTREAM_NOT_FOUND. */
export async function readUpstream(db: Kysely<Schema>, upstreamId: string): Promise<RadiusUpstreamRow> {
  const row = await db
    .selectFrom('radius_upstream')
    .selectAll()
    .where('upstream_id', '=', upstreamId)
    .executeTakeFirst();
  if (row === undefined) throw new MfaError('RADIUS_UPSTREAM_NOT_FOUND');
  return row;
}

export function viewUpstream(row: RadiusUpstreamRow): RadiusUpstreamView {
  return {
    upstreamId: row.upstream_id,
    name: row.name,
    version: row.version,
    settings: row.settings as RadiusUpstreamSettings,
    updatedAt: row.updated_at.toISOString(),
  };
}

/** @throws MfaError in place of the database's complaint; anything else as it is. */
export function refusedUpstream(error: unknown): never {
  const constraint = violatedConstraint(error);
  if (constraint === 'radius_upstream_name_key') throw new MfaError('RADIUS_UPSTREAM_EXISTS', { cause: error });
  if (constraint === 'radius_client_upstream_fkey') throw new MfaError('RADIUS_UPSTREAM_USED', { cause: error });
  throw error;
}
