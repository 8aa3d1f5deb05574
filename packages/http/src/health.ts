import { ERRORS, isErrorCode, MfaError } from '@countersign/contracts';
import type { Logger, Metrics } from '@countersign/telemetry';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AddressSet } from './address.ts';
import { READY, READY_CHECK } from './metrics.ts';
import { problemType } from './problem.ts';

/** One thing without which this replica is of no use. */
export interface HealthCheck {
  name: string;
  /** Resolves when all is well; rejects, or does not answer, when it is not. */
  check(): Promise<void> | void;
}

interface HealthOptions {
  logger: Logger;
  checks: readonly HealthCheck[];
  isDraining(): boolean;
  metrics: Metrics;
  /** Who may read the metrics; to everybody else they do not exist. */
  metricsFrom: AddressSet;
}

const CHECK_TIMEOUT_MS = 2000;
/** Anybody may ask, and a check may ask the database: however many ask, it is asked no more often. Less than balancers wait between two. */
const OUTCOMES_KEPT_MS = 250;
const READABLE = { exposeHeadRoute: true };

/** `/health/live`, `/health/ready`, `/metrics` and the pages behind the `type` of a problem. */
export function serveHealth(app: FastifyInstance, options: HealthOptions): void {
  /** Why each of those fails that fail now. Balancers ask all the time; people want to read it once, and not strangers. */
  const failing = new Set<string>();
  function noteChange({ name, ok, error }: Outcome): void {
    if (ok === !failing.has(name)) return;
    if (ok) failing.delete(name);
    else failing.add(name);
    if (ok) options.logger.info('health.mended', { check: name });
    else options.logger.error('health.failing', { check: name, error });
  }

  const ready = options.metrics.gauge(READY);
  const readyCheck = options.metrics.gauge(READY_CHECK);

  const outcomesNow = sharedFor(OUTCOMES_KEPT_MS, async () => {
    const outcomes = await Promise.all(options.checks.map(run));
    outcomes.forEach(noteChange);
    return outcomes.map(({ name, ok }) => ({ name, ok }));
  });

  async function look() {
    const checks = await outcomesNow();
    return { checks, isReady: !options.isDraining() && checks.every((check) => check.ok) };
  }

  app.get('/health/live', READABLE, () => ({ status: 'ok' }));

  app.get('/health/ready', READABLE, async (_, reply) => {
    const { checks, isReady } = await look();
    reply.code(isReady ? 200 : 503);
    if (!isReady) reply.header('retry-after', '1');
    return { status: options.isDraining() ? 'draining' : isReady ? 'ok' : 'unavailable', checks };
  });

  app.get('/metrics', async (request, reply) => {
    if (!isAskedDirectly(request) || !options.metricsFrom.has(request.ip)) throw new MfaError('ROUTE_NOT_FOUND');
    const { checks, isReady } = await look();
    ready.set(isReady ? 1 : 0);
    for (const { name, ok } of checks) readyCheck.set({ check: name }, ok ? 1 : 0);
    reply.header('content-type', options.metrics.contentType);
    return options.metrics.text();
  });

  app.get<{ Params: { code: string } }>('/problems/:code', (request) => {
    const { code } = request.params;
    if (!isErrorCode(code)) throw new MfaError('ROUTE_NOT_FOUND');
    return { type: problemType(code), code, ...ERRORS[code] };
  });
}

/**
 * A balancer that refuses `/metrics` compares what was sent, while routes are found by what it decodes to. So what came through a
 * proxy, or is spelled otherwise, finds nothing here, whatever the balancer let pass.
 */
function isAskedDirectly({ headers, raw }: FastifyRequest): boolean {
  return headers['x-forwarded-for'] === undefined && raw.url?.split('?', 1)[0] === '/metrics';
}

/** One look for all who ask while it is under way, and for a moment after it. `look` never rejects. */
function sharedFor<T>(keptMs: number, look: () => Promise<T>): () => Promise<T> {
  let latest: Promise<T> | undefined;
  let endedAt: number | undefined;
  return () => {
    const isOver = endedAt !== undefined && performance.now() - endedAt >= keptMs;
    if (latest !== undefined && !isOver) return latest;
    endedAt = undefined;
    return (latest = look().finally(() => (endedAt = performance.now())));
  };
}

interface Outcome {
  name: string;
  ok: boolean;
  error?: unknown;
}

async function run(one: HealthCheck): Promise<Outcome> {
  const { name } = one;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${name} did not answer`)), CHECK_TIMEOUT_MS);
  });
  try {
    await Promise.race([one.check(), late]);
    return { name, ok: true };
  } catch (error) {
    return { name, ok: false, error };
  } finally {
    clearTimeout(timer);
  }
}
