import { useEffect, useState } from 'react';
import type { Passkeys } from './passkeys.ts';

/** Whether this device has a lock that a page may ask for; no, until the browser has said so. */
export function useLock(passkeys: Passkeys): boolean {
  const [isThere, setThere] = useState(false);
  useEffect(() => {
    passkeys.isAvailable().then(setThere, () => setThere(false));
  }, [passkeys]);
  return isThere;
}
