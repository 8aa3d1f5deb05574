import type { Credential } from '@countersign/bus';
import { boundStrangers, createEdgeServer, type EdgeFoundation, type EdgeServer } from '@countersign/edge';
import { createSlots } from '@countersign/http';
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

/** Of the requests under way, and of those that wait, for one address (R29). */
const ADDRESS_SHARE = 0.25;
const PUBLIC_FOR_MINUTES = 'public, max-age=300';

/** Phones in front, operations on the bus behind, and nothing kept in between. */
export function createMobileService(options: MobileServiceOptions): EdgeServer {
  const { bus, replica, credential, metrics, publicUrl } = options;
  const server = createEdgeServer(options, { headers: { ...MOBILE_HEADERS, 'countersign-replica': replica } });
  const { app } = server;
  const refused = metrics.counter(REQUESTS_REFUSED);
  const working = createSlots({
    limit: options.maxInFlight,
    share: ADDRESS_SHARE,
    whenShareTaken: 'UNAVAILABLE',
    onRefused: (reason) => refused.inc({ reason }),
  });
  const waiting = createSlots({
    limit: options.maxWaiting,
    share: ADDRESS_SHARE,
    whenShareTaken: 'UNAVAILABLE',
    onRefused: (reason) => refused.inc({ reason: `${reason}, to wait` }),
  });
  metrics.gauge(REQUESTS_WORKING, () => working.taken);
  metrics.gauge(REQUESTS_WAITING, () => waiting.taken);

  // As late as this: a phone sets its clock by it, and may have waited.
  app.addHook('onSend', (_request, reply, payload, done) => {
    reply.header('countersign-time', String(options.now()));
    done(null, payload);
  });
  const deps: Dependencies = { bus, replica, credential, working, waiting, holds: createHolds(server) };
  serveDevices(app, { ...deps, authority: authorityOf(publicUrl), hints: hintsFrom(bus) });
  const bound = boundStrangers(app, options.activationsPerMinute, (reason) => refused.inc({ reason }));
  serveActivations(app, { ...deps, bound });

  const description = Buffer.from(JSON.stringify(describeApi({ publicUrl })));
  app.get('/v1/openapi.json', (_request, reply) =>
    reply.header('cache-control', PUBLIC_FOR_MINUTES).type('application/json').send(description),
  );
  const { pages } = options;
  if (pages !== undefined) {
    void app.register((scope, _options, done) => {
      serveApp(scope, pages);
      done();
    });
  }
  return { ...server, requests: () => ({ working: working.taken, waiting: waiting.taken }) };
}
