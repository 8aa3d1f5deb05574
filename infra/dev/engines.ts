import { mkdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { edgeStatus } from '@countersign/contracts';
import {
  ensureDatabase,
  ensureRole,
  startNats,
  startPostgresPair,
  type NatsServer,
  type PostgresPair,
} from '@countersign/testkit';
import { CHECKOUT, type Layout } from './layout.ts';
import { GATEWAYS, type NatsUserName, type Secrets } from './secrets.ts';

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
      ...GATEWAYS.map((name) => user(name, permissions('sdk-gateway', hearing(name)))),
      user('admin', permissions('admin')),
      // For a look at the streams; no service uses it.
      user('root'),
      '  ]',
      '}',
    ].join('\n'),
    onCrash: (reason) => onCrash('nats', reason),
  });
}

/** What a gateway may hear, behind the include of its service's permissions: its own inbox, and who asks how it is. */
export function hearing(gateway: string): string {
  return `subscribe: ["_INBOX.${gateway}.>", "${edgeStatus.subject}"]`;
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
