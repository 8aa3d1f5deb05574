import type { MetricDefinition } from '@countersign/telemetry';

export const APPEND_SECONDS = {
  name: 'countersign_ledger_append_seconds',
  help: 'Appends to the ledger, by what became of them: stored, taken (another was first), unknown (not acknowledged).',
  labels: ['stream', 'outcome'],
} as const satisfies MetricDefinition;

export const LEDGER_PROVEN = {
  name: 'countersign_ledger_proven',
  help: '1 while this replica knows that the stream forgot nothing; at 0 it decides nothing for its users.',
  labels: ['stream'],
} as const satisfies MetricDefinition;

export const LEDGER_FLOOR = {
  name: 'countersign_ledger_floor_timestamp_seconds',
  help: 'The recovery floor that this replica goes by, in seconds since the epoch; 0: nothing was ever lost.',
  labels: ['stream'],
} as const satisfies MetricDefinition;

export const FLOOR_RAISED = {
  name: 'countersign_ledger_floor_raised_total',
  help: 'Times that this replica raised the recovery floor: seen (messages are missing), assumed (nobody could tell).',
  labels: ['stream', 'reason'],
} as const satisfies MetricDefinition;
