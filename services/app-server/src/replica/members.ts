import { isServiceName, SERVICES, type MembersAnswer } from '@countersign/authority';
import { MfaError } from '@countersign/contracts';
import type { Router } from '../database/router.ts';
import { joinUrlsNow } from './join-urls.ts';
import { findByCertificate, listReplicas } from './store.ts';

/**
 * Who is behind the balancers: every replica that was admitted and not revoked. Told to balancers alone.
 * @param shown fingerprint of the certificate of the connection.
 * @throws MfaError RENEWAL_REFUSED when nobody has this certificate, FORBIDDEN, PRIMARY_UNAVAILABLE.
 */
export async function members(
  { router, joining }: { router: Router; joining: { urls: readonly string[]; port: number } },
  shown: string,
): Promise<MembersAnswer> {
  const asking = await findByCertificate(router, shown);
  if (asking === undefined) throw new MfaError('RENEWAL_REFUSED', { reason: 'no active replica has this certificate' });
  if (asking.service !== 'balancer') throw new MfaError('FORBIDDEN', { reason: `${asking.name} is no balancer` });
  const active = (await listReplicas(router, false)).filter(({ state }) => state === 'active');
  return {
    joinUrls: await joinUrlsNow(router, joining),
    members: active.flatMap(({ name, service, hosts }) =>
      isServiceName(service) && SERVICES[service].balanced ? [{ name, service, hosts }] : [],
    ),
  };
}
