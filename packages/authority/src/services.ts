import type { CertificateUsage } from './certificates.ts';

/** What may join an installation. `role`: has a permissions file `infra/nats/<name>.conf`. `balanced`: stands behind balancers. */
interface Joinable {
  role: boolean;
  balanced: boolean;
  usage: CertificateUsage;
}

/** Every kind of replica. A new service is a row here and its permissions file. */
export const SERVICES = {
  'app-server': { role: true, balanced: true, usage: 'both' },
  'sdk-gateway': { role: true, balanced: true, usage: 'both' },
  'user-portal': { role: true, balanced: true, usage: 'both' },
  'mobile-app-web-service': { role: true, balanced: true, usage: 'both' },
  'radius-server': { role: true, balanced: true, usage: 'both' },
  /** A machine with the command line. */
  admin: { role: true, balanced: false, usage: 'client' },
  /** Speaks no operations: it carries them. Its route port asks for more than a certificate. */
  'nats-server': { role: false, balanced: false, usage: 'both' },
  etcd: { role: false, balanced: false, usage: 'both' },
  /** A node under Patroni. */
  postgres: { role: false, balanced: false, usage: 'both' },
  /** Asks who is behind it with its certificate, and serves inside with it. */
  balancer: { role: false, balanced: false, usage: 'both' },
} as const satisfies Record<string, Joinable>;

export type ServiceName = keyof typeof SERVICES;
export type RoleName = { [S in ServiceName]: (typeof SERVICES)[S]['role'] extends true ? S : never }[ServiceName];

export const SERVICE_NAMES = Object.keys(SERVICES) as ServiceName[];
export const ROLE_NAMES = SERVICE_NAMES.filter((service) => SERVICES[service].role) as RoleName[];

export function isServiceName(text: string): text is ServiceName {
  return Object.hasOwn(SERVICES, text);
}

export function hasRole(service: ServiceName): service is RoleName {
  return SERVICES[service].role;
}

/** Names become users, subjects of inboxes, files and logins: no dot, no wildcard, nothing to escape. */
export const REPLICA_NAME = '^[a-z][a-z0-9-]{0,47}$';
/** A DNS name or an IPv4 address. */
export const HOST_NAME = '^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$';
