import type { MetricDefinition } from '@countersign/telemetry';

export const REQUESTS_WORKING = {
  name: 'countersign_gateway_requests_working',
  help: 'Requests that this gateway is working on.',
} as const satisfies MetricDefinition;

export const REQUESTS_WAITING = {
  name: 'countersign_gateway_requests_waiting',
  help: 'Requests that wait for a challenge to end.',
} as const satisfies MetricDefinition;
