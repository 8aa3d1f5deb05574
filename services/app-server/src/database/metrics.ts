import type { MetricDefinition } from '@countersign/telemetry';

export const STATEMENTS_REFUSED = {
  name: 'countersign_database_statements_refused_total',
  help: 'Statements for which no connection became free in time, by what they were for.',
  labels: ['lane'],
} as const satisfies MetricDefinition;

export const POSTGRES_REACHABLE = {
  name: 'countersign_postgres_reachable',
  help: '1 while the node answers the probes of this replica.',
  labels: ['node'],
} as const satisfies MetricDefinition;

export const POSTGRES_PRIMARY = {
  name: 'countersign_postgres_primary',
  help: '1 while this replica takes the node for the primary and can reach it.',
  labels: ['node'],
} as const satisfies MetricDefinition;

export const POSTGRES_LAG = {
  name: 'countersign_postgres_lag_seconds',
  help: 'How far a standby is behind what the primary is known to have written; absent for other nodes and while the primary is away.',
  labels: ['node'],
} as const satisfies MetricDefinition;

export const POSTGRES_WAITING = {
  name: 'countersign_postgres_waiting',
  help: 'Statements of this replica that wait for a connection to the node.',
  labels: ['node'],
} as const satisfies MetricDefinition;
