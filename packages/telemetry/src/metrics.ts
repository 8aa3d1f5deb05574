import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { VERSION } from './version.ts';

/** A metric is declared once, next to the code that measures it, with the sentence that explains it to an operator. */
export interface MetricDefinition<Label extends string = string> {
  /** `countersign_…`, base units, `_total` for counters, `_seconds` for times (Prometheus naming). */
  name: string;
  help: string;
  /** Bounded sets only: never a user, an address or anything a caller can make up. */
  labels?: readonly Label[];
  /** Histograms: upper bounds, in the unit of the name. */
  buckets?: readonly number[];
}

/** From a hit in memory to the longest wait, in seconds. */
export const TIME_BUCKETS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

const BUILD_INFO = {
  name: 'countersign_build_info',
  help: '1; the label says which version runs.',
  labels: ['version'],
} as const satisfies MetricDefinition;

/** One registry per process. Asking twice for the same name gives the same metric. */
export interface Metrics {
  counter<L extends string>(definition: MetricDefinition<L>): Counter<L>;
  gauge<L extends string>(definition: MetricDefinition<L>, collect?: () => number | undefined): Gauge<L>;
  histogram<L extends string>(definition: MetricDefinition<L>): Histogram<L>;
  /** The text exposition format. */
  text(): Promise<string>;
  contentType: string;
}

export function createMetrics(options: { service: string; replica: string; processMetrics?: boolean }): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ service: options.service, replica: options.replica });
  if (options.processMetrics ?? true) collectDefaultMetrics({ register: registry });

  function once<M>(name: string, make: () => M): M {
    return (registry.getSingleMetric(name) as M | undefined) ?? make();
  }

  const metrics: Metrics = {
    counter: (definition) => once(definition.name, () => new Counter(forProm(definition, registry))),
    gauge: (definition, collect) =>
      once(
        definition.name,
        () =>
          new Gauge({
            ...forProm(definition, registry),
            ...(collect !== undefined && {
              collect(this: Gauge) {
                const value = collect();
                if (value !== undefined) this.set(value);
              },
            }),
          }),
      ),
    histogram: (definition) =>
      once(
        definition.name,
        () => new Histogram({ ...forProm(definition, registry), buckets: [...(definition.buckets ?? TIME_BUCKETS)] }),
      ),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
  metrics.gauge(BUILD_INFO).set({ version: VERSION }, 1);
  return metrics;
}

function forProm<L extends string>(definition: MetricDefinition<L>, registry: Registry) {
  return {
    name: definition.name,
    help: definition.help,
    labelNames: [...(definition.labels ?? [])],
    registers: [registry],
  };
}
