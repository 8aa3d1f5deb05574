import type { NatsGreeting } from '@countersign/bus';
import type { Check } from '@countersign/contracts';
import { unsyncedServers } from '../streams/synced.ts';

/** HA-22: whether what NATS acknowledges is on the disk, as far as a client can know. */
export function checkSynced(
  greetings: readonly NatsGreeting[],
  { copies, acceptsUnsynced }: { copies: number; acceptsUnsynced: boolean },
): Check {
  const name = 'nats.synced';
  const unsynced = unsyncedServers(greetings).map(({ name: server, version }) => `${server} (${version})`);
  if (unsynced.length === 0) {
    return { name, level: 'ok', detail: 'every server can sync each write; that it does says its nats-server.conf' };
  }
  const detail = `${unsynced.join(', ')} cannot sync each write to disk`;
  // One server that comes back from a loss is told by the recovery floor (ADR 5), and nobody expected it to keep everything.
  if (copies < 2) return { name, level: 'ok', detail: `${detail}; one server alone never promises to lose nothing` };
  const risk = `${detail}: what was decided in the last two minutes is lost when they lose power together`;
  if (acceptsUnsynced) return { name, level: 'ok', detail: `${risk}; accepted with COUNTERSIGN_NATS_UNSYNCED` };
  return {
    name,
    level: 'warn',
    detail: risk,
    advice: 'Install nats-server 2.10 or newer with sync_interval: always.',
  };
}
