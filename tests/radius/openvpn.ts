import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { prepareProcess, startProcess, type KeyAndCertificate, type RunningProcess } from '@countersign/testkit';

const PLUGIN = '/usr/lib/openvpn/radiusplugin.so';
const PORT = 1194;
/** The plug-in cuts ports to four digits. */
const RADIUS_PORTS = { authentication: 1812, accounting: 1813 } as const;

export interface OpenvpnOptions {
  dir: string;
  /** Of its server, named localhost. */
  certificate: KeyAndCertificate;
  authorityPem: string;
  /** The RADIUS server, and the address that it is asked from. */
  radius: { authentication: number; accounting: number; secret: string; from: string; timeoutSeconds: number };
  logs: string;
}

export interface Openvpn {
  /** Connects as somebody, until they are in or are refused. They stay connected until `leave`. */
  connect(username: string, password: string): Promise<{ isIn: boolean; leave: () => Promise<void> }>;
  stop(): Promise<void>;
}

/** OpenVPN's server and its clients, in a network namespace of their own, from which a relay leads to the RADIUS server. */
export async function startOpenvpn(options: OpenvpnOptions): Promise<Openvpn> {
  const { dir, certificate, authorityPem, radius, logs } = options;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const write = (name: string, lines: readonly string[]) => {
    writeFileSync(join(dir, name), `${lines.join('\n')}\n`, { mode: 0o600 });
    return join(dir, name);
  };
  const networkNamespace = `countersign-${process.pid}`;
  execFileSync('/sbin/ip', ['netns', 'add', networkNamespace]);
  execFileSync('/sbin/ip', ['-n', networkNamespace, 'link', 'set', 'lo', 'up']);
  const closers: (() => Promise<unknown> | unknown)[] = [
    () => execFileSync('/sbin/ip', ['netns', 'delete', networkNamespace]),
  ];
  const stop = async () => {
    for (const close of closers.splice(0).toReversed()) await close();
  };
  try {
    closers.push(await startRelay(networkNamespace, radius));
    const authority = write('authority.pem', [authorityPem]);
    const plugin = write('radius.cnf', [
      'NAS-Identifier=openvpn',
      'Service-Type=5',
      'Framed-Protocol=1',
      'NAS-Port-Type=5',
      'NAS-IP-Address=127.0.0.1',
      `OpenVPNConfig=${join(dir, 'server.conf')}`,
      'subnet=255.255.255.0',
      'overwriteccfiles=true',
      'server',
      '{',
      `  acctport=${RADIUS_PORTS.accounting}`,
      `  authport=${RADIUS_PORTS.authentication}`,
      '  name=127.0.0.1',
      '  retry=1',
      `  wait=${radius.timeoutSeconds}`,
      `  sharedsecret=${radius.secret}`,
      '}',
    ]);
    mkdirSync(join(dir, 'ccd'));
    const configuration = write('server.conf', [
      `port ${PORT}`,
      'local 127.0.0.1',
      'proto udp',
      'dev tun',
      'topology subnet',
      'server 10.8.0.0 255.255.255.0',
      'dh none',
      `ca ${authority}`,
      `cert ${write('certificate.pem', [certificate.certificatePem])}`,
      `key ${write('key.pem', [certificate.keyPem])}`,
      'verify-client-cert none',
      'username-as-common-name',
      `client-config-dir ${join(dir, 'ccd')}`,
      `status ${join(dir, 'status')} 1`,
      `tmp-dir ${dir}`,
      `plugin ${PLUGIN} ${plugin}`,
    ]);
    const server: RunningProcess = prepareProcess({
      name: 'openvpn',
      command: '/usr/sbin/openvpn',
      args: ['--config', configuration],
      networkNamespace,
      logFile: join(logs, 'openvpn.log'),
      readyWhen: () => server.tail().includes('Initialization Sequence Completed'),
    });
    await server.start();
    closers.push(() => server.stop());
    let connections = 0;
    return {
      connect: async (username, password) => {
        const name = `client-${(connections += 1)}`;
        const client: RunningProcess = await startProcess({
          name,
          command: '/usr/sbin/openvpn',
          args: [
            '--config',
            write(`${name}.conf`, [
              'client',
              'dev tun',
              'proto udp',
              `remote 127.0.0.1 ${PORT}`,
              'nobind',
              // Else the server knows of its end when it has not heard of it for two minutes.
              'explicit-exit-notify 1',
              `ca ${authority}`,
              'verify-x509-name localhost name',
              `auth-user-pass ${write(`${name}.credentials`, [username, password])}`,
              'auth-retry none',
            ]),
          ],
          networkNamespace,
          logFile: join(logs, `openvpn-${name}.log`),
        });
        closers.push(() => client.kill());
        return { isIn: await isIn(client), leave: () => client.stop() };
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const TIMEOUT_MS = 60_000;

async function isIn(client: RunningProcess): Promise<boolean> {
  for (const startedAt = performance.now(); performance.now() - startedAt < TIMEOUT_MS;) {
    if (client.tail().includes('Initialization Sequence Completed')) return true;
    if (client.tail().includes('AUTH_FAILED') || !client.running) return false;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`neither in nor refused:\n${client.tail()}`);
}

/** What comes to a port there goes on from here, and the answers back. */
async function startRelay(networkNamespace: string, radius: OpenvpnOptions['radius']): Promise<() => Promise<void>> {
  const here = createSocket('udp4');
  await new Promise<void>((resolve) => here.bind(0, radius.from, () => resolve()));
  const program = `
    import { createSocket } from 'node:dgram';
    for (const port of process.argv.slice(1).map(Number)) {
      const socket = createSocket('udp4');
      let client;
      socket.on('message', (octets, from) => {
        client = from;
        process.send({ port, octets: octets.toString('base64') });
      });
      process.on('message', (message) => {
        if (message.port === port) socket.send(Buffer.from(message.octets, 'base64'), client.port, client.address);
      });
      socket.bind(port, '127.0.0.1', () => process.send({ ready: port }));
    }`;
  const child: ChildProcess = spawn(
    '/sbin/ip',
    [
      'netns',
      'exec',
      networkNamespace,
      process.execPath,
      '--input-type=module',
      '--eval',
      program,
      ...Object.values(RADIUS_PORTS).map(String),
    ],
    { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
  );
  const portOf = { [RADIUS_PORTS.authentication]: radius.authentication, [RADIUS_PORTS.accounting]: radius.accounting };
  const waiting = new Set(Object.values(RADIUS_PORTS));
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => reject(new Error('the relay ended')));
    child.on('message', (message: { ready?: 1812 | 1813; port?: 1812 | 1813; octets?: string }) => {
      if (message.ready !== undefined && waiting.delete(message.ready) && waiting.size === 0) resolve();
      if (message.port !== undefined)
        here.send(Buffer.from(message.octets ?? '', 'base64'), portOf[message.port], '127.0.0.1');
    });
  });
  here.on('message', (octets, { port }) => {
    const there = port === radius.authentication ? RADIUS_PORTS.authentication : RADIUS_PORTS.accounting;
    child.send({ port: there, octets: octets.toString('base64') });
  });
  return async () => {
    const gone = new Promise((resolve) => child.once('close', resolve));
    child.kill();
    await Promise.all([gone, new Promise<void>((resolve) => here.close(() => resolve()))]);
  };
}
