import { corpus } from './corpus.ts';
import { mutate } from './mutate.ts';
import { checkInput, Proven, type Codec } from './properties.ts';
import { Random } from './random.ts';

/** The slowest input takes a few milliseconds. */
const MAX_MS = 100;

export interface Finding {
  /** A sentence. */
  what: string;
  /** Hexadecimal. */
  input: string;
}

/**
 * Gives changed packets to a codec until the time is over or something does not hold.
 * @param seed the same inputs in the same order for the same number
 * @param most inputs, if the time is not over before
 * @param onInput sees each input before the codec does: who watches from another thread knows what it hangs on
 */
export function fuzz(
  codec: Codec,
  {
    seed,
    milliseconds,
    most = Number.POSITIVE_INFINITY,
    onInput,
  }: { seed: number; milliseconds: number; most?: number; onInput?: (input: Buffer) => void },
): { inputs: number; finding?: Finding } {
  const seeds = corpus();
  const packets = seeds.map(({ octets }) => octets);
  const proven = new Proven(seeds);
  const random = new Random(seed);
  const endsAt = performance.now() + milliseconds;
  let inputs = 0;
  while (inputs < most && performance.now() < endsAt) {
    const of = seeds[inputs] ?? random.pick(seeds);
    // Each packet once as it is, so that what must hold of right ones is asked as well.
    const input = inputs < seeds.length ? of.octets : mutate(of.octets, random, packets);
    onInput?.(input);
    const check = () => checkInput(codec, input, of, proven, random);
    const what = whatBreaks(check);
    inputs += 1;
    if (what !== undefined) return { inputs, finding: { what, input: input.toString('hex') } };
  }
  return { inputs };
}

function whatBreaks(check: () => void): string | undefined {
  try {
    // A busy machine makes one run slow, not three.
    for (let tries = 3; tries > 0; tries -= 1) {
      const startedAt = performance.now();
      check();
      if (performance.now() - startedAt < MAX_MS) return undefined;
    }
    return `an input takes less than ${MAX_MS} ms`;
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}
