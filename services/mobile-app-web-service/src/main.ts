import { join } from 'node:path';
import { readOrExit } from '@countersign/config';
import { builtPages, credentialOf, runEdge } from '@countersign/edge';
import { checkSettings } from './check-settings.ts';
import { ENVIRONMENT } from './environment.ts';
import { createMobileService } from './mobile-service.ts';

/** Pages of the release: from `src` and from `dist` alike. */
const PAGES = join(import.meta.dirname, '../web/dist');

const { settings, pages } = readOrExit(ENVIRONMENT, process.env, (read) => ({
  settings: checkSettings(read),
  pages: builtPages(read.COUNTERSIGN_PAGES ?? PAGES),
}));

await runEdge({
  service: 'mobile-app-web-service',
  name: 'mobile',
  declared: ENVIRONMENT,
  settings,
  now: () => Date.now(),
  create: (foundation) =>
    createMobileService({
      ...foundation,
      publicUrl: settings.COUNTERSIGN_DEVICE_URL,
      credential: credentialOf(settings.COUNTERSIGN_API_KEY),
      pages,
      maxWaiting: settings.COUNTERSIGN_MAX_WAITING,
      activationsPerMinute: settings.COUNTERSIGN_ACTIVATIONS_PER_MINUTE,
    }),
});
