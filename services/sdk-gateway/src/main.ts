import { connectBus } from '@countersign/bus';
import { readEnvironment, SettingsError, unknownSettings } from '@countersign/config';
import { reloadOnHangup } from '@countersign/http';
import { createLogger, createMetrics } from '@countersign/telemetry';
import { CERTIFICATE, ENVIRONMENT, type Environment } from './environment.ts';
import { createGateway } from './gateway.ts';

const SERVICE = 'sdk-gateway';

function explain(error: unknown): never {
  if (!(error instanceof SettingsError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}

function readSettings(): Environment {
  try {
    return readEnvironment(ENVIRONMENT, process.env);
  } catch (error) {
    return explain(error);
  }
}

const settings = readSettings();
const replica = settings.COUNTERSIGN_REPLICA;
const logger = createLogger({ service: SERVICE, replica, level: settings.COUNTERSIGN_LOG_LEVEL });
const metrics = createMetrics({ service: SERVICE, replica });
const unknown = unknownSettings(ENVIRONMENT, process.env, 'COUNTERSIGN_');
if (unknown.length > 0) logger.warn('settings.unknown', { settings: unknown, detail: 'No setting has this name.' });

process.once('uncaughtException', (error) => {
  logger.fatal('process.exception', { error });
  void logger.flush().finally(() => process.exit(1));
});

const bus = await connectBus({
  servers: settings.COUNTERSIGN_NATS_URLS,
  name: replica,
  logger,
  metrics,
  ...(settings.COUNTERSIGN_NATS_USER !== undefined && { user: settings.COUNTERSIGN_NATS_USER }),
  ...(settings.COUNTERSIGN_NATS_PASSWORD !== undefined && { password: settings.COUNTERSIGN_NATS_PASSWORD }),
  ...(settings.COUNTERSIGN_NATS_CREDENTIALS_FILE !== undefined && {
    credentialsFile: settings.COUNTERSIGN_NATS_CREDENTIALS_FILE,
  }),
  ...(settings.COUNTERSIGN_NATS_CA !== undefined && { authorities: settings.COUNTERSIGN_NATS_CA }),
});
const gateway = createGateway({
  replica,
  publicUrl: settings.COUNTERSIGN_PUBLIC_URL,
  bus,
  logger,
  metrics,
  now: () => Date.now(),
  certificate: settings.COUNTERSIGN_TLS_CERT,
  key: settings.COUNTERSIGN_TLS_KEY,
  ...(settings.COUNTERSIGN_CLIENT_CA !== undefined && { clientAuthorities: settings.COUNTERSIGN_CLIENT_CA }),
  maxInFlight: settings.COUNTERSIGN_MAX_IN_FLIGHT,
  maxWaiting: settings.COUNTERSIGN_MAX_WAITING,
  trustedProxies: settings.COUNTERSIGN_TRUSTED_PROXIES,
  metricsFrom: settings.COUNTERSIGN_METRICS_FROM,
  limits: { connections: settings.COUNTERSIGN_MAX_CONNECTIONS },
});
const port = await gateway.listen({ port: settings.COUNTERSIGN_PORT, host: settings.COUNTERSIGN_HOST });
logger.info('gateway.started', { port });
reloadOnHangup(
  gateway,
  () => {
    const { COUNTERSIGN_TLS_CERT: certificate, COUNTERSIGN_TLS_KEY: key } = readEnvironment(CERTIFICATE, process.env);
    return { certificate, key };
  },
  logger,
);

async function stop(signal: string): Promise<void> {
  logger.info('gateway.stopping', { signal });
  await gateway.drain({ notReadyMs: settings.COUNTERSIGN_NOT_READY_SECONDS * 1000 });
  await bus.drain();
  await logger.flush();
  process.exit(0);
}
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop(signal));
