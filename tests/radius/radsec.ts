import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { prepareProcess, type KeyAndCertificate, type RunningProcess } from '@countersign/testkit';

const RADSECPROXY = '/usr/sbin/radsecproxy';

/** radsecproxy between a client over UDP, on `port`, and a server over TLS. */
export async function startRadsecproxy(options: {
  dir: string;
  port: number;
  client: { from: string; secret: string };
  server: { port: number };
  /** Its own, which says who it is. */
  certificate: KeyAndCertificate;
  authorityPem: string;
  logFile: string;
}): Promise<RunningProcess> {
  const { dir, port, client, server, certificate, authorityPem, logFile } = options;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const write = (name: string, text: string) => {
    writeFileSync(join(dir, name), text, { mode: 0o600 });
    return join(dir, name);
  };
  const configuration = write(
    'radsecproxy.conf',
    [
      `ListenUDP 127.0.0.1:${port}`,
      'LogLevel 2',
      ...block('tls default', [
        `CACertificateFile ${write('authority.pem', authorityPem)}`,
        `CertificateFile ${write('certificate.pem', certificate.certificatePem)}`,
        `CertificateKeyFile ${write('key.pem', certificate.keyPem)}`,
      ]),
      ...block(`client ${client.from}`, ['type udp', `secret ${client.secret}`]),
      ...block('server countersign', [
        'host localhost',
        'IPv4Only on',
        `port ${server.port}`,
        'type tls',
        'secret radsec',
      ]),
      ...block('realm *', ['server countersign', 'accountingServer countersign']),
      '',
    ].join('\n'),
  );
  const running: RunningProcess = prepareProcess({
    name: 'radsecproxy',
    command: RADSECPROXY,
    args: ['-f', '-c', configuration],
    logFile,
    readyWhen: () => running.tail().includes('listening for udp'),
  });
  await running.start();
  return running;
}

function block(name: string, lines: readonly string[]): string[] {
  return [`${name} {`, ...lines, '}'];
}

/** A connection of TLS on which packets are cut apart. */
export interface RadsecConnection {
  /** What both agreed on by ALPN; false: nothing. */
  readonly protocol: string | false;
  send(octets: Buffer): void;
  /** The next packet. @throws Error when the connection ends before. */
  next(): Promise<Buffer>;
  close(): void;
}

export async function openRadsec(
  port: number,
  certificate: KeyAndCertificate,
  authorityPem: string,
  protocols: readonly string[],
): Promise<RadsecConnection> {
  const socket: TLSSocket = connect({
    host: '127.0.0.1',
    port,
    servername: 'localhost',
    cert: certificate.certificatePem,
    key: certificate.keyPem,
    ca: authorityPem,
    ALPNProtocols: [...protocols],
    minVersion: 'TLSv1.3',
  });
  await once(socket, 'secureConnect');
  let buffered = Buffer.alloc(0);
  return {
    protocol: socket.alpnProtocol ?? false,
    send: (octets) => socket.write(octets),
    next: async () => {
      while (buffered.length < 4 || buffered.length < buffered.readUInt16BE(2)) {
        const [chunk] = (await Promise.race([
          once(socket, 'data'),
          once(socket, 'close').then(() => Promise.reject(new Error('the connection was closed'))),
        ])) as [Buffer];
        buffered = Buffer.concat([buffered, chunk]);
      }
      const length = buffered.readUInt16BE(2);
      const packet = buffered.subarray(0, length);
      buffered = buffered.subarray(length);
      return packet;
    },
    close: () => socket.destroy(),
  };
}
