import { randomUUID } from 'node:crypto';
import { MfaError, type ErrorCode } from '@countersign/contracts';
import type { Logger } from '@countersign/telemetry';
import type { Report, Sightings } from './sightings.ts';

/** Tells app-server what was seen. */
export interface Reports {
  start(): void;
  /** Now, and not at the next turn. */
  hurry(): void;
  /** Tells once more what there is, and no more after it. */
  stop(): Promise<void>;
}

export interface ReportsOptions {
  sightings: Sightings;
  /** @throws MfaError */
  tell: (report: Report, attemptId: string) => Promise<void>;
  /** app-server has these clients as learnt. */
  onLearnt: (clientIds: string[]) => void;
  logger: Logger;
  everyMs: number;
}

/** What is answered so will not be taken tomorrow either; after all else, what was learnt (RAD-32) is told again. */
const NEVER_TAKEN: ReadonlySet<ErrorCode> = new Set(['REQUEST_INVALID', 'FORBIDDEN']);

/** What app-server could not take is kept and told again, as the same attempt, so that it counts once. */
export function createReports({ sightings, tell, onLearnt, logger, everyMs }: ReportsOptions): Reports {
  let untold: { report: Report; attemptId: string } | undefined;
  let telling: Promise<void> | undefined;
  let isHurried = false;
  let timer: NodeJS.Timeout | undefined;

  /** @returns whether there may be more to tell. */
  async function tellNext(): Promise<boolean> {
    if (untold === undefined) {
      const report = sightings.take();
      if (report === undefined) return false;
      untold = { report, attemptId: randomUUID() };
    }
    try {
      await tell(untold.report, untold.attemptId);
      onLearnt(untold.report.clients.filter(({ learnt }) => learnt === true).map(({ clientId }) => clientId));
    } catch (error) {
      const code = error instanceof MfaError ? error.code : 'INTERNAL';
      if (!NEVER_TAKEN.has(code)) {
        // That nobody is there, others say.
        if (code !== 'UNAVAILABLE') logger.warn('radius.report', { error, detail: 'It is told again.' });
        return false;
      }
      logger.error('radius.report', { error, detail: 'What was seen of RADIUS clients is lost.' });
    }
    untold = undefined;
    return true;
  }

  async function tellAll(): Promise<void> {
    do {
      isHurried = false;
      // One after the other, so that what is told twice is told as it was.
      while (await tellNext());
    } while (isHurried);
  }

  function begin(): Promise<void> {
    telling ??= tellAll().finally(() => {
      telling = undefined;
    });
    return telling;
  }

  return {
    start: () => {
      timer = setInterval(() => void begin(), everyMs);
    },
    hurry: () => {
      isHurried = true;
      void begin();
    },
    stop: async () => {
      clearInterval(timer);
      await begin();
    },
  };
}
