import { expect, test } from 'vitest';
import { createMetrics } from './metrics.ts';

test('every sample names service and replica, and asking twice gives the same metric', async () => {
  const metrics = createMetrics({ service: 'gateway', replica: 'g1', processMetrics: false });
  const definition = { name: 'countersign_things_total', help: 'Things.', labels: ['kind'] as const };
  metrics.counter(definition).inc({ kind: 'a' });
  metrics.counter(definition).inc({ kind: 'a' });
  expect(await metrics.text()).toContain('countersign_things_total{kind="a",service="gateway",replica="g1"} 2');
});

test('a gauge may read its value when asked', async () => {
  const metrics = createMetrics({ service: 's', replica: 'r', processMetrics: false });
  let depth = 1;
  metrics.gauge({ name: 'countersign_depth', help: 'Depth.' }, () => depth);
  depth = 7;
  expect(await metrics.text()).toMatch(/countersign_depth\{.*\} 7/);
});
