import { setTimeout as sleep } from 'node:timers/promises';
import type { Kysely } from 'kysely';
import type { Router } from '../database/router.ts';
import type { Schema } from '../database/schema.ts';
import { assertFits, FIRST_RELEASE } from './release.ts';

const REFRESH_MS = 3000;

/**
 * The release that the installation is settled on, from memory: read again every few seconds, so that no login waits for it. It only
 * rises, by `cluster.finalize`. One who has not yet heard of that writes the forms before, which everybody reads.
 */
export class SettledRelease {
  readonly #router: Router;
  /** Told of each failed look, and that this build does not fit any more for as long as that lasts. */
  readonly #onProblem: (error: unknown) => void;
  #number = FIRST_RELEASE;
  #stopped = false;

  constructor(router: Router, onProblem: (error: unknown) => void) {
    this.#router = router;
    this.#onProblem = onProblem;
  }

  /** Reads once, then keeps reading. @throws WrongRelease; MfaError UNAVAILABLE when no node answers the first time. */
  async start(): Promise<void> {
    await this.refresh('primary').catch(() => this.refresh());
    this.assertFits();
    void this.#keepReading();
  }

  stop(): void {
    this.#stopped = true;
  }

  get number(): number {
    return this.#number;
  }

  /** What others write tells as much as Postgres does. */
  hear(release: number): void {
    // A standby that is behind may show an earlier one.
    this.#number = Math.max(this.#number, release);
  }

  /** @throws WrongRelease once the others went on without this build. */
  assertFits(): void {
    assertFits(this.#number);
  }

  async refresh(from?: 'primary'): Promise<void> {
    this.hear(await this.#router.read(settledIn, from === undefined ? {} : { from }));
  }

  async #keepReading(): Promise<void> {
    while (!this.#stopped) {
      await sleep(REFRESH_MS, undefined, { ref: false });
      if (this.#stopped) return;
      await this.refresh()
        .then(() => this.assertFits())
        .catch(this.#onProblem);
    }
  }
}

async function settledIn(db: Kysely<Schema>): Promise<number> {
  const row = await db.selectFrom('ledger_layout').select('release').executeTakeFirst();
  return row?.release ?? FIRST_RELEASE;
}
