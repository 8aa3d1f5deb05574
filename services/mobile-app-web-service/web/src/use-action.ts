import { useState } from 'react';
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
        .catch((error: unknown) => setProblem(problemOf(error)))
        .finally(() => setBusy(false));
    },
  };
}
