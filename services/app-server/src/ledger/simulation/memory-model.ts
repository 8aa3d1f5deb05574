import type { Memory, Remembered } from '../watch.ts';
import type { AppServer } from './app-server.ts';
import type { SeededRandom } from './random.ts';

/** How often a change happens although whoever asked for it is told that it did not. */
const ANSWER_LOST = 0.05;

/** The row in Postgres, whose primary is away at times. It is never rolled back: a standby confirms each change (ADR 7). */
export class MemoryModel {
  isPrimaryAway = false;
  #row: (Remembered & { by: string }) | undefined;
  readonly #random: SeededRandom;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  of(server: AppServer): Memory {
    const change = async (apply: () => void) => {
      await server.sleep(this.#random.between(1, 20));
      if (this.isPrimaryAway) throw new Error('no primary');
      apply();
      await server.sleep(this.#random.between(1, 20));
      if (this.#random.chance(ANSWER_LOST)) throw new Error('answer lost');
    };
    return {
      recall: async () => {
        await server.sleep(this.#random.between(1, 20));
        return this.#row && { ...this.#row, ...(this.isPrimaryAway && { closedAt: undefined }) };
      },
      keep: (standing, by) =>
        change(() => {
          const at = Math.max(standing.floor.at, this.#row?.floor.at ?? 0);
          this.#row = { ...standing, floor: { at }, by, closedAt: undefined };
        }),
      close: (lastSequence, left) =>
        change(() => {
          if (this.#row !== undefined && left.includes(this.#row.by)) this.#row.closedAt = lastSequence;
        }),
    };
  }
}
