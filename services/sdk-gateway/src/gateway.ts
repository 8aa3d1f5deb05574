import type { Credential, Strain } from '@countersign/bus';
import { createEdgeServer, type EdgeFoundation, type EdgeServer } from '@countersign/edge';
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

/** Of the requests that may wait, for one caller (R29). */
const WAITING_SHARE = 0.25;
/** Of the requests under way, for carriers at one address: they have proved nothing yet (R29). */
const CARRIER_SHARE = 0.25;
const PUBLIC_FOR_MINUTES = 'public, max-age=300';

/** HTTPS in front, operations on the bus behind, and nothing kept in between. */
export function createGateway(options: GatewayOptions): EdgeServer {
  const { bus, replica, metrics } = options;
  const server = createEdgeServer(options, {
    clientCertificates: options.clientAuthorities === undefined ? {} : { authorities: options.clientAuthorities },
  });
  const { app, draining, lastCall } = server;
  const refused = metrics.counter(REQUESTS_REFUSED);
  const working = createSlots({
    limit: options.maxInFlight,
    share: options.clientShare ?? 1,
    // 429 would tell a person that he tried too often.
    whenShareTaken: 'UNAVAILABLE',
    onRefused: (reason) => refused.inc({ reason }),
  });
  const waiting = createSlots({
    limit: options.maxWaiting,
    share: WAITING_SHARE,
    onRefused: (reason) => refused.inc({ reason: `${reason}, to wait` }),
  });
  const byAddress = createSlots({
    limit: options.maxInFlight,
    share: CARRIER_SHARE,
    whenShareTaken: 'UNAVAILABLE',
    onRefused: (reason) => refused.inc({ reason }),
  });
  const strain = {
    isStrained: () => {
      const isStrained = options.strain?.isStrained() ?? false;
      if (isStrained) refused.inc({ reason: 'strain' });
      return isStrained;
    },
  };
  metrics.gauge(REQUESTS_WORKING, () => working.taken);
  metrics.gauge(REQUESTS_WAITING, () => waiting.taken);
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
    return reply.header('cache-control', PUBLIC_FOR_MINUTES).type('application/jwk-set+json').send(asBytes(keys));
  });

  const description = asBytes(describeApi({ publicUrl: options.publicUrl }));
  app.get('/v1/openapi.json', (_request, reply) =>
    reply.header('cache-control', PUBLIC_FOR_MINUTES).type('application/json').send(description),
  );
  return { ...server, requests: () => ({ working: working.taken, waiting: waiting.taken }) };
}

/** Fastify adds a charset to texts, which JSON types do not have. */
function asBytes(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
