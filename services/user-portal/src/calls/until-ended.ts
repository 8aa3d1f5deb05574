import type { ChallengeStateName } from '@countersign/contracts';

/** How long one request waits for a person: less than balancers and browsers bear. */
export const WAIT_SECONDS = 20;

interface Ended {
  state: ChallengeStateName;
}

/** Where a challenge stands, as it is answered; or `pending` when this portal is told to stop: the page asks another one. */
export async function untilEnded(draining: AbortSignal, wait: () => Promise<Ended>): Promise<Ended> {
  let onAbort = (): void => undefined;
  const stopped = new Promise<Ended>((resolve) => {
    onAbort = () => resolve({ state: 'pending' });
    if (draining.aborted) onAbort();
    else draining.addEventListener('abort', onAbort, { once: true });
  });
  const asked = wait();
  // What comes of it after the end is nobody's any more.
  asked.catch(() => undefined);
  try {
    const { state } = await Promise.race([asked, stopped]);
    return { state };
  } finally {
    draining.removeEventListener('abort', onAbort);
  }
}
