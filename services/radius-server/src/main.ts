import { readOrExit } from '@countersign/config';
import { credentialOf, runEdge } from '@countersign/edge';
import { checkSettings } from './check-settings.ts';
import { ENVIRONMENT } from './environment.ts';
import { createRadiusService } from './radius-service.ts';

const settings = readOrExit(ENVIRONMENT, process.env, checkSettings);
const accountingPort = settings.COUNTERSIGN_RADIUS_ACCOUNTING_PORT;
const radsecPort = settings.COUNTERSIGN_RADSEC_PORT;
const authorities = settings.COUNTERSIGN_RADSEC_CA;

await runEdge({
  service: 'radius-server',
  name: 'radius',
  declared: ENVIRONMENT,
  settings,
  now: () => Date.now(),
  create: (foundation) =>
    createRadiusService({
      ...foundation,
      credential: credentialOf(settings.COUNTERSIGN_API_KEY),
      hosts: settings.COUNTERSIGN_RADIUS_HOSTS,
      port: settings.COUNTERSIGN_RADIUS_PORT,
      ...(accountingPort !== 0 && { accountingPort }),
      ...(radsecPort !== 0 && authorities !== undefined && { radsec: { port: radsecPort, authorities } }),
      maxWaiting: settings.COUNTERSIGN_MAX_WAITING,
      maxConnections: settings.COUNTERSIGN_MAX_CONNECTIONS,
      rejectDelayMs: settings.COUNTERSIGN_REJECT_DELAY_MS,
    }),
});
