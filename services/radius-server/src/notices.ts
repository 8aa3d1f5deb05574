import type { Logger } from '@countersign/telemetry';
import { createRate } from './rate.ts';

const ONCE_A_MINUTE = { burst: 1, everyMs: 60_000 };

/** Logs what may come a thousand times in a second once in a minute for each whom it is about. */
export interface Notices {
  /** @param about whom: an address or the id of a client */
  warn(event: string, about: string, fields: Parameters<Logger['warn']>[1]): void;
}

export function createNotices(logger: Logger, uptime: () => number): Notices {
  const rate = createRate(ONCE_A_MINUTE);
  return {
    warn: (event, about, fields) => {
      if (rate.take(`${event} ${about}`, uptime())) logger.warn(event, fields);
    },
  };
}
