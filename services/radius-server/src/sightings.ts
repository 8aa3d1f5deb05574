import type { InputOf, RadiusSighting, radiusReport } from '@countersign/contracts';

export type Report = InputOf<typeof radiusReport>;
type ClientReport = Report['clients'][number];

/** What one operation takes. */
const MOST_CLIENTS = 1000;
const MOST_STRANGERS = 100;

/** Counts what is seen of clients, until it is told. */
export interface Sightings {
  count(clientId: string, seen: readonly RadiusSighting[]): void;
  retransmission(clientId: string, afterMs: number, tries: number): void;
  /** Who asks and is no client. Beyond a hundred at a time only those are counted that are there already. */
  stranger(address: string): void;
  learnt(clientId: string): void;
  /** What was counted since it was last called; undefined when there is nothing. */
  take(): Report | undefined;
}

interface Seen {
  counts: Map<RadiusSighting, number>;
  afterMs: [number, number] | undefined;
  mostTries: number;
  isLearnt: boolean;
}

export function createSightings(): Sightings {
  const clients = new Map<string, Seen>();
  const strangers = new Map<string, number>();

  function seenOf(clientId: string): Seen {
    let seen = clients.get(clientId);
    if (seen === undefined) {
      clients.set(clientId, (seen = { counts: new Map(), afterMs: undefined, mostTries: 0, isLearnt: false }));
    }
    return seen;
  }

  return {
    count: (clientId, seen) => {
      const { counts } = seenOf(clientId);
      for (const one of seen) counts.set(one, (counts.get(one) ?? 0) + 1);
    },
    retransmission: (clientId, afterMs, tries) => {
      const seen = seenOf(clientId);
      const ms = Math.round(afterMs);
      const [least, most] = seen.afterMs ?? [ms, ms];
      seen.afterMs = [Math.min(least, ms), Math.max(most, ms)];
      seen.mostTries = Math.max(seen.mostTries, tries);
      seen.counts.set('retransmission', (seen.counts.get('retransmission') ?? 0) + 1);
    },
    stranger: (address) => {
      const before = strangers.get(address);
      if (before !== undefined || strangers.size < MOST_STRANGERS) strangers.set(address, (before ?? 0) + 1);
    },
    learnt: (clientId) => {
      seenOf(clientId).isLearnt = true;
    },
    take: () => {
      const told = [...clients].slice(0, MOST_CLIENTS);
      if (told.length === 0 && strangers.size === 0) return undefined;
      const report = {
        clients: told.map(([clientId, seen]) => asReport(clientId, seen)),
        strangers: [...strangers].map(([address, packets]) => ({ address, packets })),
      };
      for (const [clientId] of told) clients.delete(clientId);
      strangers.clear();
      return report;
    },
  };
}

function asReport(clientId: string, { counts, afterMs, mostTries, isLearnt }: Seen): ClientReport {
  return {
    clientId,
    counts: Object.fromEntries(counts),
    ...(afterMs !== undefined && { retransmittedAfterMs: afterMs }),
    ...(mostTries > 0 && { mostTries }),
    ...(isLearnt && { learnt: true }),
  };
}
