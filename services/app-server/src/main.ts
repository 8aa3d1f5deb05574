import { serve, watchStrain } from '@countersign/bus';
import { readEnvironment, readOrExit, unknownSettings } from '@countersign/config';
import { createHttpServer, reloadOnHangup, stopOnSignal } from '@countersign/http';
import { createLogger, createMetrics, createTracing } from '@countersign/telemetry';
import { createContext } from './context.ts';
import { endpoints } from './endpoints.ts';
import { CERTIFICATE, ENVIRONMENT } from './environment.ts';
import { serveJoining } from './replica/routes.ts';

const SERVICE = 'app-server';
/** For what is under way when it is told to stop. Others do at once what it leaves. */
const WORK_MS = 6000;
/** Connections of health and metrics are worth no more. */
const HTTP_MS = 2000;
/** How often a replica looks whether it may take work. */
const FITNESS_EVERY_MS = 100;

const environment = readOrExit(ENVIRONMENT, process.env, (read) => read);
const replica = environment.COUNTERSIGN_REPLICA;
const logger = createLogger({ service: SERVICE, replica, level: environment.COUNTERSIGN_LOG_LEVEL });
const metrics = createMetrics({ service: SERVICE, replica });
const tracing = createTracing({
  url: environment.COUNTERSIGN_TRACES_URL,
  ratio: environment.COUNTERSIGN_TRACES_RATIO,
  service: SERVICE,
  replica,
  now: () => Date.now(),
  metrics,
  logger,
});
const unknown = unknownSettings(ENVIRONMENT, process.env, 'COUNTERSIGN_');
if (unknown.length > 0) logger.warn('settings.unknown', { settings: unknown, detail: 'No setting has this name.' });

const context = await createContext(environment, {
  logger,
  metrics,
  tracing,
  now: () => Date.now(),
  random: () => Math.random(),
}).catch(async (error: unknown) => {
  logger.fatal('app-server.unstarted', { error });
  await logger.flush();
  process.exit(1);
});
const { tls } = context.joining;
const http = createHttpServer({
  logger,
  metrics,
  tracing,
  checks: context.checks,
  metricsFrom: environment.COUNTERSIGN_METRICS_FROM,
  ...(tls !== undefined && { tls }),
});
if (tls !== undefined) serveJoining(http, context);
const port = await http.listen({ port: environment.COUNTERSIGN_PORT, host: environment.COUNTERSIGN_HOST });
const strain = watchStrain(context.bus.nats, metrics);
const serving = await serve(context.bus, endpoints(context), {
  queue: SERVICE,
  replica,
  maxInFlight: environment.COUNTERSIGN_MAX_IN_FLIGHT,
  isStrained: strain.isStrained,
  logger,
  metrics,
});
const takeWorkIfFit = () => (context.isFit() ? serving.resume() : serving.pause());
takeWorkIfFit();
const fitness = setInterval(takeWorkIfFit, FITNESS_EVERY_MS);
logger.info('app-server.started', { port });
reloadOnHangup(
  http,
  () => {
    const { COUNTERSIGN_TLS_CERT: certificate, COUNTERSIGN_TLS_KEY: key } = readEnvironment(CERTIFICATE, process.env);
    return certificate === undefined || key === undefined ? undefined : { certificate, key };
  },
  logger,
);

stopOnSignal({
  name: SERVICE,
  logger,
  steps: [
    {
      withinMs: WORK_MS,
      parts: {
        operations: () => {
          clearInterval(fitness);
          return serving.drain();
        },
        messages: context.endings.messages,
        http: () => http.drain({ timeoutMs: HTTP_MS }),
      },
    },
    {
      withinMs: 1500,
      parts: {
        watches: context.endings.watches,
        projection: context.endings.projection,
        farewell: context.endings.farewell,
      },
    },
    { withinMs: 800, parts: { bus: context.endings.bus } },
    { withinMs: 800, parts: { database: context.endings.database, traces: () => tracing.close() } },
  ],
  exit: (code) => process.exit(code),
});
