import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Finding, fuzz } from './fuzz.ts';

/** An input takes well under a millisecond; a thread that gets no processor for so long is rarer than a loop. */
const STUCK_MS = 5000;
const LOOK_MS = 500;
/** How many inputs there were, how long the last one is, and then its octets. */
const HEADER_OCTETS = 8;
const SHOWN_OCTETS = HEADER_OCTETS + 5000;

export interface Watched {
  seed: number;
  milliseconds: number;
  shown: SharedArrayBuffer;
}

export function showInput(shown: SharedArrayBuffer, input: Buffer): void {
  const numbers = new Int32Array(shown, 0, 2);
  input.copy(Buffer.from(shown), HEADER_OCTETS);
  numbers[1] = input.length;
  Atomics.add(numbers, 0, 1);
}

/**
 * Fuzzes in a thread, and takes one that stands still for five seconds for a finding: an endless loop cannot say so itself.
 * @param thread posts what fuzz returns
 */
export async function fuzzWatched(
  { seed, milliseconds }: Omit<Watched, 'shown'>,
  { thread = new URL('fuzz-thread.ts', import.meta.url), stuckMs = STUCK_MS } = {},
): Promise<{ inputs: number; finding?: Finding }> {
  const shown = new SharedArrayBuffer(SHOWN_OCTETS);
  const numbers = new Int32Array(shown, 0, 2);
  const worker = new Worker(thread, {
    workerData: { seed, milliseconds, shown } satisfies Watched,
    execArgv: ['--conditions=source'],
  });
  const stuck = Promise.withResolvers<{ inputs: number; finding: Finding }>();
  let [seen, stillMs] = [0, 0];
  const look = setInterval(() => {
    const inputs = Atomics.load(numbers, 0);
    stillMs = inputs === seen ? stillMs + LOOK_MS : 0;
    seen = inputs;
    // Before the first input it is still starting.
    if (inputs === 0 || stillMs < stuckMs) return;
    const octets = Buffer.from(shown).subarray(HEADER_OCTETS, HEADER_OCTETS + Atomics.load(numbers, 1));
    stuck.resolve({ inputs, finding: { what: 'an input comes to an end', input: octets.toString('hex') } });
  }, LOOK_MS);
  try {
    const ended = once(worker, 'message').then(([result]) => result as ReturnType<typeof fuzz>);
    return await Promise.race([ended, stuck.promise]);
  } finally {
    clearInterval(look);
    await worker.terminate();
  }
}
