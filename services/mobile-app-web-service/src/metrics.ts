import type { MetricDefinition } from '@countersign/telemetry';

export const REQUESTS_WORKING = {
  name: 'countersign_mobile_requests_working',
  help: 'Requests that this replica is working on.',
} as const satisfies MetricDefinition;

export const REQUESTS_WAITING = {
  name: 'countersign_mobile_requests_waiting',
  help: 'Phones that wait for a login.',
} as const satisfies MetricDefinition;

export const REQUESTS_REFUSED = {
  name: 'countersign_mobile_requests_refused_total',
  help: 'Requests refused before any work: all places taken, one address had its share, or it asked too often.',
  labels: ['reason'],
} as const satisfies MetricDefinition;
