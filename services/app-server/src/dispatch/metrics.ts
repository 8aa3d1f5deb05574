import type { MetricDefinition } from '@countersign/telemetry';

export const MESSAGES_HANDED = {
  name: 'countersign_messages_handed_total',
  help: 'Messages given to the dispatch queue, decoys among them.',
  labels: ['channel', 'outcome'],
} as const satisfies MetricDefinition;

export const MESSAGES_IN_HAND = {
  name: 'countersign_messages_in_hand',
  help: 'Messages that this replica is sending, those included that wait between two rounds.',
} as const satisfies MetricDefinition;

export const MESSAGES_ENDED = {
  name: 'countersign_messages_total',
  help: 'Messages taken from the dispatch queue, by how the delivery ended.',
  labels: ['outcome'],
} as const satisfies MetricDefinition;

export const MESSAGE_STATUS = {
  name: 'countersign_message_status_total',
  help: 'Delivery reports of carriers. The carrier "unknown" stands for all that were not proved.',
  labels: ['carrier', 'status'],
} as const satisfies MetricDefinition;

export const BUDGET_REFUSALS = {
  name: 'countersign_message_budget_refusals_total',
  help: 'Messages that were not sent because a budget was spent or the destination is not allowed.',
  labels: ['reason'],
} as const satisfies MetricDefinition;

export const CARRIER_OUTCOMES = {
  name: 'countersign_carrier_outcomes_total',
  help: 'Tries to hand a message to a carrier, by what became of them.',
  labels: ['carrier', 'outcome'],
} as const satisfies MetricDefinition;

export const CARRIER_SECONDS = {
  name: 'countersign_carrier_seconds',
  help: 'How long a carrier took to say yes or no, in seconds.',
  labels: ['carrier'],
} as const satisfies MetricDefinition;

export const CARRIER_RESTING = {
  name: 'countersign_carrier_resting',
  help: '1 while the circuit breaker of this replica keeps messages from the carrier.',
  labels: ['carrier'],
} as const satisfies MetricDefinition;

export const DISPATCH_WAITING = {
  name: 'countersign_dispatch_waiting',
  help: 'Messages in the dispatch queue, those in the hands of any replica included.',
} as const satisfies MetricDefinition;

export const DISPATCH_OLDEST = {
  name: 'countersign_dispatch_oldest_seconds',
  help: 'Age of the oldest message in the dispatch queue; 0 when there is none.',
} as const satisfies MetricDefinition;
