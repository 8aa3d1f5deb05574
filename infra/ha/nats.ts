import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { findNatsServer, prepareProcess, type RunningProcess } from '@countersign/testkit';
import { CHECKOUT } from '../dev/layout.ts';
import { startedOn } from '../dev/machine.ts';
import { GATEWAYS, type NatsUserName, type Secrets } from '../dev/secrets.ts';
import type { Certificates } from './certificates.ts';
import type { HaLayout } from './ha-layout.ts';
import { fillTemplate } from './template.ts';

const MAX_FILE_BYTES = 4 * 1024 ** 3;

/** Three servers of one cluster, none started. */
export function prepareNats(
  { dir, logs, nats }: HaLayout,
  certificates: Certificates,
  secrets: Secrets,
  onCrash: (name: string, reason: string) => void,
): RunningProcess[] {
  const program = findNatsServer();
  if (program === undefined) throw new Error('nats-server is missing. On Debian: apt-get install nats-server');
  const [major, minor] = program.version;
  const syncs = major > 2 || minor >= 10;
  const routes = nats.map(({ machine, route }) => `"nats-route://${machine.host}:${route}"`).join(', ');
  return nats.map(({ name, machine, client, route, monitor }) => {
    const { host } = machine;
    const data = join(dir, name);
    mkdirSync(data, { recursive: true, mode: 0o700 });
    const { certificate, key } = certificates.of(name);
    const file = join(data, 'nats-server.conf');
    const values = {
      NAME: name,
      HOST: host,
      CLIENT_PORT: client,
      ROUTE_PORT: route,
      MONITOR_HOST: host,
      MONITOR_PORT: monitor,
      DATA: join(data, 'jetstream'),
      MAX_FILE_BYTES,
      // Servers before 2.10 have no such setting, and write to the disk every two minutes.
      SYNC_INTERVAL: syncs ? 'sync_interval: always' : '',
      ROUTES: routes,
      USERS: usersOf(secrets, data),
      CERTIFICATE: certificate,
      KEY: key,
      AUTHORITY: certificates.authority,
    };
    writeFileSync(file, fillTemplate('nats-server.conf', values), { mode: 0o600 });
    return prepareProcess({
      name,
      command: program.path,
      args: ['-c', file],
      ...startedOn(machine),
      logFile: join(logs, `${name}.log`),
      readyWhen: () => isHealthy(host, monitor),
      onCrash: (reason) => onCrash(name, reason),
    });
  });
}

/** In a cluster: that it has caught up with its streams. */
async function isHealthy(host: string, monitor: number): Promise<boolean> {
  const response = await fetch(`http://${host}:${monitor}/healthz`, { signal: AbortSignal.timeout(1000) });
  await response.arrayBuffer();
  return response.status === 200;
}

/** nats-server reads an include relative to the file that includes. */
function usersOf({ natsPasswords }: Secrets, folder: string): string {
  const permissions = (service: string, more = '') => {
    const file = relative(folder, join(CHECKOUT, 'infra', 'nats', `${service}.conf`));
    return `permissions: { include ${JSON.stringify(file)}\n${more} }`;
  };
  const user = (name: NatsUserName, more = '') =>
    `    { user: ${name}, password: ${JSON.stringify(natsPasswords[name])}, ${more} }`;
  return [
    user('app-server', permissions('app-server')),
    ...GATEWAYS.map((name) => user(name, permissions('sdk-gateway', `subscribe: "_INBOX.${name}.>"`))),
    user('admin', permissions('admin')),
    user('root'),
  ].join('\n');
}
