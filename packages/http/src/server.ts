import { randomUUID } from 'node:crypto';
import { createServer as createPlainServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, Server as TlsServer } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import type { SecureContextOptions } from 'node:tls';
import { MfaError } from '@countersign/contracts';
import {
  formatTraceparent,
  noTracing,
  type Logger,
  type Metrics,
  type Span,
  type Tracing,
} from '@countersign/telemetry';
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { addressSet } from './address.ts';
import { acceptJson } from './body.ts';
import { answerClientError } from './client-error.ts';
import { guardConnections, type GuardedConnections } from './connections.ts';
import { serveHealth, type HealthCheck } from './health.ts';
import { REQUEST_SECONDS } from './metrics.ts';
import { asMfaError, PROBLEM_CONTENT_TYPE, toProblem } from './problem.ts';

export interface TlsOptions {
  /** PEM, the chain with the leaf first. */
  certificate: string;
  key: string;
  /**
   * Ask callers for a certificate. Nobody is refused for not having one; who looks at `request.raw.socket` decides.
   * With `authorities` (PEM), Node checks the chain and says so in `socket.authorized`.
   */
  clientCertificates?: { authorities?: string };
}

/** Bounds on everything that a caller can make this process hold or wait for. */
export interface HttpLimits {
  bodyBytes: number;
  /** Of a body that was refused, read and thrown away so that the caller hears the answer; beyond it we hang up. */
  discardBytes: number;
  headersTimeoutMs: number;
  /** The whole request, body included; not the answer. */
  requestTimeoutMs: number;
  keepAliveTimeoutMs: number;
  handshakeTimeoutMs: number;
  /** How often the three above are looked at. */
  checkEveryMs: number;
  connections: number;
  /** Of `connections`, for one client address. */
  connectionShare: number;
}

export const DEFAULT_HTTP_LIMITS: HttpLimits = {
  bodyBytes: 64 * 1024,
  discardBytes: 4 * 1024 * 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 20_000,
  // Longer than balancers keep theirs (60 s is usual), so that they never write to a connection we are closing.
  keepAliveTimeoutMs: 65_000,
  handshakeTimeoutMs: 10_000,
  checkEveryMs: 1000,
  connections: 4096,
  connectionShare: 0.25,
};

/** This machine and private networks (RFC 1918, RFC 4193). */
export const PRIVATE_NETWORKS: readonly string[] = [
  '127.0.0.0/8',
  '::1',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  'fc00::/7',
];

export interface HttpServerOptions {
  logger: Logger;
  metrics: Metrics;
  tracing?: Tracing;
  /** Without it: plain HTTP. */
  tls?: TlsOptions;
  limits?: Partial<HttpLimits>;
  /** Addresses and networks whose X-Forwarded-For is believed (R20). None unless given. */
  trustedProxies?: readonly string[];
  /** What `/health/ready` looks at. */
  checks?: readonly HealthCheck[];
  /** Who may read `/metrics`. */
  metricsFrom?: readonly string[];
  /** Added to the security headers of every answer, or put in their place. */
  headers?: Record<string, string>;
}

export interface HttpServer {
  app: FastifyInstance;
  /** Aborted when the process begins to stop: whoever waits for something should answer now. */
  draining: AbortSignal;
  /**
   * Shows another certificate to whoever connects from now on; connections that there are go on.
   * @throws Error when certificate and key do not belong together, or the server speaks plain HTTP; nothing changes then.
   */
  useCertificate(pair: Pick<TlsOptions, 'certificate' | 'key'>): void;
  /** Aborted shortly before the connections are cut: whoever has no answer yet should say so now. */
  lastCall: AbortSignal;
  /** @returns the port. Without a host: every address of the machine. */
  listen(address: { port: number; host?: string }): Promise<number>;
  /**
   * Stops without cutting anybody off: says "not ready" for `notReadyMs` so that balancers look elsewhere, takes no new
   * connection, lets requests finish, and `timeoutMs` after it began hangs up.
   */
  drain(options?: { notReadyMs?: number; timeoutMs?: number }): Promise<void>;
}

/** Connections that the system holds until they are taken in: thousands of phones come back at once when the replica that had them is gone. */
const BACKLOG = 4096;
const DRAIN_TIMEOUT_MS = 8000;
/** Between the last call and the cut: the way of an answer. */
const LAST_CALL_MS = 500;
const IDLE_SWEEP_MS = 100;

/** Nothing of an API may be cached, framed, sniffed or run. */
function securityHeaders(hasTls: boolean, more: Record<string, string> = {}): Record<string, string> {
  return {
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    ...(hasTls && { 'strict-transport-security': 'max-age=31536000; includeSubDomains' }),
    ...more,
  };
}

declare module 'fastify' {
  interface FastifyRequest {
    /** This request's own span, which ends with its answer. */
    span: Span;
    /** W3C traceparent of that span. */
    traceparent: string;
  }
  interface FastifyReply {
    /** What it was answered with, where it was refused; for the log, whatever the caller is shown. */
    problem: MfaError | undefined;
  }
  interface FastifyContextConfig {
    /** So many come of these that one which went well is worth a line at level `debug` only. */
    isRoutine?: boolean;
  }
}

/** What every HTTP service of ours shares. Add routes to `app`, then `listen`. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { logger, metrics, tracing = noTracing } = options;
  const limits = { ...DEFAULT_HTTP_LIMITS, ...options.limits };
  const headers = securityHeaders(options.tls !== undefined, options.headers);
  const proxies = options.trustedProxies ?? [];
  const draining = new AbortController();
  const lastCall = new AbortController();
  let connections: GuardedConnections | undefined;
  const answered = new WeakSet<object>();

  const app = fastify({
    serverFactory: (handler) => {
      const server = createServer(options.tls, limits, handler);
      connections = guardConnections(server, {
        limit: limits.connections,
        share: limits.connectionShare,
        proxies: addressSet(proxies),
        logger,
        metrics,
      });
      return server;
    },
    logger: false,
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    trustProxy: proxies.length > 0 ? [...proxies] : false,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    return503OnClosing: false,
    exposeHeadRoutes: false,
    clientErrorHandler: (error, socket) =>
      answerClientError(error, socket, { metrics, headers, wasAnswered: answered.has(socket) }),
    // These come before the hooks.
    frameworkErrors: (error, request, reply) => {
      begin(request, reply);
      void sendProblem(error, request, reply);
    },
    // Queries are parsed where they are used, by parseQuery: a throw in the router could not be answered.
    routerOptions: { maxParamLength: 128, querystringParser: () => ({}) },
  });
  app.decorateRequest('span');
  app.decorateRequest('traceparent', '');
  app.decorateReply('problem', undefined);

  app.addHook('onRequest', (request, reply, done) => {
    begin(request, reply);
    done(hasUselessBody(request) ? bodyNotAllowed() : undefined);
  });
  // As late as this, so that what was asked before the drain began is told as well.
  app.addHook('onSend', (_, reply, payload, done) => {
    if (draining.signal.aborted) reply.header('connection', 'close');
    done(null, payload);
  });
  app.addHook('onResponse', (request, reply, done) => {
    discardRest(request, limits.discardBytes, answered);
    observe(request, reply, logger, metrics);
    done();
  });
  app.setErrorHandler((error, request, reply) => sendProblem(error, request, reply));
  app.setNotFoundHandler(() => {
    throw new MfaError('ROUTE_NOT_FOUND');
  });
  acceptJson(app, limits.bodyBytes);
  serveHealth(app, {
    logger,
    checks: options.checks ?? [],
    isDraining: () => draining.signal.aborted,
    metrics,
    metricsFrom: addressSet(options.metricsFrom ?? PRIVATE_NETWORKS),
  });

  function begin(request: FastifyRequest, reply: FastifyReply): void {
    request.span = enter(request, tracing);
    request.traceparent = formatTraceparent(request.span.trace);
    reply.headers(headers);
    reply.header('request-id', request.id);
    reply.header('trace-id', request.span.trace.traceId);
  }

  function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const known = asMfaError(error);
    const { status, headers: more, problem } = toProblem(known, request.id);
    reply.problem = known;
    if (known.code === 'INTERNAL')
      logger.error('http.error', {
        requestId: request.id,
        traceId: request.span.trace.traceId,
        route: routeOf(request),
        error,
      });
    // As bytes, because Fastify adds a charset to texts and JSON types have none.
    return reply
      .code(status)
      .headers(more)
      .type(PROBLEM_CONTENT_TYPE)
      .send(Buffer.from(JSON.stringify(problem)));
  }

  return {
    app,
    draining: draining.signal,
    useCertificate: ({ certificate, key }) => {
      const { server } = app;
      if (options.tls === undefined || !(server instanceof TlsServer))
        throw new Error('this server has no certificate');
      server.setSecureContext(secureContextOf({ ...options.tls, certificate, key }));
    },
    lastCall: lastCall.signal,
    listen: async ({ port, host }) => {
      // Fastify takes an absent host for localhost; an empty one reaches Node, which takes every address.
      await app.listen({ port, host: host ?? '', backlog: BACKLOG });
      const address = app.server.address();
      return typeof address === 'object' && address !== null ? address.port : port;
    },
    drain: async ({ notReadyMs = 0, timeoutMs = DRAIN_TIMEOUT_MS } = {}) => {
      draining.abort();
      const call = setTimeout(() => lastCall.abort(), Math.max(0, timeoutMs - LAST_CALL_MS));
      const cut = setTimeout(() => {
        const count = connections?.cut() ?? 0;
        if (count > 0) logger.warn('http.cut', { count, detail: 'Connections that had not ended in time.' });
      }, timeoutMs);
      await delay(Math.min(notReadyMs, timeoutMs));
      const { server } = app;
      // A connection whose last answer goes out during the drain becomes idle afterwards.
      const sweep = setInterval(() => server.closeIdleConnections(), IDLE_SWEEP_MS);
      await app.close();
      clearInterval(sweep);
      clearTimeout(call);
      clearTimeout(cut);
    },
  };
}

function createServer(tls: TlsOptions | undefined, limits: HttpLimits, handler: RequestListener): Server {
  const http = {
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: limits.checkEveryMs,
    noDelay: true,
  };
  if (tls === undefined) return createPlainServer(http, handler);
  const { clientCertificates } = tls;
  const server = createTlsServer(
    {
      ...http,
      ...secureContextOf(tls),
      handshakeTimeout: limits.handshakeTimeoutMs,
      ...(clientCertificates !== undefined && { requestCert: true, rejectUnauthorized: false }),
    },
    handler,
  );
  // TLS 1.2 would let a caller come back as somebody else in the middle of a connection.
  server.on('secureConnection', (socket) => socket.disableRenegotiation());
  return server;
}

function secureContextOf({ certificate, key, clientCertificates }: TlsOptions): SecureContextOptions {
  const ca = clientCertificates?.authorities;
  return { cert: certificate, key, minVersion: 'TLSv1.2', ...(ca !== undefined && { ca }) };
}

/** GET and HEAD give a body no meaning (RFC 9110 section 9.3.1), so one is a mistake or an attempt to smuggle. */
function hasUselessBody(request: FastifyRequest): boolean {
  if (request.method !== 'GET' && request.method !== 'HEAD') return false;
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
  return encoding !== undefined || (length !== undefined && length !== '0');
}

function bodyNotAllowed(): MfaError {
  return new MfaError('REQUEST_INVALID', { invalid: [{ pointer: '', message: 'must have no body' }] });
}

/** Lets a caller finish sending what we have already refused, so that it gets to read the answer; within reason. */
function discardRest(request: FastifyRequest, limitBytes: number, answered: WeakSet<object>): void {
  const { raw } = request;
  if (raw.complete || raw.destroyed) {
    answered.delete(raw.socket);
    return;
  }
  const { socket } = raw;
  answered.add(socket);
  let bytes = 0;
  raw.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > limitBytes) socket.destroy();
  });
  raw.once('end', () => answered.delete(socket));
}

/** Balancers and Prometheus ask all the time; nobody looks for their traces. */
const UNTRACED: ReadonlySet<string> = new Set(['/health/live', '/health/ready', '/metrics']);

function enter(request: FastifyRequest, tracing: Tracing): Span {
  const { method } = request;
  const { traceparent } = request.headers;
  const route = routeOf(request);
  return (UNTRACED.has(route) ? noTracing : tracing).enter(
    `${method} ${route}`,
    typeof traceparent === 'string' ? traceparent : undefined,
    { kind: 'server', attributes: { 'http.request.method': method, 'http.route': route } },
  );
}

function observe(request: FastifyRequest, reply: FastifyReply, logger: Logger, metrics: Metrics): void {
  const { method } = request;
  const route = routeOf(request);
  const status = reply.statusCode;
  const { problem } = reply;
  const code = problem?.code ?? '';
  request.span.set({ 'http.response.status_code': status, ...(code !== '' && { 'countersign.code': code }) });
  request.span.end(status >= 500);
  metrics.histogram(REQUEST_SECONDS).observe({ method, route, status }, reply.elapsedTime / 1000);
  const isDull = request.routeOptions.config.isRoutine === true && problem === undefined && status < 400;
  logger[isDull ? 'debug' : 'info']('http.request', {
    method,
    route,
    status,
    ms: Math.round(reply.elapsedTime * 10) / 10,
    requestId: request.id,
    traceId: request.span.trace.traceId,
    address: request.ip,
    ...(code !== '' && { code }),
    ...(problem?.reason !== undefined && { reason: problem.reason }),
  });
  // What somebody outside did, or did not do; of mistakes of callers their answer says enough, and of our own http.error.
  if (problem?.cause !== undefined && code !== 'REQUEST_INVALID' && code !== 'INTERNAL') {
    logger.warn('http.refused', { route, requestId: request.id, traceId: request.span.trace.traceId, error: problem });
  }
}

/** The pattern and never the address itself: addresses hold names of users. */
function routeOf(request: FastifyRequest): string {
  return request.routeOptions.url ?? 'none';
}
