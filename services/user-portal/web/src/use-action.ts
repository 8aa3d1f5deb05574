import { useState } from 'react';
import { Problem } from './calls.ts';
import { useHouse } from './context.tsx';

/** Runs one thing at a time that takes a while and may go wrong. */
export function useAction(): {
  isBusy: boolean;
  problem: string | undefined;
  run: (work: () => Promise<void>) => void;
  setProblem: (problem: string | undefined) => void;
} {
  const { problemOf } = useHouse();
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
        .catch((error: unknown) => setProblem(isTurnedBack(error) ? undefined : problemOf(error)))
        .finally(() => setBusy(false));
    },
  };
}

/** Whoever was asked for a second factor and would rather not knows that nothing came of it. */
function isTurnedBack(error: unknown): boolean {
  return error instanceof Problem && error.code === 'STEP_UP_NEEDED';
}
