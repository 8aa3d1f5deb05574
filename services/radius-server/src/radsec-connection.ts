import type { TLSSocket } from 'node:tls';
import { readPacket, type Version } from '@countersign/radius';
import { createBacklog, type Outcome, type Queued } from './backlog.ts';
import type { KnownClient } from './client-table.ts';
import { CONNECTION_LOST } from './failure.ts';
import { createFraming } from './framing.ts';
import type { DropReason, Way } from './judge.ts';
import type { Packets } from './packets.ts';

/** How long somebody may hold a connection without being of use (R29). */
export interface ConnectionBounds {
  /** From the first octet of a packet to its last. */
  packetMs: number;
  /** Without a packet either way. Clients look with Status-Server in less, or come back when they need somebody. */
  idleMs: number;
  /** Until those are shed for which there is no room: once for all that have come. */
  roomMs: number;
}

export interface ConnectionOptions {
  socket: TLSSocket;
  source: string;
  version: Version;
  /** Whose it is by now: undefined once the client was taken off the list. */
  find: () => KnownClient | undefined;
  packets: Pick<Packets, 'take' | 'malformed'>;
  bounds: ConnectionBounds;
  /** Cuts the connection, and counts why. */
  end: (socket: TLSSocket, reason: string) => void;
  isDraining: () => boolean;
  /** ms of uptime. */
  uptime: () => number;
}

export interface Connection {
  /** Ends it as soon as nothing of it is under way. */
  endWhenDone(): void;
}

/** RFC 6614 section 2.3: TLS proves who it is, and everybody knows this one. */
const SECRET = Buffer.from('radsec');
const ROOM_EVERY_MS = 20;
/** Answers that nobody reads. */
const MAX_UNREAD_BYTES = 1024 * 1024;
/** What shows that the other side is no client of ours, or has lost the border between packets (RFC 6614 section 2.6). */
const ENDS_CONNECTION: ReadonlySet<DropReason> = new Set([
  'message-authenticator-wrong',
  'message-authenticator-malformed',
  'accounting-authenticator',
]);

/** Takes the packets of one connection, and gives it their answers, until it ends. */
export function serveConnection(options: ConnectionOptions): Connection {
  const { socket, source, version, find, packets, bounds, end } = options;
  const framing = createFraming();
  const backlog = createBacklog(bounds);
  const open = new Set<AbortController>();
  const way: Way = { transport: version === '1.1' ? 'tls-1.1' : 'tls', port: 'any', secret: SECRET };
  let slow: NodeJS.Timeout | undefined;
  let roomTimer: NodeJS.Timeout | undefined;
  socket.setNoDelay(true);
  socket.setTimeout(bounds.idleMs, () => end(socket, 'idle'));
  socket.once('close', () => {
    clearTimeout(slow);
    clearTimeout(roomTimer);
    for (const controller of open) controller.abort(CONNECTION_LOST);
  });

  socket.on('data', (chunk: Buffer) => {
    if (socket.destroyed) return;
    const { packets: whole, malformed } = framing.push(chunk);
    for (const octets of whole) backlog.push(readPacket(octets, version));
    if (malformed !== undefined) backlog.push({ malformed });
    if (whole.length > 0 || !framing.isInside) {
      clearTimeout(slow);
      slow = undefined;
    }
    if (framing.isInside) slow ??= setTimeout(() => end(socket, 'slow'), bounds.packetMs);
    takeBacklog();
  });

  /** While there is no room nothing more is read, and TCP holds the client back: it sends nothing twice. */
  function takeBacklog(): void {
    const outcome = backlog.takeAll(takeNext, options.uptime());
    if (socket.destroyed) return;
    if (outcome === 'no-room') {
      socket.pause();
      clearTimeout(roomTimer);
      roomTimer = setTimeout(takeBacklog, ROOM_EVERY_MS);
    } else if (outcome !== undefined) end(socket, outcome.end);
    else socket.resume();
  }

  function takeNext(next: Queued, canWait: boolean): Outcome {
    // Whoever reads no answers was cut off by the one before.
    if (socket.destroyed) return { end: 'gone' };
    const client = find();
    if (client === undefined) return { end: 'unknown client' };
    if ('malformed' in next) {
      packets.malformed(client, next.malformed);
      return { end: 'malformed' };
    }
    const dropped = packets.take({
      packet: next,
      client,
      way,
      source,
      slot: undefined,
      cameAt: options.uptime(),
      open,
      canWait,
      respond,
    });
    if (dropped === 'no-room' || dropped === 'overload') return dropped;
    return dropped !== undefined && ENDS_CONNECTION.has(dropped) ? { end: 'wrong proof' } : undefined;
  }

  function respond(answer: Buffer): void {
    if (socket.destroyed) return;
    socket.write(answer);
    if (socket.writableLength > MAX_UNREAD_BYTES) end(socket, 'reads nothing');
    else if (options.isDraining()) endWhenDone();
  }

  /** After this turn: what answers takes itself off the list behind its answer. */
  function endWhenDone(): void {
    setImmediate(() => {
      if (open.size === 0) socket.end();
    });
  }

  return { endWhenDone };
}
