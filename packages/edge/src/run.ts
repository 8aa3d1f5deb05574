import { accessOf, connectBus } from '@countersign/bus';
import { readEnvironment, unknownSettings, type Settings } from '@countersign/config';
import { reloadOnHangup, stopOnSignal } from '@countersign/http';
import { createLogger, createMetrics, createTracing } from '@countersign/telemetry';
import type { EdgeFoundation, EdgeServer } from './server.ts';
import { CERTIFICATE, type EdgeSettings } from './settings.ts';
import { serveStatus } from './status.ts';

/** For what is under way when it is told to stop, the time in which it says "not ready" included. */
const REQUESTS_MS = 8000;

export interface EdgeOptions {
  /** As certificates, permissions and `countersign cluster status` name it. */
  service: string;
  /** Of the process, in the names of events: `gateway.started`. */
  name: string;
  /** Every setting that the service knows; what else begins with COUNTERSIGN_ is warned of. */
  declared: Settings;
  /** As read and checked. */
  settings: EdgeSettings;
  /** ms since the epoch. */
  now: () => number;
  create: (foundation: EdgeFoundation) => EdgeServer;
}

/** A process of a service at the rim, from its start to its end. Exits with 1 where NATS cannot be reached, or refuses it for good. */
export async function runEdge({ service, name, declared, settings, now, create }: EdgeOptions): Promise<void> {
  const replica = settings.COUNTERSIGN_REPLICA;
  const logger = createLogger({ service, replica, level: settings.COUNTERSIGN_LOG_LEVEL });
  const metrics = createMetrics({ service, replica });
  const tracing = createTracing({
    url: settings.COUNTERSIGN_TRACES_URL,
    ratio: settings.COUNTERSIGN_TRACES_RATIO,
    service,
    replica,
    now,
    metrics,
    logger,
  });
  const unknown = unknownSettings(declared, process.env, 'COUNTERSIGN_');
  if (unknown.length > 0) logger.warn('settings.unknown', { settings: unknown, detail: 'No setting has this name.' });

  process.once('uncaughtException', (error) => {
    logger.fatal('process.exception', { error });
    void logger.flush().finally(() => process.exit(1));
  });

  const giveUp = async (error: unknown): Promise<never> => {
    logger.fatal(`${name}.unstarted`, { error });
    await logger.flush();
    process.exit(1);
  };

  const bus = await connectBus({ ...accessOf(settings), name: replica, logger, metrics, tracing }).catch(giveUp);
  const server = create({
    replica,
    bus,
    logger,
    metrics,
    tracing,
    now,
    certificate: settings.COUNTERSIGN_TLS_CERT,
    key: settings.COUNTERSIGN_TLS_KEY,
    maxInFlight: settings.COUNTERSIGN_MAX_IN_FLIGHT,
    trustedProxies: settings.COUNTERSIGN_TRUSTED_PROXIES,
    metricsFrom: settings.COUNTERSIGN_METRICS_FROM,
    limits: { connections: settings.COUNTERSIGN_MAX_CONNECTIONS },
  });
  const { beside } = server;
  await beside?.listen().catch(giveUp);
  const port = await server.listen({ port: settings.COUNTERSIGN_PORT, host: settings.COUNTERSIGN_HOST });
  await serveStatus({ bus, service, name, requests: server.requests, replica, logger, startedAt: now(), now });
  logger.info(`${name}.started`, { port });
  reloadOnHangup(
    {
      useCertificate: (pair) => {
        server.useCertificate(pair);
        beside?.useCertificate(pair);
      },
    },
    () => {
      const { COUNTERSIGN_TLS_CERT: certificate, COUNTERSIGN_TLS_KEY: key } = readEnvironment(CERTIFICATE, process.env);
      return { certificate, key };
    },
    logger,
  );
  const notReadyMs = settings.COUNTERSIGN_NOT_READY_SECONDS * 1000;
  stopOnSignal({
    name,
    logger,
    steps: [
      {
        withinMs: REQUESTS_MS + 200,
        parts: {
          requests: () => server.drain({ notReadyMs, timeoutMs: REQUESTS_MS }),
          ...(beside !== undefined && { beside: () => beside.drain({ timeoutMs: REQUESTS_MS }) }),
        },
      },
      { withinMs: 800, parts: { bus: () => bus.drain(), traces: () => tracing.close() } },
    ],
    exit: (code) => process.exit(code),
  });
}
