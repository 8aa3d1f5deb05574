import { setTimeout as delay } from 'node:timers/promises';
import { credsAuthenticator, type NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import type { BusOptions } from './connection.ts';
import { openCredentials } from './credentials-file.ts';

/** The server processes of a cluster, each on a connection of its own: a client of the cluster hears of one at a time. */
export interface ServerProcesses {
  /**
   * Those that answer now, by the name of the server: a name of the process, which a server that is started anew does not keep.
   * @param withinMs who needs longer is left out.
   */
  alive(withinMs: number): Promise<Map<string, string>>;
  close(): Promise<void>;
}

/** How long a start waits for those that can be reached at once. */
const FIRST_WITHIN_MS = 1000;
const RECONNECT_PAUSE_MS = 500;
const GIVEN_UP = undefined;

/** Connects to each of the servers by itself and stays connected. Nothing is sent but questions whether it is there. */
export async function followServers(
  options: Pick<BusOptions, 'servers' | 'user' | 'password' | 'credentialsFile' | 'authorities' | 'name'>,
): Promise<ServerProcesses> {
  const closing = new AbortController();
  const connections = new Set<NatsConnection>();
  const credentials = options.credentialsFile === undefined ? undefined : openCredentials(options.credentialsFile);

  async function follow(server: string): Promise<void> {
    while (!closing.signal.aborted) {
      const connection = await connect({
        servers: [server],
        name: `${options.name} (is it there)`,
        ignoreClusterUpdates: true,
        ...(options.user !== undefined && { user: options.user }),
        ...(options.password !== undefined && { pass: options.password }),
        ...(credentials !== undefined && { authenticator: credsAuthenticator(() => credentials.current()) }),
        ...(options.authorities !== undefined && { tls: { ca: options.authorities } }),
        timeout: 2000,
        // A new connection, a new process perhaps: nothing is carried over.
        reconnect: false,
        pingInterval: 2000,
        maxPingOut: 2,
        noAsyncTraces: true,
      }).catch(() => GIVEN_UP);
      if (connection !== undefined) {
        connections.add(connection);
        if (closing.signal.aborted) await connection.close();
        await connection.closed();
        connections.delete(connection);
      }
      await delay(RECONNECT_PAUSE_MS, undefined, { signal: closing.signal }).catch(() => undefined);
    }
  }

  const following = options.servers.map((server) => follow(server));
  const until = performance.now() + FIRST_WITHIN_MS;
  while (connections.size < options.servers.length && performance.now() < until) await delay(20);

  return {
    alive: async (withinMs) => {
      const found = new Map<string, string>();
      const asked = [...connections].map(async (connection) => {
        await connection.flush();
        const { info } = connection;
        if (info !== undefined) found.set(info.server_name, info.server_id);
      });
      await Promise.race([Promise.allSettled(asked), delay(withinMs, undefined, { ref: false })]);
      return new Map(found);
    },
    close: async () => {
      closing.abort();
      await Promise.all([...connections].map((connection) => connection.close()));
      await Promise.all(following);
    },
  };
}
