import { setTimeout as sleep } from 'node:timers/promises';
import { MfaError } from '@countersign/contracts';
import { ATTRIBUTE } from '@countersign/radius';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { UpstreamRequest } from '../radius-upstream/access-request.ts';
import type { RadiusUpstreams } from '../radius-upstream/upstreams.ts';
import { packetAttribute } from './attribute.ts';
import type { LoginInput } from './client-request.ts';
import type { Kept, Said } from './kept.ts';

export interface SaidOnceDependencies {
  radiusUpstreams: Pick<RadiusUpstreams, 'get'>;
  kept: Kept;
  now: () => number;
}

const OTHERS_TAKE_MS = 6000;
const LOOK_AGAIN_MS = 100;

/**
 * Asks an upstream server once for each request, whichever replicas it reaches: whoever claims it asks, the others hear what that one heard
 * (INV-13). Where the one that claimed died, nobody asks again, since it may have been counted (ADR 17).
 * @param login names the request.
 * @throws MfaError RADIUS_UPSTREAM_UNAVAILABLE, UNAVAILABLE.
 */
export async function saidOnce(
  { radiusUpstreams, kept, now }: SaidOnceDependencies,
  { upstreamId, input, login }: { upstreamId: string; input: LoginInput; login: string },
  credential: Omit<UpstreamRequest, 'attributes'>,
  { deadline }: AuthorisedRequest,
): Promise<Said> {
  const upstream = radiusUpstreams.get(upstreamId);
  if (upstream === undefined) throw new MfaError('RADIUS_UPSTREAM_UNAVAILABLE', { reason: 'no such upstream server' });
  const since = now();
  const claimed = await kept.claim(login);
  if (claimed === undefined) return saidByThen(kept, login, () => now() < Math.min(deadline, since + OTHERS_TAKE_MS));
  const { username, forward = [] } = input;
  const { outcome, attributes, state } = await upstream.ask(
    {
      attributes: [
        { type: ATTRIBUTE.userName, value: Buffer.from(username) },
        ...forward.map(packetAttribute).filter(({ type }) => type !== ATTRIBUTE.userName),
      ],
      ...credential,
    },
    deadline,
  );
  const said: Said = { outcome, attributes, ...(state !== undefined && { state: state.toString('base64') }) };
  await kept.put(login, claimed, said);
  return said;
}

async function saidByThen(kept: Kept, login: string, isTime: () => boolean): Promise<Said> {
  for (;;) {
    const said = await kept.get(login);
    if (said !== undefined) return said;
    if (!isTime())
      throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 1, reason: 'asked by another, who has not said' });
    await sleep(LOOK_AGAIN_MS);
  }
}
