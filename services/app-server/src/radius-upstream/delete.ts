import type { InputOf, OutputOf, radiusUpstreamDelete } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, recordAdministration } from '../audit/administration.ts';
import type { RadiusUpstreamDependencies } from './create.ts';
import { readUpstream, refusedUpstream } from './store.ts';

/**
 * Forgets an upstream server that no client needs.
 * @throws MfaError RADIUS_UPSTREAM_NOT_FOUND, RADIUS_UPSTREAM_USED, PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function remove(
  deps: Omit<RadiusUpstreamDependencies, 'ring'>,
  { upstreamId }: InputOf<typeof radiusUpstreamDelete>,
  { attemptId, application }: AuthorisedRequest,
): Promise<OutputOf<typeof radiusUpstreamDelete>> {
  await deps.router
    .write((db) =>
      changeOnce(db, attemptId, async (transaction) => {
        const { name } = await readUpstream(transaction, upstreamId);
        await transaction.deleteFrom('radius_upstream').where('upstream_id', '=', upstreamId).execute();
        await recordAdministration(transaction, {
          type: 'radius-upstream.delete',
          at: deps.now(),
          attemptId,
          actor: application.name,
          detail: { upstreamId, name },
        });
      }),
    )
    .catch(refusedUpstream);
  await deps.radiusUpstreams.refresh('primary');
  return { upstreamId };
}
