import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';

/** A client that sends octets from one address and port, and reads nothing into what comes back. */
export interface AccessServer {
  readonly port: number;
  send(octets: Buffer, port: number): void;
  /** Everything that came, in its order. */
  readonly heard: readonly Buffer[];
  /** Waits for something more than `after` datagrams. @returns undefined when nothing comes in time. */
  next(after: number, withinMs: number): Promise<Buffer | undefined>;
  close(): Promise<void>;
}

/** @param from address of this machine */
export async function openAccessServer(from: string): Promise<AccessServer> {
  const socket: Socket = createSocket(isIPv6(from) ? 'udp6' : 'udp4');
  const heard: Buffer[] = [];
  const waiting = new Set<() => void>();
  socket.on('message', (octets) => {
    // nginx tells so of a server that refused.
    if (octets.length === 0) return;
    heard.push(octets);
    for (const wake of waiting) wake();
  });
  // Of ports where nobody listens any more: whoever asks hears nothing.
  socket.on('error', () => undefined);
  socket.bind(0, from);
  await once(socket, 'listening');
  return {
    port: socket.address().port,
    heard,
    send: (octets, port) => socket.send(octets, port, isIPv6(from) ? '::1' : '127.0.0.1'),
    next: async (after, withinMs) => {
      if (heard.length <= after) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(end, withinMs);
          waiting.add(wake);
          function wake(): void {
            if (heard.length > after) end();
          }
          function end(): void {
            clearTimeout(timer);
            waiting.delete(wake);
            resolve();
          }
        });
      }
      return heard[after];
    },
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}
