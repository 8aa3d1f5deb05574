import type { ErrorCode } from '@countersign/contracts';
import { createSlots, type Slots } from '@countersign/http';
import type { MetricDefinition, Metrics } from '@countersign/telemetry';
import type { EdgeServer } from './server.ts';

/** Of the requests that an edge holds, for one client (R29). */
export const CLIENT_SHARE = 0.25;

export interface RequestPlacesOptions {
  metrics: Metrics;
  /** How the edge's own metrics of them are called. */
  measuredAs: {
    working: MetricDefinition<never>;
    waiting: MetricDefinition<never>;
    refused: MetricDefinition<'reason'>;
  };
  maxInFlight: number;
  maxWaiting: number;
  /** Of `maxInFlight`, for one client; CLIENT_SHARE unless given. */
  workingShare?: number;
  /** UNAVAILABLE unless given: 429 would tell a person that they tried too often. */
  whenWaitingShareTaken?: ErrorCode;
}

/** The places that requests take at an edge (R26). */
export interface RequestPlaces {
  /** For those that are worked on. */
  working: Slots;
  /** For those that wait until something happens. */
  waiting: Slots;
  /** Counts a request that is refused before any work. */
  countRefused: (reason: string) => void;
  requests: EdgeServer['requests'];
}

export function createRequestPlaces(options: RequestPlacesOptions): RequestPlaces {
  const { metrics, measuredAs, workingShare = CLIENT_SHARE, whenWaitingShareTaken = 'UNAVAILABLE' } = options;
  const refused = metrics.counter(measuredAs.refused);
  const countRefused = (reason: string): void => refused.inc({ reason });
  const working = createSlots({
    limit: options.maxInFlight,
    share: workingShare,
    whenShareTaken: 'UNAVAILABLE',
    onRefused: countRefused,
  });
  const waiting = createSlots({
    limit: options.maxWaiting,
    share: CLIENT_SHARE,
    whenShareTaken: whenWaitingShareTaken,
    onRefused: (reason) => countRefused(`${reason}, to wait`),
  });
  metrics.gauge(measuredAs.working, () => working.taken);
  metrics.gauge(measuredAs.waiting, () => waiting.taken);
  return { working, waiting, countRefused, requests: () => ({ working: working.taken, waiting: waiting.taken }) };
}
