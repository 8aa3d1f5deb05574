import { setTimeout as sleep } from 'node:timers/promises';
import type { Router } from '../database/router.ts';
import { StartRefused } from '../start-refused.ts';
import { openRing } from './open-ring.ts';
import type { KeyRing } from './ring.ts';

const LOOK_EVERY_MS = 3000;

/**
 * Whether the ring is that of this installation (R30), from memory: looked at again every few seconds, since another app-server may be
 * given a new key at any time, and so that neither a login nor a balancer waits for it.
 */
export class RingWatch {
  readonly #router: Router;
  readonly #ring: KeyRing;
  readonly #now: () => number;
  /** Told when the ring is found to be wrong, and of each look that found nothing out: what was known stays known then. */
  readonly #onProblem: (error: unknown) => void;
  #refusal: StartRefused | undefined;
  #stopped = false;

  constructor(deps: { router: Router; ring: KeyRing; now: () => number; onProblem: (error: unknown) => void }) {
    this.#router = deps.router;
    this.#ring = deps.ring;
    this.#now = deps.now;
    this.#onProblem = deps.onProblem;
  }

  /** Looks once, then keeps looking. @throws StartRefused; MfaError when no Postgres node answers the first time. */
  async start(): Promise<void> {
    await this.#look();
    this.assertOpens();
    void this.#keepLooking();
  }

  stop(): void {
    this.#stopped = true;
  }

  /** @throws StartRefused when the last look found that others seal what this ring does not open. */
  assertOpens(): void {
    if (this.#refusal !== undefined) throw this.#refusal;
  }

  async #look(): Promise<void> {
    try {
      await openRing(this.#router, this.#ring, this.#now);
      this.#refusal = undefined;
    } catch (error) {
      if (!(error instanceof StartRefused)) throw error;
      if (this.#refusal === undefined) this.#onProblem(error);
      this.#refusal = error;
    }
  }

  async #keepLooking(): Promise<void> {
    while (!this.#stopped) {
      await sleep(LOOK_EVERY_MS, undefined, { ref: false });
      if (this.#stopped) return;
      await this.#look().catch(this.#onProblem);
    }
  }
}
