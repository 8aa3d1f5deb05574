import type { Credential } from '@countersign/bus';
import {
  boundStrangers,
  createEdgeServer,
  createRequestPlaces,
  serveDescription,
  type EdgeFoundation,
  type EdgeServer,
} from '@countersign/edge';
import { serveActivations } from './activation.ts';
import { serveApp } from './app-pages.ts';
import type { Dependencies } from './ask-app-server.ts';
import { serveDevices } from './device.ts';
import { MOBILE_HEADERS } from './headers.ts';
import { createHolds } from './held.ts';
import { hintsFrom } from './hints.ts';
import { REQUESTS_REFUSED, REQUESTS_WAITING, REQUESTS_WORKING } from './metrics.ts';
import { describeApi } from './openapi/document.ts';
import { authorityOf } from './signed-request.ts';

export interface MobileServiceOptions extends EdgeFoundation {
  /** Where phones reach it; never taken from Host (R28). */
  publicUrl: string;
  /** Of the application that this service is. */
  credential: Credential;
  /** What the build of the authenticator made; without it only the interface is served. */
  pages?: string;
  maxWaiting: number;
  /** How often one address may try to activate a phone in a minute. */
  activationsPerMinute: number;
}

/** Phones in front, operations on the bus behind, and nothing kept in between. */
export function createMobileService(options: MobileServiceOptions): EdgeServer {
  const { bus, replica, credential, publicUrl } = options;
  const server = createEdgeServer(options, { headers: { ...MOBILE_HEADERS, 'countersign-replica': replica } });
  const { app } = server;
  const { working, waiting, countRefused, requests } = createRequestPlaces({
    ...options,
    measuredAs: { working: REQUESTS_WORKING, waiting: REQUESTS_WAITING, refused: REQUESTS_REFUSED },
  });

  // As late as this: a phone sets its clock by it, and may have waited.
  app.addHook('onSend', (_request, reply, payload, done) => {
    reply.header('countersign-time', String(options.now()));
    done(null, payload);
  });
  const deps: Dependencies = { bus, replica, credential, working, waiting, holds: createHolds(server) };
  serveDevices(app, { ...deps, authority: authorityOf(publicUrl), hints: hintsFrom(bus) });
  const bound = boundStrangers(app, options.activationsPerMinute, countRefused);
  serveActivations(app, { ...deps, bound });

  serveDescription(app, describeApi({ publicUrl }));
  const { pages } = options;
  if (pages !== undefined) {
    void app.register((scope, _options, done) => {
      serveApp(scope, pages);
      done();
    });
  }
  return { ...server, requests };
}
