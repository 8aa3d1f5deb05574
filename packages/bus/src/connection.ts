import { setTimeout as delay } from 'node:timers/promises';
import { noTracing, silentLogger, type Logger, type Metrics, type Tracing } from '@countersign/telemetry';
import {
  AuthorizationError,
  ProtocolError,
  UserAuthenticationExpiredError,
  type NatsConnection,
} from '@nats-io/nats-core';
import { connect } from './connect.ts';
import { connectOptions, type NatsAccess } from './access.ts';
import { openCredentials, type CredentialsFile } from './credentials-file.ts';
import { BUS_CONNECTED } from './metrics.ts';
import { createReplies, type Replies } from './replies.ts';

export interface BusOptions extends NatsAccess {
  logger?: Logger;
  metrics?: Metrics;
  tracing?: Tracing;
}

/** A connection to NATS that comes back by itself for as long as the process lives. */
export interface Bus {
  readonly nats: NatsConnection;
  /** False while NATS is away. Nothing is sent or queued then. */
  readonly connected: boolean;
  readonly closed: Promise<void | Error>;
  readonly metrics: Metrics | undefined;
  readonly tracing: Tracing;
  /** For `call` only. */
  readonly replies: Replies;
  /** For `call` only: how far the clocks of those who answer are ahead of ours, as far as it was noticed. */
  readonly clock: { aheadMs: number };
  /** Finishes what is under way and closes the connection; with a NATS that is away or silent, no more than that is possible. */
  drain(): Promise<void>;
}

/** NATS is there and will not have this user, which no waiting mends. The sentence says which setting to look at. */
export class BusRefused extends Error {
  override readonly name = 'BusRefused';
}

const FIRST_CONNECT_PAUSE_MS = 500;
const RECONNECT_PAUSE_MS = 100;
/** What is sent already goes out in less; only a silent NATS takes longer. */
const DRAIN_MS = 500;
/** Whoever was refused is let in again by people, and not within milliseconds. */
const REFUSED_PAUSE_MS = 2000;

interface State {
  connected: boolean;
  /** NATS is there and will not have us: revoked, expired, or being configured anew. */
  refused: boolean;
}

/**
 * Waits for NATS as long as it takes, so that processes may be started in any order.
 * @throws BusRefused when NATS refuses the user, password or credentials, or the file of these cannot be read.
 */
export async function connectBus(options: BusOptions): Promise<Bus> {
  const logger = options.logger ?? silentLogger();
  const credentials = options.credentialsFile === undefined ? undefined : readCredentials(options.credentialsFile);
  const inboxPrefix = inboxOf(credentials?.name ?? options.user);
  const state: State = { connected: true, refused: false };
  const nats = await firstConnection(options, { credentials, inboxPrefix, state }, logger);
  const replies = createReplies(nats, inboxPrefix);
  void followStatus(nats, state, replies, logger);
  options.metrics?.gauge(BUS_CONNECTED, () => (state.connected ? 1 : 0));
  return {
    nats,
    replies,
    clock: { aheadMs: 0 },
    metrics: options.metrics,
    tracing: options.tracing ?? noTracing,
    closed: nats.closed(),
    get connected() {
      return state.connected && !nats.isClosed();
    },
    drain: async () => {
      if (nats.isClosed()) return;
      // What NATS would have to confirm is not waited for without end.
      if (state.connected) await Promise.race([nats.drain().catch(() => undefined), delay(DRAIN_MS)]);
      await nats.close();
    },
  };
}

function readCredentials(path: string): CredentialsFile {
  try {
    return openCredentials(path);
  } catch (cause) {
    throw new BusRefused(
      `COUNTERSIGN_NATS_CREDENTIALS_FILE names ${path}, which cannot be read or holds no credentials. Join this machine again.`,
      { cause },
    );
  }
}

function refusalOf({ credentialsFile, user }: BusOptions, cause: AuthorizationError): BusRefused {
  const sentence =
    credentialsFile === undefined
      ? `NATS refuses the user ${user ?? '(none)'} (${cause.message}). Check COUNTERSIGN_NATS_USER and COUNTERSIGN_NATS_PASSWORD against the users of nats-server.conf.`
      : `NATS refuses the credentials in ${credentialsFile} (${cause.message}): revoked, expired, or of another installation. Join this machine again.`;
  return new BusRefused(sentence, { cause });
}

/** Under the user's own name, so that permissions can keep one service from hearing the answers to another. */
function inboxOf(user: string | undefined): string | undefined {
  return user !== undefined && /^[A-Za-z0-9_-]+$/.test(user) ? `_INBOX.${user}` : undefined;
}

async function firstConnection(
  options: BusOptions,
  {
    credentials,
    inboxPrefix,
    state,
  }: { credentials: CredentialsFile | undefined; inboxPrefix: string | undefined; state: State },
  logger: Logger,
): Promise<NatsConnection> {
  for (;;) {
    try {
      return await connect({
        ...connectOptions(options, credentials),
        ...(inboxPrefix !== undefined && { inboxPrefix }),
        maxReconnectAttempts: -1,
        // After the first success a refusal is temporary: the server is being configured anew.
        ignoreAuthErrorAbort: true,
        reconnectDelayHandler: () => (state.refused ? REFUSED_PAUSE_MS : RECONNECT_PAUSE_MS),
      });
    } catch (error) {
      if (error instanceof AuthorizationError) throw refusalOf(options, error);
      logger.warn('bus.waiting', { error, detail: 'NATS does not answer yet; trying again.' });
      await delay(FIRST_CONNECT_PAUSE_MS);
    }
  }
}

async function followStatus(nats: NatsConnection, state: State, replies: Replies, logger: Logger): Promise<void> {
  for await (const status of nats.status()) {
    if (status.type === 'disconnect') {
      if (state.connected) logger.warn('bus.disconnected', { server: status.server });
      state.connected = false;
    } else if (status.type === 'reconnect') {
      state.connected = true;
      state.refused = false;
      logger.info('bus.reconnected', { server: status.server });
      replies.reconnected();
    } else if (status.type === 'error' && isRefusal(status.error)) {
      state.connected = false;
      if (!state.refused) logger.error('bus.refused', { error: status.error, detail: REFUSED });
      state.refused = true;
    } else if (status.type === 'error') {
      logger.error('bus.refused', { error: status.error });
    } else if (status.type === 'close') {
      state.connected = false;
    }
  }
}

const REFUSED =
  'NATS refuses the credentials of this replica: it was revoked (countersign replicas list), or they have expired (countersign replicas renew).';

function isRefusal(error: unknown): boolean {
  if (error instanceof AuthorizationError || error instanceof UserAuthenticationExpiredError) return true;
  // To the library these words of the server are any error of the protocol.
  return error instanceof ProtocolError && error.message.startsWith('User Authentication Revoked');
}
