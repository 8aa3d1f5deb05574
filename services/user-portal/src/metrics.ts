import type { MetricDefinition } from '@countersign/telemetry';

export const REQUESTS_WORKING = {
  name: 'countersign_portal_requests_working',
  help: 'Requests that this portal is working on.',
} as const satisfies MetricDefinition;

export const REQUESTS_WAITING = {
  name: 'countersign_portal_requests_waiting',
  help: 'Requests that wait for an answer on a phone.',
} as const satisfies MetricDefinition;

export const REQUESTS_REFUSED = {
  name: 'countersign_portal_requests_refused_total',
  help: 'Requests refused before any work: all places taken, one address had its share, or it asked too often.',
  labels: ['reason'],
} as const satisfies MetricDefinition;
