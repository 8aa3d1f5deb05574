import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNats, type NatsServer } from '@countersign/testkit';
import { jetstream, jetstreamManager, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { DISPATCH, sendersOf } from '../streams.ts';

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

/**
 * Whether everything that was handed over has been delivered and acknowledged. The stream itself says less: nats-server 2.9
 * forgets removals of its last moments when it is killed, and keeps acknowledged messages, undelivered, until they age out.
 */
export async function isWorkedOff(manager: JetStreamManager): Promise<boolean> {
  const { num_pending: waiting, num_ack_pending: inHand } = await manager.consumers.info(DISPATCH, sendersOf('sms'));
  return waiting === 0 && inHand === 0;
}
