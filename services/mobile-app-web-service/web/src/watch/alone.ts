const LOCK = 'countersign-watch';

/** Of all windows of the app one works at a time; the next takes over where it ends. */
export async function alone(work: () => Promise<void>, signal: AbortSignal): Promise<void> {
  if (!('locks' in navigator)) return work();
  return navigator.locks.request(LOCK, { signal }, work).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
