import type { MetricDefinition } from '@countersign/telemetry';

export const CALL_SECONDS = {
  name: 'countersign_call_seconds',
  help: 'Operations asked for over the bus, from the first try to the answer; code is OK or the error.',
  labels: ['operation', 'code'],
} as const satisfies MetricDefinition;

export const CALL_RETRIES = {
  name: 'countersign_call_retries_total',
  help: 'Further tries of a call, by why the one before did not bring an answer.',
  labels: ['operation', 'reason'],
} as const satisfies MetricDefinition;

export const BUS_CONNECTED = {
  name: 'countersign_bus_connected',
  help: '1 while this process has a connection to NATS.',
} as const satisfies MetricDefinition;

export const OPERATION_SECONDS = {
  name: 'countersign_operation_seconds',
  help: 'Operations served by this replica; code is OK or the error.',
  labels: ['operation', 'code'],
} as const satisfies MetricDefinition;

export const OPERATIONS_IN_FLIGHT = {
  name: 'countersign_operations_in_flight',
  help: 'Operations that this replica is working on.',
} as const satisfies MetricDefinition;

export const OPERATIONS_REFUSED = {
  name: 'countersign_operations_refused_total',
  help: 'Operations refused before any work: overload (too many in flight), strain (new ones, while it cannot keep up), late.',
  labels: ['operation', 'reason'],
} as const satisfies MetricDefinition;

export const BUS_DELAY = {
  name: 'countersign_bus_delay_seconds',
  help: 'How long a message of this process to NATS and back took last, its own queue included.',
} as const satisfies MetricDefinition;

export const STRAINED = {
  name: 'countersign_strained',
  help: '1 while this process cannot keep up and refuses what is new.',
} as const satisfies MetricDefinition;
