import { accountJwt, createUserKey, rolePermissions, userJwt } from './accounts.ts';
import { certifyRequest, requestCertificate } from './certificates.ts';
import { createInstallation, type Founder, type Installation } from './installation.ts';
import { renderNatsConfiguration, type NatsMember } from './nats-conf.ts';
import { replicaFiles, type Files } from './replica-files.ts';
import { hasRole, SERVICES, type ServiceName } from './services.ts';

/** A replica's certificate and credentials; renewed by itself long before. */
export const REPLICA_DAYS = 90;

export interface FoundingOptions {
  /** Of the installation, in the subject of its CA. */
  name: string;
  members: readonly NatsMember[];
  /** Machines of the first app-server. */
  appServer: { name: string; hosts: readonly string[]; port: number };
  publicUrl: string;
  /** Where a machine's files will be: `/etc/countersign` everywhere, unless several share one machine. */
  folderOf: (name: string) => string;
  /** Where a NATS server keeps accounts and streams. */
  dataFolderOf: (name: string) => string;
  monitorPortOf?: (name: string) => number;
  listen?: string;
  natsVersion: readonly [number, number];
  maxFileBytes: number;
  /** Text of the key ring. */
  keyRing: string;
  routePassword: string;
  /** ms since the epoch. */
  now: number;
}

export interface Founded {
  /** By folder: one for each NATS server, for the first app-server and for the administrator; `offline` stays with the latter. */
  folders: Record<string, Files>;
  installation: Installation;
}

const MEMORY_BYTES = 256 * 1024 ** 2;
const CLUSTER_STREAMS = 3;

/** Makes everything that a new installation begins with. Nothing of it was anywhere before, and nothing is written here. */
export async function foundInstallation(options: FoundingOptions): Promise<Founded> {
  const { members, appServer, now, folderOf } = options;
  const { installation, operator } = await createInstallation(options.name, now);
  const folders: Record<string, Files> = {};
  const joinUrls = appServer.hosts.slice(0, 1).map((host) => `https://${host}:${appServer.port}`);
  const natsUrls = members.map(({ host, clientPort }) => `nats://${host}:${clientPort}`).join(',');
  const copies = members.length >= 3 ? 3 : 1;

  const admit = async (
    service: ServiceName,
    name: string,
    hosts: readonly string[],
    settings: Record<string, string>,
    secretSettings: Record<string, string> = {},
  ) => {
    const founder = await admitFounder(installation, { service, name, hosts, now });
    installation.founders.push(founder.founder);
    const admission = { ...founder.admission, settings, secretSettings };
    const description = { service, name, hosts, joinUrls };
    folders[name] = replicaFiles(admission, description, { folder: folderOf(name), ...founder.keys });
  };

  for (const member of members) await admit('nats-server', member.name, [member.host], {});
  const accounts = {
    [installation.systemAccount]: installation.systemAccountJwt,
    [installation.account]: await accountJwt(installation, installation.secrets, rolePermissions(), []),
  };
  for (const self of members) {
    Object.assign(folders[self.name] ?? {}, {
      'nats-server.conf': renderNatsConfiguration({
        members,
        self,
        operatorJwt: installation.operatorJwt,
        systemAccount: installation.systemAccount,
        accounts,
        routePassword: options.routePassword,
        configurationFolder: folderOf(self.name),
        dataFolder: options.dataFolderOf(self.name),
        version: options.natsVersion,
        maxFileBytes: options.maxFileBytes,
        maxMemoryBytes: MEMORY_BYTES,
        monitorPort: options.monitorPortOf?.(self.name) ?? 8222,
        ...(options.listen !== undefined && { listen: options.listen }),
      }),
    });
  }

  await admit('admin', 'admin', ['admin'], { COUNTERSIGN_NATS_URLS: natsUrls });
  await admit(
    'app-server',
    appServer.name,
    appServer.hosts,
    {
      COUNTERSIGN_HOST: options.listen ?? '0.0.0.0',
      COUNTERSIGN_PORT: String(appServer.port),
      COUNTERSIGN_NATS_URLS: natsUrls,
      COUNTERSIGN_NATS_REPLICAS: String(copies),
      COUNTERSIGN_LEDGER_STREAMS: String(copies === 1 ? 1 : CLUSTER_STREAMS),
      COUNTERSIGN_PUBLIC_URL: options.publicUrl,
      COUNTERSIGN_JOIN_URLS: joinUrls.join(','),
      COUNTERSIGN_AUTHORITY_FILE: `${folderOf(appServer.name)}/authority.json`,
    },
    { COUNTERSIGN_KEY_RING: options.keyRing },
  );
  Object.assign(folders[appServer.name] ?? {}, {
    'authority.json': `${JSON.stringify(installation, undefined, 2)}\n`,
  });
  folders['offline'] = { 'operator.json': `${JSON.stringify(operator, undefined, 2)}\n` };
  return { folders, installation };
}

async function admitFounder(
  installation: Installation,
  { service, name, hosts, now }: { service: ServiceName; name: string; hosts: readonly string[]; now: number },
) {
  const { requestPem, keyPem } = await requestCertificate({ commonName: name, names: hosts });
  const { certificatePem, fingerprint, expiresAt } = await certifyRequest(
    { certificatePem: installation.certificate, keyPem: installation.secrets.certificateKey },
    requestPem,
    { commonName: name, names: hosts, usage: SERVICES[service].usage, now, days: REPLICA_DAYS },
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
