import { expect, test } from 'vitest';
import { checkSynced } from './synced-checks.ts';

const cluster = (version: string) =>
  [1, 2, 3].map((number) => ({
    address: `nats-${number}:4222`,
    server: { name: `nats-${number}`, version, jetstream: true },
  }));

test.each<[servers: string, copies: number, acceptsUnsynced: boolean, level: string, detail: string]>([
  ['2.12.1', 3, false, 'ok', 'every server can sync each write'],
  ['2.9.10', 3, false, 'warn', 'is lost when they lose power together'],
  ['2.9.10', 3, true, 'ok', 'is lost when they lose power together; accepted with COUNTERSIGN_NATS_UNSYNCED'],
  ['2.9.10', 1, false, 'ok', 'one server alone never promises to lose nothing'],
])('HA-22: servers %s, copies %i, accepted %s: %s', (version, copies, acceptsUnsynced, level, detail) => {
  const check = checkSynced(cluster(version), { copies, acceptsUnsynced });
  expect(check).toMatchObject({ level, detail: expect.stringContaining(detail) });
});
