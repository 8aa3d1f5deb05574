import { deliverAccount } from '@countersign/bus';
import { keyPairProblem, type TlsOptions } from '@countersign/http';
import type { Logger } from '@countersign/telemetry';
import type { Router } from '../database/router.ts';
import type { Environment } from '../environment.ts';
import type { KeyRing } from '../keys/ring.ts';
import { StartRefused } from '../start-refused.ts';
import type { JoinSettings } from './admit.ts';
import { adoptAuthority, findAuthority } from './authority.ts';
import { deliver, type DeliveryDependencies } from './deliver.ts';

/** What a replica needs to admit others and to cut them off. */
export interface Joining extends JoinSettings {
  /** Present where the port speaks HTTPS: without it nobody joins here. */
  tls: TlsOptions | undefined;
  deliverAccount: DeliveryDependencies['joining']['deliverAccount'];
}

interface Dependencies {
  router: Router;
  ring: KeyRing;
  now: () => number;
  logger: Logger;
}

/**
 * Takes the authority into the database where it is new, and tells NATS once what this release may do and who was revoked.
 * @throws StartRefused when the settings have half a certificate, or another's key; Error when the authority is none.
 */
export async function startJoining(environment: Environment, deps: Dependencies): Promise<Joining> {
  const { router, ring, logger } = deps;
  if (environment.COUNTERSIGN_AUTHORITY !== undefined) {
    const adopted = await adoptAuthority(deps, environment.COUNTERSIGN_AUTHORITY);
    const detail = 'authority.json is in the database: delete the file and take COUNTERSIGN_AUTHORITY_FILE away.';
    logger.warn(adopted ? 'authority.adopted' : 'authority.known', { detail });
  }
  const authority = await findAuthority(router, ring);
  const tls = tlsOf(environment, authority?.certificate);
  const { COUNTERSIGN_NATS_URLS: servers, COUNTERSIGN_NATS_CA: authorities = authority?.certificate ?? '' } =
    environment;
  const joining: Joining = {
    tls,
    // A token with addresses that do not answer would help nobody.
    urls: tls === undefined ? [] : environment.COUNTERSIGN_JOIN_URLS,
    natsUrls: servers,
    publicUrl: environment.COUNTERSIGN_PUBLIC_URL,
    portalUrl: environment.COUNTERSIGN_PORTAL_URL,
    deviceUrl: environment.COUNTERSIGN_DEVICE_URL,
    copies: environment.COUNTERSIGN_NATS_REPLICAS,
    unsynced: environment.COUNTERSIGN_NATS_UNSYNCED,
    ledgerStreams: environment.COUNTERSIGN_LEDGER_STREAMS,
    postgresUrls: environment.COUNTERSIGN_POSTGRES_URLS,
    keyRing: environment.COUNTERSIGN_KEY_RING,
    port: environment.COUNTERSIGN_PORT,
    deliverAccount: (delivery) => deliverAccount({ ...delivery, servers, authorities }),
  };
  if (authority !== undefined) {
    // Nobody waits for it: NATS may be away, and this replica serves with what NATS knows.
    void deliver({ ...deps, joining })
      .then((told) => logger.info('authority.delivered', { count: told.length }))
      .catch((error: unknown) => logger.warn('authority.undelivered', { error }));
  }
  return joining;
}

/** Callers are asked for a certificate of the internal CA, which is what a renewal shows. */
function tlsOf(
  { COUNTERSIGN_TLS_CERT: certificate, COUNTERSIGN_TLS_KEY: key }: Environment,
  authority: string | undefined,
): TlsOptions | undefined {
  if ((certificate === undefined) !== (key === undefined)) {
    // To fall back to plain HTTP would be found out by somebody else.
    throw new StartRefused('Set both COUNTERSIGN_TLS_CERT and COUNTERSIGN_TLS_KEY (or their _FILE), or neither.');
  }
  if (certificate === undefined || key === undefined) return undefined;
  const problem = keyPairProblem(certificate, key);
  if (problem !== undefined) {
    throw new StartRefused(
      `COUNTERSIGN_TLS_CERT and COUNTERSIGN_TLS_KEY do not serve together. ${problem} Set both to what was issued together.`,
    );
  }
  return { certificate, key, ...(authority !== undefined && { clientCertificates: { authorities: authority } }) };
}
