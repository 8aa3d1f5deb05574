import { mkdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { permissionsOf } from '@countersign/authority';
import type { DirectorySettings } from '@countersign/contracts';
import {
  ensureDatabase,
  ensureRole,
  startNats,
  startPostgresPair,
  startSlapd,
  type NatsServer,
  type PostgresPair,
  type Slapd,
} from '@countersign/testkit';
import type { CertificateFiles } from './certificates.ts';
import { CHECKOUT, type Layout } from './layout.ts';
import { PEOPLE } from './people.ts';
import { GATEWAYS, MOBILE_SERVICES, PORTALS, RADIUS_SERVERS, type NatsUserName, type Secrets } from './secrets.ts';

type OnCrash = (name: string, reason: string) => void;

/** NATS with JetStream; what each user may do stands in infra/nats. */
export function startDevNats(
  { dir, logs, ports }: Layout,
  { natsPasswords }: Secrets,
  onCrash: OnCrash,
): Promise<NatsServer> {
  const storeDir = join(dir, 'nats');
  mkdirSync(storeDir, { recursive: true });
  // nats-server reads an include relative to the file that includes.
  const permissions = (service: string, more = '') => {
    const file = relative(storeDir, join(CHECKOUT, 'infra', 'nats', `${service}.conf`));
    return `permissions: { include ${JSON.stringify(file)}\n${more} }`;
  };
  const user = (name: NatsUserName, more = '') =>
    `    { user: ${name}, password: ${JSON.stringify(natsPasswords[name])}, ${more} }`;
  return startNats({
    name: 'nats',
    storeDir,
    port: ports.nats,
    logFile: join(logs, 'nats.log'),
    configuration: [
      'authorization {',
      '  users = [',
      user('app-server', permissions('app-server')),
      ...GATEWAYS.map((name) => user(name, permissions('sdk-gateway', hearing('sdk-gateway', name)))),
      ...PORTALS.map((name) => user(name, permissions('user-portal', hearing('user-portal', name)))),
      ...MOBILE_SERVICES.map((name) =>
        user(name, permissions('mobile-app-web-service', hearing('mobile-app-web-service', name))),
      ),
      ...RADIUS_SERVERS.map((name) => user(name, permissions('radius-server', hearing('radius-server', name)))),
      user('admin', permissions('admin')),
      // For a look at the streams; no service uses it.
      user('root'),
      '  ]',
      '}',
    ].join('\n'),
    onCrash: (reason) => onCrash('nats', reason),
  });
}

/** What an edge may hear, behind the include of its service's permissions: its own inbox, and what the include has. */
export function hearing(service: string, edge: string): string {
  return `subscribe: ${JSON.stringify([`_INBOX.${edge}.>`, ...permissionsOf(service).subscribe])}`;
}

/** The directory that holds people's passwords: OpenLDAP's server, over TLS. */
export function startDevDirectory(
  { dir, logs, ports }: Layout,
  { passwords, directoryPassword }: Secrets,
  certificates: CertificateFiles,
  onCrash: OnCrash,
): Promise<Slapd> {
  return startSlapd({
    dir: join(dir, 'directory'),
    port: ports.directory,
    certificatePem: readFileSync(certificates.certificate, 'utf8'),
    keyPem: readFileSync(certificates.key, 'utf8'),
    people: PEOPLE.map(({ username, displayName, language }) => ({
      username,
      displayName,
      language,
      mail: `${username}@example.com`,
      password: passwords[username] ?? '',
    })),
    bindPassword: directoryPassword,
    logFile: join(logs, 'directory.log'),
    onCrash: (reason) => onCrash('directory', reason),
  });
}

/** How app-server reaches it. */
export function directorySettings({ url, baseDn, bindDn }: Slapd, authorities: string): DirectorySettings {
  return { urls: [url], kind: 'ldap', authorities, baseDn, bindDn, netbiosNames: ['DEMO'], suffixes: ['example.com'] };
}

export interface DevPostgres {
  pair: PostgresPair;
  /** Addresses of both nodes, for the owner of the schema. */
  ownerUrls: string[];
  /** The same for the role that app-server runs as. */
  serviceUrls: string[];
}

const DATABASE = 'countersign';
const SERVICE_ROLE = 'countersign_service';

export async function startDevPostgres(
  { dir, logs, ports }: Layout,
  { postgresPassword, servicePassword }: Secrets,
  onCrash: OnCrash,
): Promise<DevPostgres> {
  const pair = await startPostgresPair({
    dir: join(dir, 'postgres'),
    password: postgresPassword,
    primaryPort: ports.postgresPrimary,
    standbyPort: ports.postgresStandby,
    logDirectory: logs,
    onCrash: (node, reason) => onCrash(node.name, reason),
  });
  await ensureRole(pair.primary, SERVICE_ROLE, servicePassword);
  await ensureDatabase(pair.primary, DATABASE);
  const urls = (change: (url: URL) => void) =>
    pair.nodes.map((node) => {
      const url = new URL(node.url);
      url.pathname = `/${DATABASE}`;
      change(url);
      return url.href;
    });
  return {
    pair,
    ownerUrls: urls(() => undefined),
    serviceUrls: urls((url) => {
      url.username = SERVICE_ROLE;
      url.password = servicePassword;
    }),
  };
}
