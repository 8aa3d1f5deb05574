/** What one run did. */
export interface LoadOutcome {
  completed: number;
  failed: number;
  /** Why, with counts. */
  failures: Record<string, number>;
  seconds: number;
}

/**
 * Closed loop: so many callers, each beginning anew when it is done. Shows the throughput there is.
 * @param step one unit of work, given its number; a throw counts as a failure.
 */
export async function closedLoop(
  callers: number,
  seconds: number,
  step: (number: number) => Promise<void>,
): Promise<LoadOutcome> {
  const run = beginRun();
  const until = performance.now() + seconds * 1000;
  let number = 0;
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (performance.now() < until) await run.attempt(() => step(number++));
    }),
  );
  return run.end();
}

/**
 * Open loop: so many begin in each second whether or not the earlier ones are done, as people do. Shows the latency there is
 * at a rate; a server that falls behind is not spared.
 */
export async function arrivals(
  perSecond: number,
  seconds: number,
  step: (number: number) => Promise<void>,
): Promise<LoadOutcome> {
  const run = beginRun();
  const startedAt = performance.now();
  const underWay: Promise<void>[] = [];
  const total = Math.round(perSecond * seconds);
  while (underWay.length < total) {
    const due = Math.min(total, Math.floor(((performance.now() - startedAt) / 1000) * perSecond));
    while (underWay.length < due) {
      const number = underWay.length;
      underWay.push(run.attempt(() => step(number)));
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await Promise.all(underWay);
  return run.end();
}

function beginRun() {
  const startedAt = performance.now();
  const failures: Record<string, number> = {};
  let completed = 0;
  let failed = 0;
  return {
    attempt: async (work: () => Promise<void>): Promise<void> => {
      try {
        await work();
        completed++;
      } catch (error) {
        failed++;
        const reason = error instanceof Error ? error.message : String(error);
        failures[reason] = (failures[reason] ?? 0) + 1;
      }
    },
    end: (): LoadOutcome => ({ completed, failed, failures, seconds: (performance.now() - startedAt) / 1000 }),
  };
}
