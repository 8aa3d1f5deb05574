import type { MetricDefinition } from '@countersign/telemetry';

export const PACKETS = {
  name: 'countersign_radius_packets_total',
  help: 'Packets of known clients, by what they ask and what became of them.',
  labels: ['code', 'outcome'],
} as const satisfies MetricDefinition;

export const DROPPED_PACKETS = {
  name: 'countersign_radius_dropped_total',
  help: 'Packets that got no answer, by why.',
  labels: ['reason'],
} as const satisfies MetricDefinition;

export const DUPLICATES = {
  name: 'countersign_radius_duplicates_total',
  help: 'Retransmissions: resent what was answered, or let be what is decided.',
  labels: ['outcome'],
} as const satisfies MetricDefinition;

export const REMEMBERED = {
  name: 'countersign_radius_requests_remembered',
  help: 'Requests by which retransmissions are told.',
} as const satisfies MetricDefinition;

export const LOGIN_SECONDS = {
  name: 'countersign_radius_login_seconds',
  help: 'From an Access-Request to the first decision on it; what people and the delay of refusals take is not in it.',
  labels: ['decision'],
} as const satisfies MetricDefinition;

export const REQUESTS_WORKING = {
  name: 'countersign_radius_requests_working',
  help: 'Requests that app-server is asked about.',
} as const satisfies MetricDefinition;

export const REQUESTS_WAITING = {
  name: 'countersign_radius_requests_waiting',
  help: 'Requests that wait for a person.',
} as const satisfies MetricDefinition;

export const REQUESTS_HELD = {
  name: 'countersign_radius_requests_held',
  help: 'Requests without an answer yet.',
} as const satisfies MetricDefinition;

export const CONNECTIONS = {
  name: 'countersign_radius_connections',
  help: 'Open connections of RADIUS over TLS.',
} as const satisfies MetricDefinition;

export const CONNECTIONS_CUT = {
  name: 'countersign_radius_connections_cut_total',
  help: 'Connections of RADIUS over TLS that were refused or ended by us, by why.',
  labels: ['reason'],
} as const satisfies MetricDefinition;

export const CLIENTS = {
  name: 'countersign_radius_clients',
  help: 'RADIUS clients that are known.',
} as const satisfies MetricDefinition;

export const CLIENTS_AGE = {
  name: 'countersign_radius_clients_age_seconds',
  help: 'How long ago app-server said last who the clients are.',
} as const satisfies MetricDefinition;
