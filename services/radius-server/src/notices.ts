import type { Logger } from '@countersign/telemetry';
import { createRate, type Rate } from './rate.ts';

const ONCE_A_MINUTE = { burst: 1, everyMs: 60_000 };

/** Logs what may come a thousand times in a second once in a minute for each whom it is about. */
export interface Notices {
  /** @param about whom: an address or the id of a client */
  warn(event: string, about: string, fields: Parameters<Logger['warn']>[1]): void;
}

/** Each event by itself: whoever makes up addresses hides no other. */
export function createNotices(logger: Logger, uptime: () => number): Notices {
  const rates = new Map<string, Rate>();
  return {
    warn: (event, about, fields) => {
      const rate = rates.get(event) ?? createRate(ONCE_A_MINUTE);
      rates.set(event, rate);
      if (rate.take(about, uptime())) logger.warn(event, fields);
    },
  };
}
