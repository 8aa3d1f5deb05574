import type { Credential, Strain } from '@countersign/bus';
import {
  CLIENT_SHARE,
  createEdgeServer,
  createRequestPlaces,
  serveDescription,
  type EdgeFoundation,
  type EdgeServer,
} from '@countersign/edge';
import { createSlots } from '@countersign/http';
import { answerWith } from './answer.ts';
import { authenticate } from './authenticate.ts';
import { receiveCarrierStatus } from './carrier-status.ts';
import { createJwks } from './jwks.ts';
import { REQUESTS_REFUSED, REQUESTS_WAITING, REQUESTS_WORKING } from './metrics.ts';
import { describeApi } from './openapi/document.ts';
import { ROUTES } from './routes.ts';

export interface GatewayOptions extends EdgeFoundation {
  publicUrl: string;
  /** PEM. With it, client certificates must chain to one of these. */
  clientAuthorities?: string;
  /** Of `maxInFlight`, for one application (R29); all unless given. */
  clientShare?: number;
  maxWaiting: number;
  /** Whether this process keeps up; it does unless given. */
  strain?: Pick<Strain, 'isStrained'>;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set before the body is read; undefined only on routes that everybody may use. */
    credential: Credential | undefined;
  }
}

const PUBLIC_FOR_MINUTES = 'public, max-age=300';

/** HTTPS in front, operations on the bus behind, and nothing kept in between. */
export function createGateway(options: GatewayOptions): EdgeServer {
  const { bus, replica } = options;
  const server = createEdgeServer(options, {
    clientCertificates: options.clientAuthorities === undefined ? {} : { authorities: options.clientAuthorities },
  });
  const { app, draining, lastCall } = server;
  const { working, waiting, countRefused, requests } = createRequestPlaces({
    ...options,
    measuredAs: { working: REQUESTS_WORKING, waiting: REQUESTS_WAITING, refused: REQUESTS_REFUSED },
    workingShare: options.clientShare ?? 1,
    whenWaitingShareTaken: 'TRY_LATER',
  });
  // Of carriers, by address: they have proved nothing yet (R29).
  const byAddress = createSlots({
    limit: options.maxInFlight,
    share: CLIENT_SHARE,
    whenShareTaken: 'UNAVAILABLE',
    onRefused: countRefused,
  });
  const strain = {
    isStrained: () => {
      const isStrained = options.strain?.isStrained() ?? false;
      if (isStrained) countRefused('strain');
      return isStrained;
    },
  };
  app.decorateRequest('credential', undefined);

  const mustChain = options.clientAuthorities !== undefined;
  for (const route of ROUTES) {
    app.route({
      method: route.method,
      url: route.path.replaceAll(/\{(\w+)\}/g, ':$1'),
      // Before the body is read, so that a stranger costs us a header.
      onRequest: (request, reply, done) => {
        reply.header('countersign-replica', replica);
        request.credential = authenticate(request, { mustChain, now: options.now });
        done();
      },
      handler: answerWith({ bus, replica, working, waiting, strain, draining, lastCall }, route),
    });
  }
  receiveCarrierStatus(app, { bus, working, byAddress });

  const jwks = createJwks(bus, options.now);
  app.get('/.well-known/jwks.json', async (_request, reply) => {
    const keys = await jwks();
    // As bytes: Fastify adds a charset to texts, which JSON types do not have.
    const bytes = Buffer.from(JSON.stringify(keys));
    return reply.header('cache-control', PUBLIC_FOR_MINUTES).type('application/jwk-set+json').send(bytes);
  });

  serveDescription(app, describeApi({ publicUrl: options.publicUrl }));
  return { ...server, requests };
}
