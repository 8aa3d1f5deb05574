import { MfaError, type InputOf, type radiusUpstreamUpdate, type RadiusUpstreamView } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, recordAdministration } from '../audit/administration.ts';
import type { RadiusUpstreamDependencies } from './create.ts';
import { checkServers } from './servers.ts';
import { readUpstream, refusedUpstream, upstreamSecretAt, viewUpstream } from './store.ts';

/**
 * Changes what is given, if nobody changed it meanwhile.
 * @throws MfaError REQUEST_INVALID, RADIUS_UPSTREAM_NOT_FOUND, RADIUS_UPSTREAM_CONFLICT, RADIUS_UPSTREAM_EXISTS, PRIMARY_UNAVAILABLE,
 * UNAVAILABLE.
 */
export async function update(
  deps: RadiusUpstreamDependencies,
  { upstreamId, expectedVersion, name, settings, secret }: InputOf<typeof radiusUpstreamUpdate>,
  { attemptId, application }: AuthorisedRequest,
): Promise<RadiusUpstreamView> {
  if (settings !== undefined) checkServers(settings);
  const at = new Date(deps.now());
  await deps.router
    .write((db) =>
      changeOnce(db, attemptId, async (transaction) => {
        const updated = await transaction
          .updateTable('radius_upstream')
          .set({
            version: expectedVersion + 1,
            updated_at: at,
            ...(name !== undefined && { name }),
            ...(settings !== undefined && { settings: JSON.stringify(settings) }),
            ...(secret !== undefined && {
              secret_sealed: deps.ring.seal(Buffer.from(secret), upstreamSecretAt(upstreamId)),
            }),
          })
          .where('upstream_id', '=', upstreamId)
          .where('version', '=', expectedVersion)
          .executeTakeFirst();
        if (updated.numUpdatedRows !== 1n) {
          await readUpstream(transaction, upstreamId);
          throw new MfaError('RADIUS_UPSTREAM_CONFLICT');
        }
        await recordAdministration(transaction, {
          type: 'radius-upstream.update',
          at: at.getTime(),
          attemptId,
          actor: application.name,
          detail: { upstreamId, name, settings, hasNewSecret: secret !== undefined },
        });
      }),
    )
    .catch(refusedUpstream);
  await deps.radiusUpstreams.refresh('primary');
  return viewUpstream(await deps.router.read((db) => readUpstream(db, upstreamId), { from: 'primary' }));
}
