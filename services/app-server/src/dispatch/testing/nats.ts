import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNats, type NatsServer } from '@countersign/testkit';
import { jetstream, jetstreamManager, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';

export interface TestNats {
  server: NatsServer;
  storeDir: string;
  /** A connection of its own, as another replica would have. */
  connect(): Promise<TestConnection>;
  stop(): Promise<void>;
}

export interface TestConnection {
  nats: NatsConnection;
  jetstream: JetStreamClient;
  manager: JetStreamManager;
}

/** A real nats-server on a folder that goes away with it. */
export async function startTestNats(name: string): Promise<TestNats> {
  const storeDir = await mkdtemp(join(tmpdir(), `countersign-${name}-`));
  const server = await startNats({ storeDir, name });
  const connections: NatsConnection[] = [];
  return {
    server,
    storeDir,
    connect: async () => {
      const nats = await connect({ servers: server.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
      connections.push(nats);
      const options = { timeout: 1000 };
      return { nats, jetstream: jetstream(nats, options), manager: await jetstreamManager(nats, options) };
    },
    stop: async () => {
      await Promise.all(connections.map((nats) => nats.close()));
      await server.kill();
      await rm(storeDir, { recursive: true, force: true });
    },
  };
}
