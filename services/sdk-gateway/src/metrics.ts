import type { MetricDefinition } from '@countersign/telemetry';

export const REQUESTS_WORKING = {
  name: 'countersign_gateway_requests_working',
  help: 'Requests that this gateway is working on.',
} as const satisfies MetricDefinition;

export const REQUESTS_WAITING = {
  name: 'countersign_gateway_requests_waiting',
  help: 'Requests that wait for a challenge to end.',
} as const satisfies MetricDefinition;

export const REQUESTS_REFUSED = {
  name: 'countersign_gateway_requests_refused_total',
  help: 'Requests refused before any work: all places taken, one caller had its share, or (new ones) this gateway cannot keep up.',
  labels: ['reason'],
} as const satisfies MetricDefinition;
