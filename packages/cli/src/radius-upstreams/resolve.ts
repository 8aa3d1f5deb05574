import { MfaError, radiusUpstreamFind, type RadiusUpstreamView } from '@countersign/contracts';
import type { Connection } from '../connection.ts';

export const UPSTREAM_ARGUMENT = { description: 'Name or id of the upstream RADIUS server.' } as const;

/** No two have the same name. @throws MfaError RADIUS_UPSTREAM_NOT_FOUND. */
export async function resolveUpstream({ ask }: Connection, nameOrId: string): Promise<RadiusUpstreamView> {
  const { upstreams } = await ask(radiusUpstreamFind, {});
  const wanted = nameOrId.toLowerCase();
  const found =
    upstreams.find(({ upstreamId }) => upstreamId === wanted) ??
    upstreams.find(({ name }) => name === nameOrId) ??
    upstreams.find(({ name }) => name.toLowerCase() === wanted);
  if (found === undefined) throw new MfaError('RADIUS_UPSTREAM_NOT_FOUND');
  return found;
}
