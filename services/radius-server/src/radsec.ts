import { constants } from 'node:crypto';
import { once } from 'node:events';
import { isIPv6, type Socket } from 'node:net';
import { createSecureContext, createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import { clientOf, createSlots, plainAddress } from '@countersign/http';
import type { Version } from '@countersign/radius';
import type { Logger, Metrics } from '@countersign/telemetry';
import type { ClientTable, Identity, KnownClient } from './client-table.ts';
import type { Clients } from './clients.ts';
import { CONNECTIONS, CONNECTIONS_CUT } from './metrics.ts';
import type { Packets } from './packets.ts';
import { serveConnection, type Connection, type ConnectionBounds } from './radsec-connection.ts';

export interface RadsecOptions {
  hosts: readonly string[];
  port: number;
  /** PEM, the chain with the leaf first. */
  certificate: string;
  key: string;
  /** PEM: who signs the certificates of clients. */
  authorities: string;
  maxConnections: number;
  clients: Clients;
  packets: Packets;
  logger: Logger;
  metrics: Metrics;
  /** ms since the epoch. */
  now: () => number;
  /** ms of uptime. */
  uptime: () => number;
  bounds?: Partial<RadsecBounds>;
}

export interface RadsecBounds extends ConnectionBounds {
  handshakeMs: number;
}

const BOUNDS: RadsecBounds = { handshakeMs: 10_000, packetMs: 10_000, idleMs: 15 * 60_000, roomMs: 3000 };

export interface RadsecServer {
  readonly port: number;
  /** @throws Error when it cannot be used; nothing changes then. */
  useCertificate(pair: { certificate: string; key: string }): void;
  /** Takes no new connection, and ends each as soon as nothing of it is under way. */
  drain(): void;
  /** Cuts what there is. */
  close(): Promise<void>;
}

/** RFC 9765 section 3.3. */
const ALPN = { '1.0': 'radius/1.0', '1.1': 'radius/1.1' } as const satisfies Record<Version, string>;
const CONNECTION_SHARE = 0.25;

/** RADIUS over TLS, and RADIUS/1.1 where both sides speak it. @throws Error when it cannot listen or use its certificate. */
export async function listenRadsec(options: RadsecOptions): Promise<RadsecServer> {
  const bounds = { ...BOUNDS, ...options.bounds };
  const { metrics, packets, clients, logger } = options;
  const slots = createSlots({ limit: options.maxConnections, share: CONNECTION_SHARE });
  const cut = metrics.counter(CONNECTIONS_CUT);
  const sockets = new Set<Socket>();
  const connections = new Set<Connection>();
  metrics.gauge(CONNECTIONS, () => connections.size);
  let isDraining = false;

  function guard(socket: Socket): void {
    try {
      const release = slots.take(clientOf(socket.remoteAddress ?? ''));
      sockets.add(socket);
      socket.once('close', () => {
        sockets.delete(socket);
        release();
      });
    } catch {
      cut.inc({ reason: 'share taken' });
      socket.destroy();
    }
  }

  function welcome(socket: TLSSocket): void {
    const source = plainAddress(socket.remoteAddress ?? '');
    const version = socket.alpnProtocol === ALPN['1.1'] ? '1.1' : '1.0';
    socket.on('error', () => socket.destroy());
    // TLS 1.2 would let it come back as somebody else in the middle of a connection.
    socket.disableRenegotiation();
    const identity = identityOf(socket, options.now());
    if (isDraining || (version === '1.1' && socket.getProtocol() !== 'TLSv1.3') || identity === undefined) {
      return end(socket, isDraining ? 'stopping' : 'no certificate');
    }
    if (clients.table === undefined) return end(socket, 'clients unknown');
    if (clients.table.byCertificate(identity) === undefined) {
      packets.stranger(source);
      return end(socket, 'unknown client');
    }
    const connection = serveConnection({
      socket,
      source,
      version,
      find: remembering(clients, identity),
      packets,
      bounds,
      end,
      isDraining: () => isDraining,
      uptime: options.uptime,
    });
    connections.add(connection);
    socket.once('close', () => connections.delete(connection));
  }

  function end(socket: TLSSocket, reason: string): void {
    cut.inc({ reason });
    socket.destroy();
  }

  const tls: TlsOptions = {
    ...contextOf(options, options.authorities),
    requestCert: true,
    // Who it is, is looked up below: a certificate that is known by its fingerprint needs no authority.
    rejectUnauthorized: false,
    handshakeTimeout: bounds.handshakeMs,
    ALPNCallback: chooseVersion,
  };
  const servers: Server[] = [];
  try {
    for (const host of options.hosts) {
      const server = createServer(tls, welcome);
      server.on('connection', guard);
      server.on('tlsClientError', () => cut.inc({ reason: 'handshake' }));
      server.listen({
        host,
        port: servers[0] === undefined ? options.port : portOf(servers[0]),
        ipv6Only: isIPv6(host),
      });
      try {
        await once(server, 'listening');
      } catch (error) {
        if (host !== '::' || servers.length === 0) throw error;
        logger.warn('radius.no_ipv6', { host, error, detail: 'RADIUS over TLS is spoken over IPv4 alone.' });
        continue;
      }
      // Too many files open, for one: whoever is connected goes on.
      server.on('error', (error) => logger.error('radius.socket', { host, error }));
      servers.push(server);
      logger.info('radius.listening', { host, port: portOf(server), channel: 'tls' });
    }
  } catch (error) {
    for (const server of servers) server.close();
    throw error;
  }

  return {
    port: servers[0] === undefined ? 0 : portOf(servers[0]),
    useCertificate: (pair) => {
      const context = contextOf({ ...options, ...pair }, options.authorities);
      // Throws before any of them has changed.
      createSecureContext(context);
      for (const server of servers) server.setSecureContext(context);
    },
    drain: () => {
      isDraining = true;
      for (const server of servers) server.close();
      for (const connection of connections) connection.endWhenDone();
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await Promise.all(servers.filter(({ listening }) => listening).map((server) => once(server.close(), 'close')));
    },
  };
}

function contextOf({ certificate, key }: { certificate: string; key: string }, authorities: string) {
  return {
    cert: certificate,
    key,
    ca: authorities,
    minVersion: 'TLSv1.2',
    // No session is taken up again, so that each connection shows its certificate and agrees on its version anew (RFC 9765 section 3.5).
    secureOptions: constants.SSL_OP_NO_TICKET,
  } as const;
}

/** RADIUS/1.1 takes TLS 1.3 (RFC 9765 section 3.4). Who offers neither version is refused; who offers nothing speaks 1.0. */
function chooseVersion(this: unknown, { protocols }: { protocols: string[] }): string | undefined {
  // Node calls it on the connection, whose version of TLS is agreed on by then.
  const isRecent = (this as TLSSocket).getProtocol() === 'TLSv1.3';
  if (isRecent && protocols.includes(ALPN['1.1'])) return ALPN['1.1'];
  return protocols.includes(ALPN['1.0']) ? ALPN['1.0'] : undefined;
}

/** @returns undefined when there is no certificate, or it is not good now. */
function identityOf(socket: TLSSocket, now: number): Identity | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  if (now < certificate.validFromDate.getTime() || now > certificate.validToDate.getTime()) return undefined;
  const fingerprint = certificate.fingerprint256.replaceAll(':', '').toLowerCase();
  return { certificate, fingerprint, isVouchedFor: socket.authorized };
}

/** Looks the client up once for each list of clients: who is taken off it is unknown at once, on connections that there are too. */
function remembering(clients: Clients, identity: Identity): () => KnownClient | undefined {
  let table: ClientTable | undefined;
  let client: KnownClient | undefined;
  return () => {
    if (clients.table !== table) {
      ({ table } = clients);
      client = table?.byCertificate(identity);
    }
    return client;
  };
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
