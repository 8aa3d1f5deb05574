import { randomUUID } from 'node:crypto';
import { call, type Bus } from '@countersign/bus';
import { keysJwks, type OutputOf } from '@countersign/contracts';

export type Jwks = OutputOf<typeof keysJwks>;

/** A new key signs only after its lead time (an hour unless given), so this much delay loses nobody. */
const FRESH_MS = 30_000;
/** Public keys do not become wrong when nobody can be asked; callers go on verifying what they have. */
const STALE_MS = 3_600_000;
const DEADLINE_MS = 5000;

/**
 * The public keys, asked for at most every 30 seconds and once at a time, since anybody may ask and nobody is known.
 * @throws MfaError when nobody answers and what was heard last is older than an hour.
 */
export function createJwks(bus: Bus, now: () => number): () => Promise<Jwks> {
  let last: { jwks: Jwks; at: number } | undefined;
  let asking: Promise<Jwks> | undefined;

  async function ask(): Promise<Jwks> {
    try {
      const { output } = await call(bus, keysJwks, {}, { attemptId: randomUUID(), deadlineMs: DEADLINE_MS });
      last = { jwks: output, at: now() };
      return output;
    } catch (error) {
      if (last !== undefined && now() - last.at < STALE_MS) return last.jwks;
      throw error;
    } finally {
      asking = undefined;
    }
  }

  return () => {
    if (last !== undefined && now() - last.at < FRESH_MS) return Promise.resolve(last.jwks);
    return (asking ??= ask());
  };
}
