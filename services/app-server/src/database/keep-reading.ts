import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Calls `refresh` again and again, a pause after each, for what is served from memory. A read that fails is told to `onProblem` and
 * leaves what is in memory as it is.
 * @returns what ends it.
 */
export function keepReading(
  refresh: () => Promise<void>,
  { pauseMs, onProblem }: { pauseMs: number; onProblem: (error: unknown) => void },
): () => void {
  const stopping = new AbortController();
  const run = async () => {
    while (!stopping.signal.aborted) {
      await sleep(pauseMs, undefined, { ref: false });
      if (!stopping.signal.aborted) await refresh().catch(onProblem);
    }
  };
  void run();
  return () => stopping.abort();
}
