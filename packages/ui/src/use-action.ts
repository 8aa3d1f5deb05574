import { useState } from 'react';

/**
 * Runs one thing at a time that takes a while and may go wrong.
 * @param problemOf what is said of it then; undefined where nothing needs saying.
 */
export function useAction(problemOf: (error: unknown) => string | undefined): {
  isBusy: boolean;
  problem: string | undefined;
  run: (work: () => Promise<void>) => void;
  setProblem: (problem: string | undefined) => void;
} {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  return {
    isBusy,
    problem,
    setProblem,
    run: (work) => {
      if (isBusy) return;
      setBusy(true);
      setProblem(undefined);
      work()
        .catch((error: unknown) => setProblem(problemOf(error)))
        .finally(() => setBusy(false));
    },
  };
}
