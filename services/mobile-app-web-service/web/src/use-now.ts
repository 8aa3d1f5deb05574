import { useEffect, useState } from 'react';
import { useHouse } from './context.tsx';

/** What time it is at the server, told anew with every second. */
export function useNow(): number {
  const { phone, kept } = useHouse();
  const { nowMs } = phone.outside;
  const { clockOffsetMs } = kept;
  const [now, setNow] = useState(() => nowMs() + clockOffsetMs);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    const tick = () => {
      const current = nowMs() + clockOffsetMs;
      setNow(current);
      timer = setTimeout(tick, 1000 - (current % 1000));
    };
    tick();
    return () => clearTimeout(timer);
  }, [nowMs, clockOffsetMs]);
  return now;
}
