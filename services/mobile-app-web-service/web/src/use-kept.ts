import { useEffect, useState } from 'react';
import type { Kept, Store } from './store/store.ts';

/** What the phone keeps, read again whenever a window has changed something. */
export function useKept(store: Store): Kept | undefined {
  const [kept, setKept] = useState<Kept>();
  useEffect(() => {
    let isHere = true;
    // Of two readings under way the later one counts, whichever comes first.
    let rounds = 0;
    const read = () => {
      rounds += 1;
      const round = rounds;
      void store.read().then((now) => isHere && round === rounds && setKept(now));
    };
    const stop = store.onChange(read);
    read();
    return () => {
      isHere = false;
      stop();
    };
  }, [store]);
  return kept;
}
