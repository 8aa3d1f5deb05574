/** One server of the cluster, as the others and the clients reach it. */
export interface NatsMember {
  name: string;
  host: string;
  /** What its certificate is good for beside `host`. A client that is given an address checks for `localhost`. */
  names?: readonly string[];
  clientPort: number;
  routePort: number;
}

export interface NatsConfiguration {
  members: readonly NatsMember[];
  self: NatsMember;
  /** Address to listen on; every one of the machine unless given. */
  listen?: string;
  operatorJwt: string;
  systemAccount: string;
  /** Account id to JWT: what the servers begin with. Newer ones that they were told of stay in `dataFolder`. */
  accounts: Record<string, string>;
  /** A certificate alone opens no route: edges have one too. */
  routePassword: string;
  /** Holds tls.pem, tls.key and ca.pem. */
  configurationFolder: string;
  dataFolder: string;
  /** Servers before 2.10 do not know it, and do not start with it (HA-22). */
  syncsWrites: boolean;
  maxFileBytes: number;
  maxMemoryBytes: number;
  /** Where `/healthz` and `/jsz` are: whoever reaches it reads everything about the server. Loopback unless given. */
  monitorHost?: string;
  monitorPort: number;
}

/** What app-server wants to read in COUNTERSIGN_NATS_UNSYNCED before it decides on several copies that no server syncs. */
export const ACCEPT_UNSYNCED = 'accept-lost-decisions-when-servers-lose-power-together';

/** Whether such a server can be told to write to the disk before it acknowledges (HA-22). */
export function syncsEachWrite([major, minor]: readonly [number, number]): boolean {
  return major > 2 || (major === 2 && minor >= 10);
}

/** `nats-server.conf` of one member. It holds the password of the routes: mode 600. */
export function renderNatsConfiguration(conf: NatsConfiguration): string {
  const { self, members, listen = '0.0.0.0', monitorHost = '127.0.0.1' } = conf;
  const tls = (more: string) =>
    `tls { cert_file: ${quote(`${conf.configurationFolder}/tls.pem`)}, key_file: ${quote(`${conf.configurationFolder}/tls.key`)}, ca_file: ${quote(`${conf.configurationFolder}/ca.pem`)}, timeout: 5${more} }`;
  const routes = members
    .filter(({ name }) => name !== self.name)
    .map(({ host, routePort }) => `    ${quote(`nats-route://routes:${conf.routePassword}@${host}:${routePort}`)}`);
  const cluster = [
    'cluster {',
    '  name: countersign',
    '  # Clients know the servers by the names that are in the certificates; addresses that servers find out are not.',
    '  no_advertise: true',
    `  listen: ${quote(`${listen}:${self.routePort}`)}`,
    `  authorization { user: routes, password: ${quote(conf.routePassword)}, timeout: 5 }`,
    `  ${tls(', verify: true')}`,
    '  routes: [',
    ...routes,
    '  ]',
    '}',
    '',
  ];
  return [
    `server_name: ${quote(self.name)}`,
    `listen: ${quote(`${listen}:${self.clientPort}`)}`,
    `http: ${quote(`${monitorHost}:${conf.monitorPort}`)}`,
    '# A client that hangs leaves the queue groups after 4 to 6 seconds, not after minutes.',
    'ping_interval: "2s"',
    'ping_max: 2',
    '# Told to stop for a while (SIGUSR2), it hands its leaders over, lets clients go one by one, and ends.',
    'lame_duck_grace_period: "2s"',
    'lame_duck_duration: "30s"',
    tls(''),
    '',
    '# Who may do what: users are JWTs that app-server signs for each replica. Nobody else connects, so nothing here changes',
    '# when a replica joins or is cut off.',
    `operator: ${quote(conf.operatorJwt)}`,
    `system_account: ${quote(conf.systemAccount)}`,
    `resolver: { type: full, dir: ${quote(`${conf.dataFolder}/accounts`)}, allow_delete: false, interval: "10s", timeout: "500ms" }`,
    'resolver_preload: {',
    ...Object.entries(conf.accounts).map(([id, jwt]) => `  ${id}: ${quote(jwt)}`),
    '}',
    '',
    'jetstream {',
    `  store_dir: ${quote(`${conf.dataFolder}/jetstream`)}`,
    `  max_file_store: ${conf.maxFileBytes}`,
    `  max_memory_store: ${conf.maxMemoryBytes}`,
    ...(conf.syncsWrites ? ['  sync_interval: always'] : []),
    '}',
    '',
    // One server alone with a cluster section waits for others.
    ...(members.length === 1 ? [] : cluster),
  ].join('\n');
}

function quote(text: string): string {
  return JSON.stringify(text);
}
