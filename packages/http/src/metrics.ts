import type { MetricDefinition } from '@countersign/telemetry';

export const READY = {
  name: 'countersign_ready',
  help: '1 when this replica may be given work: it is not stopping, and nothing that it needs is missing.',
} as const satisfies MetricDefinition;

export const READY_CHECK = {
  name: 'countersign_ready_check',
  help: '1 when this one thing is well without which the replica is not ready.',
  labels: ['check'],
} as const satisfies MetricDefinition;

export const REQUEST_SECONDS = {
  name: 'countersign_http_request_seconds',
  help: 'HTTP requests, from the last header to the end of the answer.',
  labels: ['method', 'route', 'status'],
} as const satisfies MetricDefinition;

export const CONNECTIONS = {
  name: 'countersign_http_connections',
  help: 'Open connections.',
} as const satisfies MetricDefinition;

export const CONNECTIONS_REFUSED = {
  name: 'countersign_http_connections_refused_total',
  help: 'Connections closed at once: all taken, or one client had its share.',
  labels: ['reason'],
} as const satisfies MetricDefinition;

export const REQUESTS_CUT = {
  name: 'countersign_http_requests_cut_total',
  help: 'Requests ended before they were read: too slow, headers too large, or not HTTP.',
  labels: ['reason'],
} as const satisfies MetricDefinition;
