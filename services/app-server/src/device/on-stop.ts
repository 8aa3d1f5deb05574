/** Whoever is to be told, by the signal that all of them share. */
const told = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `leave` when the signal is aborted, unless disposed of before. A listener of its own for each of thousands would be looked for among
 * all of them, each time one comes or goes.
 */
export function onStop(signal: AbortSignal, leave: () => void): Disposable {
  const leavers = told.get(signal) ?? begin(signal);
  leavers.add(leave);
  return { [Symbol.dispose]: () => void leavers.delete(leave) };
}

function begin(signal: AbortSignal): Set<() => void> {
  const leavers = new Set<() => void>();
  told.set(signal, leavers);
  signal.addEventListener('abort', () => {
    for (const leave of leavers) leave();
  });
  return leavers;
}
