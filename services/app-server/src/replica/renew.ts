import type { Admission, RenewRequest } from '@countersign/authority';
import { MfaError } from '@countersign/contracts';
import { recordAdministration } from '../audit/administration.ts';
import { certify, credentials, type AdmitDependencies } from './admit.ts';
import { readAuthority } from './authority.ts';
import { joinUrlsNow } from './join-urls.ts';
import { findByCertificate, replaceCertificate } from './store.ts';

/**
 * Another certificate for a replica that shows its present one, and NATS credentials for the same user and as long.
 * @param shown fingerprint of the certificate of the connection, whose chain and dates were checked by TLS.
 * @throws MfaError RENEWAL_REFUSED, REQUEST_INVALID, PRIMARY_UNAVAILABLE.
 */
export async function renew(deps: AdmitDependencies, shown: string, request: RenewRequest): Promise<Admission> {
  const { router } = deps;
  const authority = await readAuthority(router, deps.ring);
  const now = deps.now();
  const row = await findByCertificate(router, shown);
  if (row === undefined) throw new MfaError('RENEWAL_REFUSED', { reason: 'no active replica has this certificate' });
  if ((row.nats_key ?? undefined) !== request.natsKey) {
    throw new MfaError('REQUEST_INVALID', { invalid: [{ pointer: '/natsKey', message: 'is not the one of joining' }] });
  }
  const certified = await certify(authority, row, request.certificateRequest, now);
  const natsJwt = await credentials(authority, row, request.natsKey, certified.expiresAt);
  const renewed = await router.write((db) =>
    db.transaction().execute(async (transaction) => {
      const next = { fingerprint: certified.fingerprint, expiresAt: new Date(certified.expiresAt) };
      if (!(await replaceCertificate(transaction, row.replica_id, shown, next))) return false;
      await recordAdministration(transaction, {
        type: 'replica.renew',
        at: now,
        attemptId: `renew-${certified.fingerprint.slice(0, 32)}`,
        actor: row.name,
        detail: { name: row.name, fingerprint: certified.fingerprint },
      });
      return true;
    }),
  );
  if (!renewed) throw new MfaError('RENEWAL_REFUSED', { reason: 'revoked meanwhile' });
  return {
    service: row.service,
    name: row.name,
    certificate: certified.certificatePem,
    authority: authority.certificate,
    expiresAt: new Date(certified.expiresAt).toISOString(),
    ...(natsJwt !== undefined && { natsJwt }),
    joinUrls: await joinUrlsNow(router, deps.joining),
    settings: {},
    secretSettings: {},
  };
}
