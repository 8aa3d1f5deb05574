import { accountJwt, createUserKey, rolePermissions, userJwt } from './accounts.ts';
import { certifyRequest, namesOf, requestCertificate } from './certificates.ts';
import {
  DATABASE_LOGINS,
  databaseLoginOf,
  databaseStatements,
  databaseUrls,
  type DatabaseDuty,
  type PostgresAddress,
  type RolePassword,
} from './database.ts';
import { createInstallation, type Founder, type Installation } from './installation.ts';
import { ACCEPT_UNSYNCED, renderNatsConfiguration, type NatsMember } from './nats-conf.ts';
import { replicaFiles, type Files } from './replica-files.ts';
import { hasRole, SERVICES, type ServiceName } from './services.ts';

/** A replica's certificate and credentials; renewed by itself long before. */
export const REPLICA_DAYS = 90;

export interface FoundingOptions {
  /** Of the installation, in the subject of its CA. */
  name: string;
  members: readonly NatsMember[];
  /** Postgres nodes under Patroni, and what the roles of the database are given. Without it Postgres is somebody else's. */
  postgres?: {
    nodes: readonly (PostgresAddress & { name: string; names?: readonly string[] })[];
    roles: Record<DatabaseDuty, RolePassword>;
  };
  /** Whoever else gets a certificate, and nothing else from here. */
  others?: readonly { service: 'etcd' | 'balancer'; name: string; hosts: readonly string[] }[];
  /** Machines of the first app-server. */
  appServer: { name: string; hosts: readonly string[]; port: number };
  publicUrl: string;
  /** Where its files will be on the machine. */
  folderOf: (name: string, service: ServiceName) => string;
  /** Where a NATS server keeps accounts and streams. */
  dataFolderOf: (name: string) => string;
  monitorOf?: (name: string) => { host: string; port: number };
  /** Address to listen on; every one of the machine unless given. */
  listenOf?: (name: string) => string;
  /**
   * Whether a NATS server has each write on its disk before it acknowledges; from 2.10 on it can (HA-22). Without, several copies are
   * lost when their servers lose power together.
   */
  syncsWrites: boolean;
  /** What that costs: without it an installation of three is not founded on servers that sync no write. */
  acceptUnsynced?: boolean;
  maxFileBytes: number;
  /** Text of the key ring. */
  keyRing: string;
  routePassword: string;
  /** ms since the epoch. */
  now: number;
}

export interface Founded {
  /** By folder: one for each machine that was named, and for the administrator; `offline` stays with the latter. */
  folders: Record<string, Files>;
  installation: Installation;
}

/** What the superuser runs once on the primary, a statement on each line. */
export const DATABASE_FILE = 'database.sql';
const MEMORY_BYTES = 256 * 1024 ** 2;
const CLUSTER_STREAMS = 3;

/** Whether decisions would rest on copies that are all in memory when the power goes. */
export function isUnsynced({ members, syncsWrites }: Pick<FoundingOptions, 'members' | 'syncsWrites'>): boolean {
  return copiesOf(members) > 1 && !syncsWrites;
}

function copiesOf(members: readonly NatsMember[]): number {
  return members.length >= 3 ? 3 : 1;
}

/**
 * Makes everything that a new installation begins with. Nothing of it was anywhere before, and nothing is written here.
 * @throws Error when its NATS servers sync no write and nobody accepted that.
 */
export async function foundInstallation(options: FoundingOptions): Promise<Founded> {
  const { members, appServer, now, folderOf } = options;
  const unsynced = isUnsynced(options);
  if (unsynced && options.acceptUnsynced !== true) {
    throw new Error('The NATS servers sync no write to disk, and acceptUnsynced was not given.');
  }
  const { installation, operator } = await createInstallation(options.name, now);
  const folders: Record<string, Files> = {};
  const joinUrls = appServer.hosts.slice(0, 1).map((host) => `https://${host}:${appServer.port}`);
  const natsUrls = members.map(({ host, clientPort }) => `nats://${host}:${clientPort}`).join(',');
  const copies = copiesOf(members);

  const admit = async (
    service: ServiceName,
    name: string,
    hosts: readonly string[],
    settings: Record<string, string>,
    secretSettings: Record<string, string> = {},
  ) => {
    const founder = await admitFounder(installation, { service, name, hosts, now });
    const ownLogin = service === 'app-server' && options.postgres !== undefined;
    installation.founders.push({ ...founder.founder, ...(ownLogin && { postgresLogin: databaseLoginOf(name) }) });
    const admission = { ...founder.admission, settings, secretSettings };
    const description = { service, name, hosts, joinUrls };
    folders[name] = replicaFiles(admission, description, { folder: folderOf(name, service), ...founder.keys });
  };

  for (const { name, host, names } of members) await admit('nats-server', name, hostsOf(host, names), {});
  for (const { name, host, names } of options.postgres?.nodes ?? []) {
    await admit('postgres', name, hostsOf(host, names), {});
  }
  for (const { service, name, hosts } of options.others ?? []) await admit(service, name, hosts, {});
  const accounts = {
    [installation.systemAccount]: installation.systemAccountJwt,
    [installation.account]: await accountJwt(installation, installation.secrets, rolePermissions(), []),
  };
  for (const self of members) {
    const monitor = options.monitorOf?.(self.name);
    Object.assign(folders[self.name] ?? {}, {
      'nats-server.conf': renderNatsConfiguration({
        members,
        self,
        operatorJwt: installation.operatorJwt,
        systemAccount: installation.systemAccount,
        accounts,
        routePassword: options.routePassword,
        configurationFolder: folderOf(self.name, 'nats-server'),
        dataFolder: options.dataFolderOf(self.name),
        syncsWrites: options.syncsWrites,
        maxFileBytes: options.maxFileBytes,
        maxMemoryBytes: MEMORY_BYTES,
        monitorPort: monitor?.port ?? 8222,
        ...(monitor !== undefined && { monitorHost: monitor.host }),
        ...(options.listenOf !== undefined && { listen: options.listenOf(self.name) }),
      }),
    });
  }

  await admit('admin', 'admin', ['admin'], { COUNTERSIGN_NATS_URLS: natsUrls });
  await admit(
    'app-server',
    appServer.name,
    appServer.hosts,
    {
      COUNTERSIGN_HOST: options.listenOf?.(appServer.name) ?? '0.0.0.0',
      COUNTERSIGN_PORT: String(appServer.port),
      COUNTERSIGN_NATS_URLS: natsUrls,
      COUNTERSIGN_NATS_REPLICAS: String(copies),
      ...(unsynced && { COUNTERSIGN_NATS_UNSYNCED: ACCEPT_UNSYNCED }),
      COUNTERSIGN_LEDGER_STREAMS: String(copies === 1 ? 1 : CLUSTER_STREAMS),
      COUNTERSIGN_PUBLIC_URL: options.publicUrl,
      COUNTERSIGN_JOIN_URLS: joinUrls.join(','),
      COUNTERSIGN_AUTHORITY_FILE: `${folderOf(appServer.name, 'app-server')}/authority.json`,
    },
    { COUNTERSIGN_KEY_RING: options.keyRing, ...databaseSettings(options) },
  );
  const [firstNode] = options.postgres?.nodes ?? [];
  if (firstNode !== undefined && options.postgres !== undefined) {
    const statements = databaseStatements(appServer.name, options.postgres.roles);
    Object.assign(folders[firstNode.name] ?? {}, {
      [DATABASE_FILE]: statements.map((line) => `${line};\n`).join(''),
      'monitor-password': `${options.postgres.roles.monitor.password}\n`,
    });
  }
  Object.assign(folders[appServer.name] ?? {}, {
    'authority.json': `${JSON.stringify(installation, undefined, 2)}\n`,
  });
  folders['offline'] = { 'operator.json': `${JSON.stringify(operator, undefined, 2)}\n` };
  return { folders, installation };
}

function hostsOf(host: string, names: readonly string[] = []): string[] {
  return [...new Set([host, ...names])];
}

function databaseSettings({ postgres, appServer, folderOf }: FoundingOptions): Record<string, string> {
  if (postgres === undefined) return {};
  const authority = `${folderOf(appServer.name, 'app-server')}/ca.pem`;
  const urls = (login: string, duty: DatabaseDuty) =>
    databaseUrls(postgres.nodes, { login, password: postgres.roles[duty].password, authority });
  return {
    COUNTERSIGN_POSTGRES_URLS: urls(databaseLoginOf(appServer.name), 'firstAppServer'),
    COUNTERSIGN_POSTGRES_OWNER_URLS: urls(DATABASE_LOGINS.owner, 'owner'),
  };
}

async function admitFounder(
  installation: Installation,
  { service, name, hosts, now }: { service: ServiceName; name: string; hosts: readonly string[]; now: number },
) {
  const { requestPem, keyPem } = await requestCertificate({ commonName: name, names: hosts });
  const { certificatePem, fingerprint, expiresAt } = await certifyRequest(
    { certificatePem: installation.certificate, keyPem: installation.secrets.certificateKey },
    requestPem,
    { commonName: name, names: namesOf(name, hosts), usage: SERVICES[service].usage, now, days: REPLICA_DAYS },
  );
  const user = hasRole(service) ? createUserKey() : undefined;
  const natsJwt =
    user === undefined || !hasRole(service)
      ? undefined
      : await userJwt(installation, installation.secrets, { name, role: service, user: user.publicKey, expiresAt });
  const founder: Founder = {
    name,
    service,
    hosts: [...hosts],
    fingerprint,
    expiresAt,
    ...(user !== undefined && { natsKey: user.publicKey }),
  };
  return {
    founder,
    admission: {
      service,
      name,
      certificate: certificatePem,
      authority: installation.certificate,
      expiresAt: new Date(expiresAt).toISOString(),
      ...(natsJwt !== undefined && { natsJwt }),
    },
    keys: { keyPem, natsSeed: user?.seed },
  };
}
