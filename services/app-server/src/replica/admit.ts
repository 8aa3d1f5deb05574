import {
  certifyRequest,
  hashOfSecret,
  hasRole,
  isServiceName,
  namesOf,
  REPLICA_DAYS,
  RequestRefused,
  SERVICES,
  userJwt,
  type Admission,
  type JoinRequest,
} from '@countersign/authority';
import { MfaError } from '@countersign/contracts';
import { recordAdministration } from '../audit/administration.ts';
import type { Router } from '../database/router.ts';
import type { KeyRing } from '../keys/ring.ts';
import { readAuthority, type Authority } from './authority.ts';
import { databaseLogin, makeLogin, urlsFor } from './login.ts';
import { claimInvitation, getReplica, type ReplicaRow } from './store.ts';

/** What this app-server hands on to those that join; taken from its own settings. */
export interface JoinSettings {
  /** Where machines that join reach app-servers. */
  urls: readonly string[];
  natsUrls: readonly string[];
  publicUrl: string;
  /** Where people reach the portal, where there is one. */
  portalUrl: string | undefined;
  /** Where phones reach mobile-app-web-service, where there is one. */
  deviceUrl: string | undefined;
  copies: number;
  /** COUNTERSIGN_NATS_UNSYNCED, where somebody set it: it is accepted for the installation. */
  unsynced: string | undefined;
  ledgerStreams: number;
  postgresUrls: readonly string[];
  /** The key ring as text. */
  keyRing: string;
  port: number;
}

export interface AdmitDependencies {
  router: Router;
  ring: KeyRing;
  now: () => number;
  randomBytes: (size: number) => Buffer;
  joining: JoinSettings;
}

/**
 * Turns an invitation into a replica. Everything that can be refused is refused before the token is spent.
 * @throws MfaError JOIN_REFUSED without saying why, REQUEST_INVALID, AUTHORITY_MISSING, PRIMARY_UNAVAILABLE.
 */
export async function admit(deps: AdmitDependencies, request: JoinRequest): Promise<Admission> {
  const { router, joining } = deps;
  const authority = await readAuthority(router, deps.ring);
  const now = deps.now();
  const secretHash = hashOfSecret(request.secret);
  const row = await getReplica(router, request.id);
  const problem = problemOf(row, request, secretHash, now);
  if (row === undefined || problem !== undefined) throw new MfaError('JOIN_REFUSED', { reason: problem ?? 'unknown' });

  const certified = await certify(authority, row, request.certificateRequest, now);
  const natsJwt = await credentials(authority, row, request.natsKey, certified.expiresAt);
  const login = row.service === 'app-server' ? databaseLogin(row.name, deps.randomBytes) : undefined;

  const claimed = await router.write((db) =>
    db.transaction().execute(async (transaction) => {
      const admitted = {
        fingerprint: certified.fingerprint,
        certificateExpiresAt: new Date(certified.expiresAt),
        natsKey: request.natsKey ?? null,
        postgresLogin: login?.login ?? null,
      };
      if (!(await claimInvitation(transaction, row.replica_id, secretHash, admitted, new Date(now)))) return false;
      if (login !== undefined) await makeLogin(transaction, login);
      await recordAdministration(transaction, {
        type: 'replica.join',
        at: now,
        attemptId: `join-${row.replica_id}`,
        actor: row.name,
        detail: {
          name: row.name,
          service: row.service,
          invitedBy: row.invited_by,
          fingerprint: certified.fingerprint,
          ...(request.natsKey !== undefined && { natsKey: request.natsKey }),
        },
      });
      return true;
    }),
  );
  if (!claimed) throw new MfaError('JOIN_REFUSED', { reason: 'somebody else was faster' });

  return {
    service: row.service,
    name: row.name,
    certificate: certified.certificatePem,
    authority: authority.certificate,
    expiresAt: new Date(certified.expiresAt).toISOString(),
    ...(natsJwt !== undefined && { natsJwt }),
    settings: settingsOf(row, joining),
    secretSettings:
      login === undefined
        ? {}
        : {
            COUNTERSIGN_KEY_RING: joining.keyRing,
            COUNTERSIGN_POSTGRES_URLS: urlsFor(joining.postgresUrls, login).join(','),
          },
  };
}

/** For the log alone: whoever guesses must not learn what was right about the guess. */
function problemOf(
  row: ReplicaRow | undefined,
  request: JoinRequest,
  secretHash: Buffer,
  now: number,
): string | undefined {
  if (row === undefined) return 'no such invitation';
  if (row.state !== 'invited') return `the invitation is ${row.state === 'active' ? 'used' : 'taken back'}`;
  if (row.secret_hash === null || !row.secret_hash.equals(secretHash)) return 'wrong secret';
  if (row.invitation_expires_at === null || row.invitation_expires_at.getTime() <= now) return 'expired';
  if (row.service !== request.service || row.name !== request.name) return 'for another service or name';
  return undefined;
}

/** @throws MfaError REQUEST_INVALID when the request asks for something else than was agreed on. */
export async function certify(authority: Authority, row: ReplicaRow, requestPem: string, now: number) {
  const { service } = row;
  if (!isServiceName(service)) throw new MfaError('INTERNAL', { reason: 'a service of another version' });
  try {
    return await certifyRequest(
      { certificatePem: authority.certificate, keyPem: authority.secrets.certificateKey },
      requestPem,
      {
        commonName: row.name,
        names: namesOf(row.name, row.hosts),
        usage: SERVICES[service].usage,
        now,
        days: REPLICA_DAYS,
      },
    );
  } catch (error) {
    if (!(error instanceof RequestRefused)) throw error;
    throw new MfaError('REQUEST_INVALID', {
      invalid: [{ pointer: '/certificateRequest', message: error.message }],
    });
  }
}

/** @throws MfaError REQUEST_INVALID when the service needs a NATS user and none is named, or the reverse. */
export async function credentials(
  authority: Authority,
  { service, name }: ReplicaRow,
  user: string | undefined,
  expiresAt: number,
): Promise<string | undefined> {
  const needsUser = isServiceName(service) && hasRole(service);
  if (needsUser !== (user !== undefined)) {
    throw new MfaError('REQUEST_INVALID', {
      invalid: [{ pointer: '/natsKey', message: needsUser ? 'is required' : 'is not for this service' }],
    });
  }
  if (!needsUser || user === undefined) return undefined;
  return userJwt(authority, authority.secrets, { name, role: service, user, expiresAt });
}

function settingsOf({ service, hosts }: ReplicaRow, joining: JoinSettings): Record<string, string> {
  if (!isServiceName(service) || !hasRole(service)) return {};
  const nats = { COUNTERSIGN_NATS_URLS: joining.natsUrls.join(',') };
  if (service === 'admin' || service === 'radius-server') return nats;
  const portal = joining.portalUrl === undefined ? {} : { COUNTERSIGN_PORTAL_URL: joining.portalUrl };
  if (service === 'user-portal') return { ...nats, ...portal };
  const device = joining.deviceUrl === undefined ? {} : { COUNTERSIGN_DEVICE_URL: joining.deviceUrl };
  if (service === 'mobile-app-web-service') return { ...nats, ...device };
  const everywhere = { ...nats, COUNTERSIGN_PUBLIC_URL: joining.publicUrl };
  if (service !== 'app-server') return everywhere;
  const own = hosts.slice(0, 1).map((host) => `https://${host}:${joining.port}`);
  return {
    ...everywhere,
    ...portal,
    ...device,
    COUNTERSIGN_HOST: '0.0.0.0',
    COUNTERSIGN_PORT: String(joining.port),
    COUNTERSIGN_NATS_REPLICAS: String(joining.copies),
    ...(joining.unsynced !== undefined && { COUNTERSIGN_NATS_UNSYNCED: joining.unsynced }),
    COUNTERSIGN_LEDGER_STREAMS: String(joining.ledgerStreams),
    COUNTERSIGN_JOIN_URLS: [...new Set([...own, ...joining.urls])].join(','),
  };
}
