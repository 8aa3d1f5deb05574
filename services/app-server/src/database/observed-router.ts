import type { MetricDefinition, Metrics, Tracing } from '@countersign/telemetry';
import { POSTGRES_LAG, POSTGRES_PRIMARY, POSTGRES_REACHABLE, POSTGRES_WAITING } from './metrics.ts';
import type { NodeStatus, Router } from './router.ts';

/** The same router, seen by operators: its nodes as gauges, its reads and writes in the traces they belong to. */
export function observedRouter(router: Router, { metrics, tracing }: { metrics: Metrics; tracing: Tracing }): Router {
  perNode(POSTGRES_REACHABLE, ({ reachable }) => (reachable ? 1 : 0));
  perNode(POSTGRES_PRIMARY, ({ reachable, role }) => (reachable && role === 'primary' ? 1 : 0));
  perNode(POSTGRES_LAG, ({ lagMs }) => (lagMs === undefined ? undefined : lagMs / 1000));
  perNode(POSTGRES_WAITING, ({ waiting }) => waiting);

  function perNode(definition: MetricDefinition<'node'>, valueOf: (status: NodeStatus) => number | undefined): void {
    const gauge = metrics.gauge(definition, () => {
      for (const status of router.nodes()) {
        const value = valueOf(status);
        if (value === undefined) gauge.remove({ node: status.name });
        else gauge.set({ node: status.name }, value);
      }
      return undefined;
    });
  }

  return {
    ...router,
    read: (work, options) => {
      const lane = options?.lane ?? 'login';
      return tracing.span('postgres.read', { kind: 'client', attributes: { 'countersign.lane': lane } }, () =>
        router.read(work, options),
      );
    },
    write: (work, options) => tracing.span('postgres.write', { kind: 'client' }, () => router.write(work, options)),
  };
}
