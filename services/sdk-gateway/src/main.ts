import { accessOf, connectBus, watchStrain } from '@countersign/bus';
import { readEnvironment, SettingsError, unknownSettings } from '@countersign/config';
import { reloadOnHangup, stopOnSignal } from '@countersign/http';
import { createLogger, createMetrics, createTracing } from '@countersign/telemetry';
import { checkSettings } from './check-settings.ts';
import { CERTIFICATE, ENVIRONMENT, type Environment } from './environment.ts';
import { createGateway } from './gateway.ts';
import { serveStatus } from './status.ts';

const SERVICE = 'sdk-gateway';
/** For what is under way when it is told to stop, the time in which it says "not ready" included. */
const REQUESTS_MS = 8000;

function explain(error: unknown): never {
  if (!(error instanceof SettingsError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}

function readSettings(): Environment {
  try {
    return checkSettings(readEnvironment(ENVIRONMENT, process.env));
  } catch (error) {
    return explain(error);
  }
}

const settings = readSettings();
const replica = settings.COUNTERSIGN_REPLICA;
const logger = createLogger({ service: SERVICE, replica, level: settings.COUNTERSIGN_LOG_LEVEL });
const metrics = createMetrics({ service: SERVICE, replica });
const tracing = createTracing({
  url: settings.COUNTERSIGN_TRACES_URL,
  ratio: settings.COUNTERSIGN_TRACES_RATIO,
  service: SERVICE,
  replica,
  now: () => Date.now(),
  metrics,
  logger,
});
const unknown = unknownSettings(ENVIRONMENT, process.env, 'COUNTERSIGN_');
if (unknown.length > 0) logger.warn('settings.unknown', { settings: unknown, detail: 'No setting has this name.' });

process.once('uncaughtException', (error) => {
  logger.fatal('process.exception', { error });
  void logger.flush().finally(() => process.exit(1));
});

const bus = await connectBus({
  ...accessOf(settings),
  name: replica,
  logger,
  metrics,
  tracing,
}).catch(async (error: unknown) => {
  logger.fatal('gateway.unstarted', { error });
  await logger.flush();
  process.exit(1);
});
const gateway = createGateway({
  replica,
  publicUrl: settings.COUNTERSIGN_PUBLIC_URL,
  bus,
  logger,
  metrics,
  tracing,
  now: () => Date.now(),
  certificate: settings.COUNTERSIGN_TLS_CERT,
  key: settings.COUNTERSIGN_TLS_KEY,
  ...(settings.COUNTERSIGN_CLIENT_CA !== undefined && { clientAuthorities: settings.COUNTERSIGN_CLIENT_CA }),
  maxInFlight: settings.COUNTERSIGN_MAX_IN_FLIGHT,
  clientShare: settings.COUNTERSIGN_CLIENT_SHARE / 100,
  strain: watchStrain(bus.nats, metrics),
  maxWaiting: settings.COUNTERSIGN_MAX_WAITING,
  trustedProxies: settings.COUNTERSIGN_TRUSTED_PROXIES,
  metricsFrom: settings.COUNTERSIGN_METRICS_FROM,
  limits: { connections: settings.COUNTERSIGN_MAX_CONNECTIONS },
});
const port = await gateway.listen({ port: settings.COUNTERSIGN_PORT, host: settings.COUNTERSIGN_HOST });
await serveStatus({ bus, gateway, replica, logger, startedAt: Date.now(), now: () => Date.now() });
logger.info('gateway.started', { port });
reloadOnHangup(
  gateway,
  () => {
    const { COUNTERSIGN_TLS_CERT: certificate, COUNTERSIGN_TLS_KEY: key } = readEnvironment(CERTIFICATE, process.env);
    return { certificate, key };
  },
  logger,
);

stopOnSignal({
  name: 'gateway',
  logger,
  steps: [
    {
      withinMs: REQUESTS_MS + 200,
      parts: {
        requests: () =>
          gateway.drain({ notReadyMs: settings.COUNTERSIGN_NOT_READY_SECONDS * 1000, timeoutMs: REQUESTS_MS }),
      },
    },
    { withinMs: 800, parts: { bus: () => bus.drain(), traces: () => tracing.close() } },
  ],
  exit: (code) => process.exit(code),
});
