import { serve } from '@countersign/bus';
import { readEnvironment, SettingsError, unknownSettings } from '@countersign/config';
import { createHttpServer, reloadOnHangup } from '@countersign/http';
import { createLogger, createMetrics } from '@countersign/telemetry';
import { createContext } from './context.ts';
import { endpoints } from './endpoints.ts';
import { CERTIFICATE, ENVIRONMENT, type Environment } from './environment.ts';
import { healthChecks } from './health.ts';
import { serveJoining } from './replica/routes.ts';

const SERVICE = 'app-server';
/** Beyond this many operations at a time, new ones are refused at once and tried on another replica (R26). */
const MAX_IN_FLIGHT = 2048;

/** How often a replica looks whether it may take work. */
const FITNESS_EVERY_MS = 100;

const environment = readSettings();
const replica = environment.COUNTERSIGN_REPLICA;
const logger = createLogger({ service: SERVICE, replica, level: environment.COUNTERSIGN_LOG_LEVEL });
const metrics = createMetrics({ service: SERVICE, replica });
const unknown = unknownSettings(ENVIRONMENT, process.env, 'COUNTERSIGN_');
if (unknown.length > 0) logger.warn('settings.unknown', { settings: unknown, detail: 'No setting has this name.' });

const context = await createContext(environment, {
  logger,
  metrics,
  now: () => Date.now(),
  random: () => Math.random(),
}).catch(async (error: unknown) => {
  logger.fatal('app-server.unstarted', { error });
  await logger.flush();
  process.exit(1);
});
const { tls } = context.joining;
const http = createHttpServer({ logger, metrics, checks: healthChecks(context), ...(tls !== undefined && { tls }) });
if (tls !== undefined) serveJoining(http, context);
const port = await http.listen({ port: environment.COUNTERSIGN_PORT, host: environment.COUNTERSIGN_HOST });
const serving = await serve(context.bus, endpoints(context), {
  queue: SERVICE,
  replica,
  maxInFlight: MAX_IN_FLIGHT,
  logger,
  metrics,
});
const fitness = setInterval(() => (context.isFit() ? serving.resume() : serving.pause()), FITNESS_EVERY_MS);
logger.info('app-server.started', { port });
reloadOnHangup(
  http,
  () => {
    const { COUNTERSIGN_TLS_CERT: certificate, COUNTERSIGN_TLS_KEY: key } = readEnvironment(CERTIFICATE, process.env);
    return certificate === undefined || key === undefined ? undefined : { certificate, key };
  },
  logger,
);

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop(signal));

async function stop(signal: string): Promise<void> {
  logger.info('app-server.stopping', { signal });
  clearInterval(fitness);
  await serving.drain();
  await context.close();
  await http.drain();
  await logger.flush();
  process.exit(0);
}

function readSettings(): Environment {
  try {
    return readEnvironment(ENVIRONMENT, process.env);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return process.exit(1);
  }
}
