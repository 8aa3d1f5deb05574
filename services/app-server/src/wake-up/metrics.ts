import type { MetricDefinition } from '@countersign/telemetry';

export const WAKE_UPS = {
  name: 'countersign_wakeups_total',
  help: 'Wake-ups of phones, by what became of them. A phone that was not woken still finds the login when it polls.',
  labels: ['kind', 'result'],
} as const satisfies MetricDefinition;
