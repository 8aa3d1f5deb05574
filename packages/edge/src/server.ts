import type { Bus } from '@countersign/bus';
import { MfaError } from '@countersign/contracts';
import { createHttpServer, type HttpLimits, type HttpServer, type TlsOptions } from '@countersign/http';
import type { Logger, Metrics, Tracing } from '@countersign/telemetry';

/** What the server of an edge stands on, started and checked. */
export interface EdgeFoundation {
  replica: string;
  bus: Bus;
  logger: Logger;
  metrics: Metrics;
  tracing?: Tracing;
  /** ms since the epoch. */
  now: () => number;
  /** PEM, with its chain. */
  certificate: string;
  /** PEM. */
  key: string;
  maxInFlight: number;
  trustedProxies?: readonly string[];
  metricsFrom?: readonly string[];
  limits?: Partial<HttpLimits>;
}

export interface EdgeServer extends HttpServer {
  /** How many requests it holds now. */
  readonly requests: () => { working: number; waiting: number };
}

/** HTTPS that is ready while NATS can be asked. */
export function createEdgeServer(
  foundation: EdgeFoundation,
  own: { clientCertificates?: TlsOptions['clientCertificates']; headers?: Readonly<Record<string, string>> },
): HttpServer {
  const { bus, logger, metrics, tracing, certificate, key, trustedProxies, metricsFrom, limits } = foundation;
  return createHttpServer({
    logger,
    metrics,
    tls: {
      certificate,
      key,
      ...(own.clientCertificates !== undefined && { clientCertificates: own.clientCertificates }),
    },
    checks: [{ name: 'bus', check: () => assertConnected(bus) }],
    ...(tracing !== undefined && { tracing }),
    ...(own.headers !== undefined && { headers: own.headers }),
    ...(limits !== undefined && { limits }),
    ...(trustedProxies !== undefined && { trustedProxies }),
    ...(metricsFrom !== undefined && { metricsFrom }),
  });
}

function assertConnected(bus: Bus): void {
  if (!bus.connected) throw new MfaError('UNAVAILABLE', { reason: 'not connected to NATS' });
}
