import { setTimeout as delay } from 'node:timers/promises';
import { silentLogger, type Logger, type Metrics } from '@countersign/telemetry';
import { AuthorizationError, type NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { BUS_CONNECTED } from './metrics.ts';
import { createReplies, type Replies } from './replies.ts';

export interface BusOptions {
  /** `host:port` or `nats://…`, any number of one cluster. */
  servers: string[];
  user?: string;
  password?: string;
  /** Authorities of the servers' certificates as PEM. With it the connection is encrypted, or there is none. */
  authorities?: string;
  /** Shown by NATS to its operators. */
  name: string;
  logger?: Logger;
  metrics?: Metrics;
}

/** A connection to NATS that comes back by itself for as long as the process lives. */
export interface Bus {
  readonly nats: NatsConnection;
  /** False while NATS is away. Nothing is sent or queued then. */
  readonly connected: boolean;
  readonly closed: Promise<void | Error>;
  readonly metrics: Metrics | undefined;
  /** For `call` only. */
  readonly replies: Replies;
  /** For `call` only: how far the clocks of those who answer are ahead of ours, as far as it was noticed. */
  readonly clock: { aheadMs: number };
  /** Finishes what is under way and closes the connection. */
  drain(): Promise<void>;
}

const FIRST_CONNECT_PAUSE_MS = 500;

/**
 * Waits for NATS as long as it takes, so that processes may be started in any order.
 * @throws when NATS refuses the user or password: waiting would not mend that.
 */
export async function connectBus(options: BusOptions): Promise<Bus> {
  const logger = options.logger ?? silentLogger();
  const inboxPrefix = inboxOf(options.user);
  const nats = await firstConnection(options, inboxPrefix, logger);
  const replies = createReplies(nats, inboxPrefix);
  const state = { connected: true };
  void followStatus(nats, state, replies, logger);
  options.metrics?.gauge(BUS_CONNECTED, () => (state.connected ? 1 : 0));
  return {
    nats,
    replies,
    clock: { aheadMs: 0 },
    metrics: options.metrics,
    closed: nats.closed(),
    get connected() {
      return state.connected && !nats.isClosed();
    },
    drain: () => (nats.isClosed() ? Promise.resolve() : nats.drain()),
  };
}

/** Under the user's own name, so that permissions can keep one service from hearing the answers to another. */
function inboxOf(user: string | undefined): string | undefined {
  return user !== undefined && /^[A-Za-z0-9_-]+$/.test(user) ? `_INBOX.${user}` : undefined;
}

async function firstConnection(
  options: BusOptions,
  inboxPrefix: string | undefined,
  logger: Logger,
): Promise<NatsConnection> {
  for (;;) {
    try {
      return await connect({
        servers: options.servers,
        name: options.name,
        ...(options.user !== undefined && { user: options.user }),
        ...(options.password !== undefined && { pass: options.password }),
        ...(options.authorities !== undefined && { tls: { ca: options.authorities } }),
        ...(inboxPrefix !== undefined && { inboxPrefix }),
        timeout: 2000,
        maxReconnectAttempts: -1,
        // After the first success a refusal is temporary: the server is being configured anew.
        ignoreAuthErrorAbort: true,
        reconnectTimeWait: 100,
        // A server that hangs without closing is noticed after 4 to 6 seconds.
        pingInterval: 2000,
        maxPingOut: 2,
        noAsyncTraces: true,
      });
    } catch (error) {
      if (error instanceof AuthorizationError) throw error;
      logger.warn('bus.waiting', { error, detail: 'NATS does not answer yet; trying again.' });
      await delay(FIRST_CONNECT_PAUSE_MS);
    }
  }
}

async function followStatus(
  nats: NatsConnection,
  state: { connected: boolean },
  replies: Replies,
  logger: Logger,
): Promise<void> {
  for await (const status of nats.status()) {
    if (status.type === 'disconnect') {
      if (state.connected) logger.warn('bus.disconnected', { server: status.server });
      state.connected = false;
    } else if (status.type === 'reconnect') {
      state.connected = true;
      logger.info('bus.reconnected', { server: status.server });
      replies.reconnected();
    } else if (status.type === 'error') {
      logger.error('bus.refused', { error: status.error });
    } else if (status.type === 'close') {
      state.connected = false;
    }
  }
}
