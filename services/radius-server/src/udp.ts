import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { plainAddress } from '@countersign/http';
import { readPacket } from '@countersign/radius';
import type { Logger } from '@countersign/telemetry';
import type { Clients } from './clients.ts';
import type { Port } from './judge.ts';
import { warnOfManyAddresses } from './many-addresses.ts';
import type { Packets } from './packets.ts';

export interface UdpOptions {
  hosts: readonly string[];
  port: number;
  /** What is asked for there. */
  purpose: Exclude<Port, 'any'>;
  clients: Clients;
  packets: Packets;
  logger: Logger;
  /** ms of uptime. */
  uptime: () => number;
}

export interface UdpSockets {
  /** Of the first of them. */
  readonly port: number;
  close(): Promise<void>;
}

/** A burst of thousands of packets waits here while the process does something else. The system gives no more than net.core.rmem_max. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
const ANY_IPV6 = '::';

/**
 * RADIUS over UDP, on one socket for each address, from which its answers leave (RAD-04).
 * @throws Error when one of them cannot be had. Where the machine has no IPv6, `::` is left out.
 */
export async function listenUdp(options: UdpOptions): Promise<UdpSockets> {
  const sockets: Speaking[] = [];
  try {
    for (const host of options.hosts) {
      // All of them on the port of the first, where any may be taken.
      const port = sockets[0]?.socket.address().port ?? options.port;
      const socket = await open(host, port, options, sockets.length);
      if (socket !== undefined) sockets.push(socket);
    }
    if (sockets.length === 0) throw new Error('no address of COUNTERSIGN_RADIUS_HOSTS is one of this machine');
  } catch (error) {
    await closeAll(sockets);
    throw error;
  }
  return { port: sockets[0]?.socket.address().port ?? 0, close: () => closeAll(sockets) };
}

interface Speaking {
  socket: Socket;
  /** Answers that have not left yet. */
  unsent: number;
}

async function open(host: string, port: number, options: UdpOptions, index: number): Promise<Speaking | undefined> {
  const { logger, purpose } = options;
  const type = isIPv6(host) ? 'udp6' : 'udp4';
  const socket = createSocket({
    type,
    ipv6Only: type === 'udp6',
    recvBufferSize: RECEIVE_BUFFER_BYTES,
    // Answers go to addresses: there is no name to look up, and so no turn to wait for.
    lookup: (address, _options, callback) => callback(null, address, type === 'udp6' ? 6 : 4),
  });
  const speaking: Speaking = { socket, unsent: 0 };
  // In the turn in which they come: whatever waits is counted and bounded, and not a queue in this process.
  socket.on('message', (octets, from) => receive(octets, from, speaking, index, options));
  try {
    // Heard before it is asked for: with nothing to look up it may be there at once.
    const listening = once(socket, 'listening');
    socket.bind({ port, address: host, exclusive: true });
    await listening;
  } catch (error) {
    socket.close();
    if (host !== ANY_IPV6 || !hasNoIpv6(error)) throw error;
    logger.warn('radius.no_ipv6', {
      host,
      error,
      detail: 'This machine has no IPv6: RADIUS is spoken over IPv4 alone.',
    });
    return undefined;
  }
  socket.on('error', (error) => logger.error('radius.socket', { host, error }));
  logger.info('radius.listening', {
    host,
    port: socket.address().port,
    channel: purpose,
    bytes: socket.getRecvBufferSize(),
  });
  warnOfManyAddresses(host, logger);
  return speaking;
}

function receive(octets: Buffer, from: RemoteInfo, speaking: Speaking, index: number, options: UdpOptions): void {
  const { clients, packets, purpose, uptime } = options;
  const { table } = clients;
  if (table === undefined) return packets.dropped('clients-unknown');
  const source = plainAddress(from.address);
  const client = table.byAddress(source);
  if (client === undefined) return packets.stranger(source);
  const packet = readPacket(octets, '1.0');
  if ('malformed' in packet) return packets.malformed(client, packet.malformed);
  packets.take({
    packet,
    client,
    way: { transport: 'udp', port: purpose, secret: client.secretOctets },
    source,
    slot: `${purpose} ${index} ${from.address} ${from.port} ${packet.id}`,
    cameAt: uptime(),
    respond: (answer) => {
      speaking.unsent += 1;
      // Who is gone when it leaves hears nothing; the client asks again.
      speaking.socket.send(answer, from.port, from.address, () => {
        speaking.unsent -= 1;
      });
    },
  });
}

function hasNoIpv6(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL';
}

/** Closed before they are gone, a socket would take its answers along. */
async function closeAll(sockets: readonly Speaking[]): Promise<void> {
  while (sockets.some(({ unsent }) => unsent > 0)) await setImmediate();
  await Promise.all(sockets.map(({ socket }) => new Promise<void>((resolve) => socket.close(() => resolve()))));
}
