import { connect } from 'node:net';

/** What a NATS server says of itself to whoever connects, before anybody has said who they are. */
export interface NatsGreeting {
  /** `host:port` as it was asked for. */
  address: string;
  /** Undefined when it does not answer. */
  server?: { name: string; version: string; jetstream: boolean };
}

const STANDARD_PORT = 4222;
const GREETS_WITHIN_MS = 1500;

/**
 * Asks each of the servers by itself: a client is connected to one of them and knows nothing of the others. Connections to each
 * (server-processes.ts) would not do: they need a server that lets us in, and say nothing of one that does not.
 */
export function greetServers(addresses: readonly string[]): Promise<NatsGreeting[]> {
  return Promise.all(addresses.map(greet));
}

async function greet(text: string): Promise<NatsGreeting> {
  const { hostname, port } = new URL(text.includes('://') ? text : `nats://${text}`);
  const [host, number] = [hostname.replace(/^\[(.*)\]$/, '$1'), port === '' ? STANDARD_PORT : Number(port)];
  const address = `${hostname}:${number}`;
  const info = await readInfo(host, number).catch(() => undefined);
  return info === undefined ? { address } : { address, server: info };
}

/** A server speaks first, in the clear also where TLS follows: one line, `INFO {…}`. */
function readInfo(host: string, port: number): Promise<NatsGreeting['server']> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    const timer = setTimeout(() => socket.destroy(new Error('no greeting')), GREETS_WITHIN_MS);
    let heard = '';
    socket.setEncoding('utf8').on('data', (part: string) => {
      heard += part;
      const end = heard.indexOf('\r\n');
      if (end < 0) return;
      resolve(infoOf(heard.slice(0, end)));
      socket.destroy();
    });
    socket.once('error', reject);
    socket.once('close', () => {
      clearTimeout(timer);
      reject(new Error('closed'));
    });
  });
}

function infoOf(line: string): NatsGreeting['server'] {
  if (!line.startsWith('INFO ')) return undefined;
  const { server_name: name, version, jetstream } = JSON.parse(line.slice(5)) as Record<string, unknown>;
  if (typeof name !== 'string' || typeof version !== 'string') return undefined;
  return { name, version, jetstream: jetstream === true };
}
