import { constants } from 'node:crypto';
import { once } from 'node:events';
import { isIPv6, type Socket } from 'node:net';
import { createSecureContext, createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import { clientOf, createSlots, plainAddress } from '@countersign/http';
import { readPacket, type Malformed, type Version } from '@countersign/radius';
import type { Logger, Metrics } from '@countersign/telemetry';
import type { ClientTable, Identity, KnownClient } from './client-table.ts';
import type { Clients } from './clients.ts';
import { CONNECTION_LOST } from './failure.ts';
import { createFraming } from './framing.ts';
import type { DropReason, Way } from './judge.ts';
import { CONNECTIONS, CONNECTIONS_CUT } from './metrics.ts';
import type { Packets } from './packets.ts';

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

/** How long somebody may hold a connection without being of use (R29). */
export interface RadsecBounds {
  handshakeMs: number;
  /** From the first octet of a packet to its last. */
  packetMs: number;
  /** Without a packet either way. Clients look with Status-Server in less, or come back when they need somebody. */
  idleMs: number;
  /** Until a request for which there is no room is shed. */
  roomMs: number;
}

const BOUNDS: RadsecBounds = { handshakeMs: 10_000, packetMs: 10_000, idleMs: 15 * 60_000, roomMs: 3000 };
const ROOM_EVERY_MS = 20;

export interface RadsecServer {
  readonly port: number;
  /** @throws Error when it cannot be used; nothing changes then. */
  useCertificate(pair: { certificate: string; key: string }): void;
  /** Takes no new connection, and ends each as soon as nothing of it is under way. */
  drain(): void;
  /** Cuts what there is. */
  close(): Promise<void>;
}

/** RFC 6614 section 2.3: TLS proves who it is, and everybody knows this one. */
const SECRET = Buffer.from('radsec');
/** RFC 9765 section 3.3. */
const ALPN = { '1.0': 'radius/1.0', '1.1': 'radius/1.1' } as const satisfies Record<Version, string>;
/** Answers that nobody reads. */
const MAX_UNREAD_BYTES = 1024 * 1024;
const CONNECTION_SHARE = 0.25;
/** What shows that the other side is no client of ours, or has lost the border between packets (RFC 6614 section 2.6). */
const ENDS_CONNECTION: ReadonlySet<DropReason> = new Set([
  'message-authenticator-wrong',
  'message-authenticator-malformed',
  'accounting-authenticator',
]);

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
    serveConnection(socket, { source, version, identity });
  }

  function end(socket: TLSSocket, reason: string): void {
    cut.inc({ reason });
    socket.destroy();
  }

  function serveConnection(socket: TLSSocket, about: { source: string; version: Version; identity: Identity }): void {
    const { source, version, identity } = about;
    const framing = createFraming();
    const find = remembering(clients, identity);
    const open = new Set<AbortController>();
    const connection: Connection = { socket, open };
    const way: Way = { transport: version === '1.1' ? 'tls-1.1' : 'tls', port: 'any', secret: SECRET };
    const queue: (Buffer | { malformed: Malformed })[] = [];
    let slow: NodeJS.Timeout | undefined;
    let roomTimer: NodeJS.Timeout | undefined;
    let waitingSince: number | undefined;
    connections.add(connection);
    socket.setNoDelay(true);
    socket.setTimeout(bounds.idleMs, () => end(socket, 'idle'));
    socket.once('close', () => {
      clearTimeout(slow);
      clearTimeout(roomTimer);
      connections.delete(connection);
      for (const controller of open) controller.abort(CONNECTION_LOST);
    });

    socket.on('data', (chunk: Buffer) => {
      if (socket.destroyed) return;
      const { packets: whole, malformed } = framing.push(chunk);
      queue.push(...whole);
      if (malformed !== undefined) queue.push({ malformed });
      if (whole.length > 0 || !framing.isInside) {
        clearTimeout(slow);
        slow = undefined;
      }
      if (framing.isInside) slow ??= setTimeout(() => end(socket, 'slow'), bounds.packetMs);
      takeQueue();
    });

    /** In their order. While there is no room nothing more is read, and TCP holds the client back: it sends nothing twice. */
    function takeQueue(): void {
      for (;;) {
        const [next] = queue;
        if (next === undefined || socket.destroyed) break;
        const reason = Buffer.isBuffer(next) ? takePacket(next) : malformedEnd(next.malformed);
        if (reason === 'no-room') {
          socket.pause();
          waitingSince ??= options.uptime();
          clearTimeout(roomTimer);
          roomTimer = setTimeout(takeQueue, ROOM_EVERY_MS);
          return;
        }
        if (reason !== undefined) return end(socket, reason);
        queue.shift();
      }
      waitingSince = undefined;
      socket.resume();
    }

    function malformedEnd(reason: Malformed): string {
      const client = find();
      if (client !== undefined) packets.malformed(client, reason);
      return 'malformed';
    }

    /** @returns why the connection cannot go on, or not now. */
    function takePacket(octets: Buffer): string | undefined {
      const client = find();
      if (client === undefined) return 'unknown client';
      const packet = readPacket(octets, version);
      if ('malformed' in packet) return malformedEnd(packet.malformed);
      const dropped = packets.take({
        packet,
        client,
        way,
        source,
        slot: undefined,
        cameAt: options.uptime(),
        open,
        canWait: waitingSince === undefined || options.uptime() - waitingSince < bounds.roomMs,
        respond: (answer) => {
          if (socket.destroyed) return;
          socket.write(answer);
          if (socket.writableLength > MAX_UNREAD_BYTES) end(socket, 'reads nothing');
          else if (isDraining) endWhenDone(connection);
        },
      });
      if (dropped === 'no-room') return dropped;
      // Once one was shed, so is what stands behind it while there is no room: who sent it may have given up by then.
      if (dropped !== 'overload') waitingSince = undefined;
      return dropped !== undefined && ENDS_CONNECTION.has(dropped) ? 'wrong proof' : undefined;
    }
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
      for (const connection of connections) endWhenDone(connection);
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await Promise.all(servers.filter(({ listening }) => listening).map((server) => once(server.close(), 'close')));
    },
  };
}

interface Connection {
  socket: TLSSocket;
  open: ReadonlySet<AbortController>;
}

/** After this turn: what answers takes itself off the list behind its answer. */
function endWhenDone({ socket, open }: Connection): void {
  setImmediate(() => {
    if (open.size === 0) socket.end();
  });
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
