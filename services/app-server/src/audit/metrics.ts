import type { MetricDefinition } from '@countersign/telemetry';

export const PROJECTION_LAG = {
  name: 'countersign_projection_lag_seconds',
  help: 'Age of the oldest event that is not yet in Postgres. The streams keep 30 days; alert long before.',
  labels: ['stream'],
} as const satisfies MetricDefinition;

export const PROJECTION_WAITING = {
  name: 'countersign_projection_waiting',
  help: 'Events that are not yet in Postgres.',
  labels: ['stream'],
} as const satisfies MetricDefinition;

export const PROJECTED = {
  name: 'countersign_projected_total',
  help: 'Events that this replica wrote to Postgres.',
  labels: ['stream'],
} as const satisfies MetricDefinition;

export const UNREADABLE = {
  name: 'countersign_projection_unreadable_total',
  help: 'Messages that could not be written to the audit as they are; a row audit.unreadable stands for each.',
  labels: ['stream'],
} as const satisfies MetricDefinition;
