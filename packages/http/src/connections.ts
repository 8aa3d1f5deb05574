import type { Server, Socket } from 'node:net';
import type { Logger, Metrics } from '@countersign/telemetry';
import { clientOf, type AddressSet } from './address.ts';
import { CONNECTIONS, CONNECTIONS_REFUSED } from './metrics.ts';

export interface ConnectionLimits {
  limit: number;
  /** Of `limit`, for one client (R29). */
  share: number;
  /** A proxy speaks for many clients; it has to bound each of them itself. */
  proxies: AddressSet;
  logger: Logger;
  metrics: Metrics;
}

export interface GuardedConnections {
  /** Ends all of them, those included that have not got as far as a request. How many there were. */
  cut(): number;
}

/** Bounds the connections, in all and per client, before a byte of them is read. */
export function guardConnections(server: Server, options: ConnectionLimits): GuardedConnections {
  const perClient = Math.max(1, Math.floor(options.limit * options.share));
  const byClient = new Map<string, number>();
  const refused = options.metrics.counter(CONNECTIONS_REFUSED);
  const open = new Set<Socket>();
  options.metrics.gauge(CONNECTIONS, () => open.size);

  server.maxConnections = options.limit;
  server.on('drop', () => refused.inc({ reason: 'all taken' }));
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    const address = socket.remoteAddress ?? '';
    const client = clientOf(address);
    const held = (byClient.get(client) ?? 0) + 1;
    byClient.set(client, held);
    socket.once('close', () => {
      open.delete(socket);
      const left = (byClient.get(client) ?? 1) - 1;
      if (left === 0) byClient.delete(client);
      else byClient.set(client, left);
    });
    if (held <= perClient || options.proxies.has(address)) return;
    refused.inc({ reason: 'share taken' });
    options.logger.debug('http.connection_refused', { address, count: held, limit: perClient });
    socket.destroy();
  });
  return {
    cut: () => {
      for (const socket of open) socket.destroy();
      return open.size;
    },
  };
}
