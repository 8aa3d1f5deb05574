import { watchStrain } from '@countersign/bus';
import { readOrExit } from '@countersign/config';
import { runEdge } from '@countersign/edge';
import { checkSettings } from './check-settings.ts';
import { ENVIRONMENT } from './environment.ts';
import { createGateway } from './gateway.ts';

const settings = readOrExit(ENVIRONMENT, process.env, checkSettings);
const clientAuthorities = settings.COUNTERSIGN_CLIENT_CA;

await runEdge({
  service: 'sdk-gateway',
  name: 'gateway',
  declared: ENVIRONMENT,
  settings,
  now: () => Date.now(),
  create: (foundation) =>
    createGateway({
      ...foundation,
      publicUrl: settings.COUNTERSIGN_PUBLIC_URL,
      ...(clientAuthorities !== undefined && { clientAuthorities }),
      clientShare: settings.COUNTERSIGN_CLIENT_SHARE / 100,
      strain: watchStrain(foundation.bus.nats, foundation.metrics),
      maxWaiting: settings.COUNTERSIGN_MAX_WAITING,
    }),
});
