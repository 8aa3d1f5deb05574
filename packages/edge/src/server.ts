import type { Bus } from '@countersign/bus';
import { MfaError } from '@countersign/contracts';
import {
  createHttpServer,
  type HealthCheck,
  type HttpLimits,
  type HttpServer,
  type TlsOptions,
} from '@countersign/http';
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
  readonly beside?: Beside;
}

/** What an edge serves on sockets of its own, beside HTTPS. It starts before HTTPS can say "ready", and stops together with it. */
export interface Beside {
  /** @throws Error when it cannot; then the process ends. */
  listen(): Promise<void>;
  /** Shows another certificate to whoever connects from now on. @throws Error when it cannot be used; nothing changes then. */
  useCertificate(pair: Pick<TlsOptions, 'certificate' | 'key'>): void;
  /** Takes nothing new, lets what is under way finish, and `timeoutMs` after it began cuts the rest. */
  drain(options: { timeoutMs: number }): Promise<void>;
}

/** HTTPS that is ready while NATS can be asked, and whatever else the edge needs is there. */
export function createEdgeServer(
  foundation: EdgeFoundation,
  own: {
    clientCertificates?: TlsOptions['clientCertificates'];
    headers?: Readonly<Record<string, string>>;
    checks?: readonly HealthCheck[];
  },
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
    checks: [{ name: 'bus', check: () => assertConnected(bus) }, ...(own.checks ?? [])],
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
