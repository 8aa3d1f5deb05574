import type { NatsConnection } from '@nats-io/nats-core';
import type { LeaderKeeping } from './keep.ts';

const SUBJECT = 'peers.leaders';
/** A hint that was made up costs no more than this. */
const LONGEST_MS = 3_600_000;

/** Asks every app-server, this one too, to leave leaders where they are for so long; 0 ends it. */
export function tellRest(nats: NatsConnection, forMs: number): void {
  nats.publish(SUBJECT, JSON.stringify({ forMs }));
}

/** Until the connection ends. */
export function hearRest(nats: NatsConnection, keeping: Pick<LeaderKeeping, 'rest'>): void {
  nats.subscribe(SUBJECT, {
    callback: (_error, message) => {
      const forMs = forMsIn(message.string());
      if (forMs !== undefined) keeping.rest(Math.min(forMs, LONGEST_MS));
    },
  });
}

function forMsIn(text: string): number | undefined {
  try {
    const { forMs } = JSON.parse(text) as { forMs?: unknown };
    return typeof forMs === 'number' && forMs >= 0 ? forMs : undefined;
  } catch {
    return undefined;
  }
}
