import { useEffect, useState } from 'react';
import type { Phone } from './phone.ts';
import type { Kept } from './store/store.ts';
import { alone } from './watch/alone.ts';
import { watch } from './watch/watch.ts';

/**
 * Polls for every account while the page is seen; at once when it is seen again, or the network is back. Also for one that its server does not
 * know: once by mistake, or by somebody between, shall not silence it for ever.
 */
export function useWatch(phone: Phone, kept: Kept | undefined): void {
  const round = useSeen();
  const known = (kept?.accounts ?? []).map(({ deviceId }) => deviceId).join(' ');
  useEffect(() => {
    if (round === undefined || known === '') return undefined;
    const controller = new AbortController();
    const { signal } = controller;
    void alone(async () => {
      await Promise.all(known.split(' ').map((deviceId) => watch(phone, deviceId, signal)));
    }, signal);
    return () => controller.abort();
  }, [phone, known, round]);
}

/** Another number each time the page comes into sight or the network comes back; undefined while nobody sees it. */
function useSeen(): number | undefined {
  const [seen, setSeen] = useState<number>();
  useEffect(() => {
    let rounds = 0;
    const look = () => {
      rounds += 1;
      setSeen(document.visibilityState === 'visible' ? rounds : undefined);
    };
    look();
    document.addEventListener('visibilitychange', look);
    addEventListener('online', look);
    return () => {
      document.removeEventListener('visibilitychange', look);
      removeEventListener('online', look);
    };
  }, []);
  return seen;
}
