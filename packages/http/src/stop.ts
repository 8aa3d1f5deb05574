import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@countersign/telemetry';

/** What is brought to an end together. The names stand in the log when it does not end in time. */
export interface StopStep {
  withinMs: number;
  parts: Record<string, () => Promise<unknown>>;
}

export interface StopOptions {
  /** Of the process, in the names of events: `gateway.stopping`. */
  name: string;
  logger: Logger;
  /** In this order, each whether or not the one before came to its end. */
  steps: readonly StopStep[];
  exit: (code: number) => void;
}

/** A process is gone so long after it was told to stop, whatever hangs. Operators and systemd wait 10 s and a little. */
const LONGEST_STOP_MS = 9500;

/**
 * Stops in order when it is told to: exit code 0, or 1 when something did not end in its time, and then the log says what.
 * Told a second time it exits at once.
 */
export function stopOnSignal(options: StopOptions): void {
  let isStopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (isStopping) return options.exit(1);
      isStopping = true;
      // Should the log itself hang, nothing is left to say.
      setTimeout(() => options.exit(1), LONGEST_STOP_MS);
      void stop(signal, options);
    });
  }
}

export async function stop(signal: string, { name, logger, steps, exit }: StopOptions): Promise<void> {
  logger.info(`${name}.stopping`, { signal });
  const hanging: string[] = [];
  for (const step of steps) hanging.push(...(await endStep(step, logger, name)));
  if (hanging.length > 0) {
    logger.error(`${name}.unstopped`, {
      reason: hanging.join(', '),
      detail: 'It did not end in its time and was left behind.',
    });
  }
  await logger.flush();
  exit(hanging.length > 0 ? 1 : 0);
}

/** @returns the names of the parts that did not end. One that fails has ended. */
async function endStep({ withinMs, parts }: StopStep, logger: Logger, name: string): Promise<string[]> {
  const hanging = new Set(Object.keys(parts));
  const timeIsUp = new AbortController();
  const ended = Object.entries(parts).map(async ([part, end]) => {
    await end().catch((error: unknown) => logger.warn(`${name}.stop`, { reason: part, error }));
    hanging.delete(part);
  });
  await Promise.race([
    Promise.all(ended),
    sleep(withinMs, undefined, { signal: timeIsUp.signal }).catch(() => undefined),
  ]);
  timeIsUp.abort();
  return [...hanging];
}
