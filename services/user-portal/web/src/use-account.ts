import { useCallback, useEffect, useState } from 'react';
import type { Output } from './calls.ts';
import { useHouse } from './context.tsx';

/** Everything about oneself, read again when something was changed. */
export function useAccount(): {
  account: Output<'account'> | undefined;
  problem: string | undefined;
  reload: () => void;
} {
  const { request, problemOf } = useHouse();
  const [account, setAccount] = useState<Output<'account'>>();
  const [problem, setProblem] = useState<string>();
  const [round, setRound] = useState(0);
  useEffect(() => {
    let isHere = true;
    request('account', {})
      .then((read) => {
        if (!isHere) return;
        setAccount(read);
        setProblem(undefined);
      })
      .catch((error: unknown) => isHere && setProblem(problemOf(error)));
    return () => {
      isHere = false;
    };
    // What asks is made anew with every picture; the question is the same.
  }, [round]);
  return { account, problem, reload: useCallback(() => setRound((before) => before + 1), []) };
}
