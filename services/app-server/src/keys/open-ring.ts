import type { Router } from '../database/router.ts';
import { StartRefused } from '../start-refused.ts';
import { checkCanary } from './canary.ts';
import { loadKeyRing, SealBroken, type KeyRing } from './ring.ts';
import { adoptKeyRoot } from './root.ts';

/** @throws StartRefused when the text is no key ring. */
export function readRing(text: string): KeyRing {
  try {
    return loadKeyRing(text);
  } catch (error) {
    const problem = error instanceof Error ? error.message : 'It cannot be read.';
    throw new StartRefused(`COUNTERSIGN_KEY_RING is no key ring. ${problem}`);
  }
}

/**
 * Makes a ring one of this installation (R30): it opens what every other replica sealed.
 * @throws StartRefused when it does not; MfaError when Postgres does not answer.
 */
export async function openRing(router: Router, ring: KeyRing, now: () => number): Promise<void> {
  try {
    await adoptKeyRoot(router, ring, now);
    await checkCanary(router, ring, now);
  } catch (error) {
    if (!(error instanceof SealBroken)) throw error;
    throw new StartRefused(
      `COUNTERSIGN_KEY_RING is not that of this installation: ${error.message}. Give every app-server the same ring, with all keys ` +
        'in it; a new key is put behind the old ones everywhere before it is put first anywhere.',
      { cause: error },
    );
  }
}
