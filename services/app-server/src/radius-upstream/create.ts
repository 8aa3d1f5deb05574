import { createHash } from 'node:crypto';
import { uuidFrom, type InputOf, type radiusUpstreamCreate, type RadiusUpstreamView } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, recordAdministration } from '../audit/administration.ts';
import type { Router } from '../database/router.ts';
import type { KeyRing } from '../keys/ring.ts';
import { checkServers } from './servers.ts';
import { readUpstream, refusedUpstream, upstreamSecretAt, viewUpstream } from './store.ts';
import type { RadiusUpstreams } from './upstreams.ts';

export interface RadiusUpstreamDependencies {
  router: Router;
  ring: KeyRing;
  radiusUpstreams: Pick<RadiusUpstreams, 'refresh'>;
  now: () => number;
}

/**
 * Makes an upstream RADIUS server known. Its secret is sealed, and never shown again.
 * @throws MfaError REQUEST_INVALID, RADIUS_UPSTREAM_EXISTS, PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function create(
  deps: RadiusUpstreamDependencies,
  { name, settings, secret }: InputOf<typeof radiusUpstreamCreate>,
  { attemptId, application }: AuthorisedRequest,
): Promise<RadiusUpstreamView> {
  checkServers(settings);
  const upstreamId = uuidFrom(createHash('sha256').update(`radius-upstream/${attemptId}`).digest());
  const at = new Date(deps.now());
  await deps.router
    .write((db) =>
      changeOnce(db, attemptId, async (transaction) => {
        await transaction
          .insertInto('radius_upstream')
          .values({
            upstream_id: upstreamId,
            name,
            version: 1,
            settings: JSON.stringify(settings),
            secret_sealed: deps.ring.seal(Buffer.from(secret), upstreamSecretAt(upstreamId)),
            created_at: at,
            updated_at: at,
          })
          .execute();
        await recordAdministration(transaction, {
          type: 'radius-upstream.create',
          at: at.getTime(),
          attemptId,
          actor: application.name,
          detail: { upstreamId, name, settings },
        });
      }),
    )
    .catch(refusedUpstream);
  await deps.radiusUpstreams.refresh('primary');
  return viewUpstream(await deps.router.read((db) => readUpstream(db, upstreamId), { from: 'primary' }));
}
