import { setTimeout as delay } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/nats-core';
import { connect } from './connect.ts';
import { connectOptions, type NatsAccess } from './access.ts';
import { openCredentials } from './credentials-file.ts';

/**
 * The server processes of a cluster, each on a connection of its own: a client of the cluster hears of one at a time. A greeting
 * (greeting.ts) is not enough here: a process that hangs has greeted before, and only one that answers now is alive.
 */
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

/** Connects to each of the servers by itself and stays connected. Nothing is sent but questions whether it is there. */
export async function followServers(access: NatsAccess): Promise<ServerProcesses> {
  const closing = new AbortController();
  const connections = new Set<NatsConnection>();
  const credentials = access.credentialsFile === undefined ? undefined : openCredentials(access.credentialsFile);

  async function tryConnect(server: string): Promise<NatsConnection | undefined> {
    try {
      return await connect({
        ...connectOptions({ ...access, servers: [server], name: `${access.name} (is it there)` }, credentials),
        ignoreClusterUpdates: true,
        // A new connection, a new process perhaps: nothing is carried over.
        reconnect: false,
      });
    } catch {
      return undefined;
    }
  }

  async function follow(server: string): Promise<void> {
    while (!closing.signal.aborted) {
      const connection = await tryConnect(server);
      if (connection !== undefined) {
        connections.add(connection);
        if (closing.signal.aborted) await connection.close();
        await connection.closed();
        connections.delete(connection);
      }
      await delay(RECONNECT_PAUSE_MS, undefined, { signal: closing.signal }).catch(() => undefined);
    }
  }

  const following = access.servers.map((server) => follow(server));
  const until = performance.now() + FIRST_WITHIN_MS;
  while (connections.size < access.servers.length && performance.now() < until) await delay(20);

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
