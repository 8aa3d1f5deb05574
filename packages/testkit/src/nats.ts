import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { freePort } from './port.ts';
import { prepareProcess, type RunningProcess } from './process.ts';

export interface NatsUser {
  user: string;
  password: string;
  /** The text of a `permissions { … }` map; without it the user may do anything. */
  permissions?: string;
}

export interface NatsOptions {
  /** Folder for the rendered configuration, the log and the JetStream files. */
  storeDir: string;
  /** A free one unless given. */
  port?: number;
  name?: string;
  /** Who may connect. Without users and `include`, everybody may. */
  users?: readonly NatsUser[];
  /** Lines added to the configuration as they are, for example `authorization { … }` with includes. */
  configuration?: string;
  /** Environment variables that the configuration refers to as `$NAME`. */
  env?: Record<string, string>;
  /** How often JetStream syncs to disk, `always` or a duration. Left out for servers before 2.10, which have no such setting. */
  syncInterval?: string;
  maxFileBytes?: number;
  /** Serves `/healthz`, `/varz`, `/jsz` on 127.0.0.1 when given. */
  monitorPort?: number;
  logFile?: string;
  onCrash?: (reason: string) => void;
}

export interface NatsServer extends Omit<RunningProcess, 'tail'> {
  readonly port: number;
  /** Without credentials; with those of the first user when `users` were given. */
  readonly url: string;
}

/** Starts a real nats-server with JetStream on 127.0.0.1 and waits until it accepts connections. */
export async function startNats(options: NatsOptions): Promise<NatsServer> {
  const program = findNatsServer();
  if (program === undefined) {
    throw new Error('nats-server was not found in the PATH. Install it, for example: apt-get install nats-server');
  }
  const { name = 'nats', port = await freePort(), users = [] } = options;
  const storeDir = resolve(options.storeDir);
  const configFile = join(storeDir, 'nats-server.conf');
  mkdirSync(storeDir, { recursive: true, mode: 0o700 });
  writeFileSync(configFile, render({ ...options, storeDir, port, name }, program.version), { mode: 0o600 });

  const server = prepareProcess({
    name,
    command: program.path,
    args: ['-c', configFile],
    cwd: storeDir,
    env: { ...process.env, ...options.env },
    logFile: options.logFile ?? join(storeDir, 'nats-server.log'),
    readyWhen: () => greets(port),
    ...(options.onCrash !== undefined && { onCrash: options.onCrash }),
  });
  await server.start();

  const [first] = users;
  const credentials =
    first === undefined ? '' : `${encodeURIComponent(first.user)}:${encodeURIComponent(first.password)}@`;
  return {
    name,
    port,
    url: `nats://${credentials}127.0.0.1:${port}`,
    get pid() {
      return server.pid;
    },
    get running() {
      return server.running;
    },
    start: server.start,
    stop: server.stop,
    kill: server.kill,
    pause: server.pause,
    resume: server.resume,
    restart: server.restart,
  };
}

export interface NatsProgram {
  path: string;
  version: readonly [major: number, minor: number];
}

/** The nats-server of the PATH, or of the folders where Debian puts it although a user's PATH leaves them out. */
export function findNatsServer(): NatsProgram | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/local/sbin', '/usr/local/bin'];
  const path = folders.map((folder) => join(folder, 'nats-server')).find((candidate) => existsSync(candidate));
  if (path === undefined) return undefined;
  const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' });
  const [, major, minor] = /v(\d+)\.(\d+)/.exec(stdout) ?? [];
  return { path, version: [Number(major ?? 0), Number(minor ?? 0)] };
}

function render(
  options: NatsOptions & { port: number; name: string },
  [major, minor]: readonly [number, number],
): string {
  const knowsSyncInterval = major > 2 || (major === 2 && minor >= 10);
  const jetstream = [
    `store_dir: ${JSON.stringify(join(options.storeDir, 'jetstream'))}`,
    `max_file_store: ${options.maxFileBytes ?? 4 * 1024 ** 3}`,
    `max_memory_store: ${256 * 1024 ** 2}`,
    ...(options.syncInterval !== undefined && knowsSyncInterval ? [`sync_interval: ${options.syncInterval}`] : []),
  ];
  const users = (options.users ?? []).map(
    ({ user, password, permissions }) =>
      `    { user: ${JSON.stringify(user)}, password: ${JSON.stringify(password)}${permissions === undefined ? '' : `, permissions: ${permissions}`} }`,
  );
  return [
    `server_name: ${JSON.stringify(options.name)}`,
    `listen: "127.0.0.1:${options.port}"`,
    ...(options.monitorPort === undefined ? [] : [`http: "127.0.0.1:${options.monitorPort}"`]),
    // A client that hangs leaves the queue groups after 4 to 6 seconds, not after minutes.
    'ping_interval: "2s"',
    'ping_max: 2',
    `jetstream {`,
    ...jetstream.map((line) => `  ${line}`),
    `}`,
    ...(users.length === 0 ? [] : ['authorization {', '  users = [', ...users, '  ]', '}']),
    options.configuration ?? '',
    '',
  ].join('\n');
}

/** A NATS server speaks first: `INFO {…}`, with `"jetstream":true` once that is up. */
export function greets(port: number): Promise<boolean> {
  return new Promise((fulfil) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: 1000 });
    let heard = '';
    const done = (ready: boolean) => {
      socket.destroy();
      fulfil(ready);
    };
    socket.setEncoding('utf8').on('data', (text: string) => {
      heard += text;
      if (heard.includes('\r\n')) done(heard.startsWith('INFO ') && /"jetstream":\s*true/.test(heard));
    });
    for (const event of ['error', 'timeout', 'close'] as const) socket.once(event, () => done(false));
  });
}

/** Whether a server has found its leader, and caught up with its streams: `/healthz` of its monitor says so. */
export async function isHealthy(host: string, monitorPort: number): Promise<boolean> {
  const response = await fetch(`http://${host}:${monitorPort}/healthz`, { signal: AbortSignal.timeout(1000) });
  await response.arrayBuffer();
  return response.status === 200;
}
