import { readOrExit } from '@countersign/config';
import { builtPages, credentialOf, runEdge } from '@countersign/edge';
import { checkSettings } from './check-settings.ts';
import { ENVIRONMENT } from './environment.ts';
import { logoOf, PAGES, providerOf } from './options.ts';
import { createPortal } from './portal.ts';

const { settings, logo, pages } = readOrExit(ENVIRONMENT, process.env, (read) => ({
  settings: checkSettings(read),
  logo: logoOf(read),
  pages: builtPages(read.COUNTERSIGN_PAGES ?? PAGES),
}));
const provider = providerOf(settings);

await runEdge({
  service: 'user-portal',
  name: 'portal',
  declared: ENVIRONMENT,
  settings,
  now: () => Date.now(),
  create: (foundation) =>
    createPortal({
      ...foundation,
      publicUrl: settings.COUNTERSIGN_PORTAL_URL,
      credential: credentialOf(settings.COUNTERSIGN_API_KEY),
      look: {
        organisation: settings.COUNTERSIGN_ORGANISATION,
        ...(settings.COUNTERSIGN_ACCENT !== undefined && { accent: settings.COUNTERSIGN_ACCENT }),
      },
      ...(logo !== undefined && { logo }),
      ...(provider !== undefined && { provider }),
      pages,
      signInsPerMinute: settings.COUNTERSIGN_SIGN_INS_PER_MINUTE,
      maxWaiting: settings.COUNTERSIGN_MAX_WAITING,
    }),
});
