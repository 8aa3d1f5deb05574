import type { MetricDefinition } from '@countersign/telemetry';

export const STATEMENTS_REFUSED = {
  name: 'countersign_database_statements_refused_total',
  help: 'Statements for which no connection became free in time, by what they were for.',
  labels: ['lane'],
} as const satisfies MetricDefinition;
