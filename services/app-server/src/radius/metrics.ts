import type { MetricDefinition } from '@countersign/telemetry';

export const ACCOUNTING_REFUSED = {
  name: 'countersign_radius_accounting_refused_total',
  help: 'Accounting of RADIUS clients that was neither kept nor answered, since its client sends too much of it.',
} as const satisfies MetricDefinition;
