import { credsAuthenticator } from '@nats-io/nats-core';
import type { CredentialsFile } from './credentials-file.ts';

/** Where NATS is, and as whom. */
export interface NatsAccess {
  /** `host:port` or `nats://…`, any number of one cluster. */
  servers: string[];
  user?: string;
  password?: string;
  /** Path of a credentials file (JWT and seed) in place of user and password. Read again whenever the connection is made anew. */
  credentialsFile?: string;
  /** Authorities of the servers' certificates as PEM. With it the connection is encrypted, or there is none. */
  authorities?: string;
  /** Shown by NATS to its operators. */
  name: string;
}

/** The settings of it, which are the same in every process. */
interface NatsSettings {
  COUNTERSIGN_NATS_URLS: string[];
  COUNTERSIGN_NATS_USER?: string | undefined;
  COUNTERSIGN_NATS_PASSWORD?: string | undefined;
  COUNTERSIGN_NATS_CREDENTIALS_FILE?: string | undefined;
  COUNTERSIGN_NATS_CA?: string | undefined;
}

export function accessOf({
  COUNTERSIGN_NATS_URLS: servers,
  COUNTERSIGN_NATS_USER: user,
  COUNTERSIGN_NATS_PASSWORD: password,
  COUNTERSIGN_NATS_CREDENTIALS_FILE: credentialsFile,
  COUNTERSIGN_NATS_CA: authorities,
}: NatsSettings): Omit<NatsAccess, 'name'> {
  return {
    servers,
    ...(user !== undefined && { user }),
    ...(password !== undefined && { password }),
    ...(credentialsFile !== undefined && { credentialsFile }),
    ...(authorities !== undefined && { authorities }),
  };
}

/** What every connection of ours has. */
export function connectOptions(
  { servers, name, user, password, authorities }: NatsAccess,
  /** Of `credentialsFile`, opened. */
  credentials: CredentialsFile | undefined,
) {
  return {
    servers,
    name,
    ...(user !== undefined && { user }),
    ...(password !== undefined && { pass: password }),
    ...(credentials !== undefined && { authenticator: credsAuthenticator(() => credentials.current()) }),
    ...(authorities !== undefined && { tls: { ca: authorities } }),
    timeout: 2000,
    // A server that hangs without closing is noticed after 3 to 4 seconds: before JetStream, which takes 4 to 9, has elected others.
    pingInterval: 1000,
    maxPingOut: 3,
    noAsyncTraces: true,
  };
}
