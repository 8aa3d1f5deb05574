import type { MetricDefinition } from '@countersign/telemetry';

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
