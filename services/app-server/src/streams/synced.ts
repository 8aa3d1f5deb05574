import { ACCEPT_UNSYNCED, syncsEachWrite } from '@countersign/authority';
import type { NatsGreeting } from '@countersign/bus';
import { StartRefused } from '../start-refused.ts';

export interface UnsyncedServer {
  name: string;
  version: string;
}

/** Servers that cannot write to the disk before they acknowledge. One that does not answer is not among them. */
export function unsyncedServers(greetings: readonly NatsGreeting[]): UnsyncedServer[] {
  return greetings.flatMap(({ server }) => (server === undefined || canSync(server.version) ? [] : [server]));
}

/** Whether it was told to, a server says to nobody but its own operators. */
function canSync(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  return syncsEachWrite([major, minor]);
}

/**
 * With several copies everybody expects that an acknowledged decision stays (HA-22). On servers that sync every two minutes it does
 * not when they lose power together, and only people can accept that. One server alone promises nothing of the kind.
 * @throws StartRefused
 */
export function assertSynced(greetings: readonly NatsGreeting[], copies: number, accepted: string | undefined): void {
  const [server] = unsyncedServers(greetings);
  if (copies < 2 || accepted === ACCEPT_UNSYNCED || server === undefined) return;
  throw new StartRefused(
    `${server.name} is nats-server ${server.version}, which cannot sync each write to disk: decisions of the last two minutes are lost ` +
      'when NATS servers lose power together. Install nats-server 2.10 or newer and set sync_interval: always, or set ' +
      `COUNTERSIGN_NATS_UNSYNCED=${ACCEPT_UNSYNCED}`,
  );
}
