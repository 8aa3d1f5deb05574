import { MfaError } from '@countersign/contracts';
import type { RecoveryFloor } from '../challenge/floor.ts';

/**
 * Whether the ledger still holds everything it once acknowledged. A stream that was lost or rolled back (a power cut before
 * the disk was written, a restored snapshot) would make spent codes good again; whoever notices raises the recovery floor.
 */
export interface Continuity {
  /** The highest sequence this replica knows to have been acknowledged to anybody. */
  highest(): number;
  /**
   * Takes note of an acknowledgement.
   * @param before what highest() was when the append was sent: the stream only grows, so a lower sequence means it lost some.
   * @throws MfaError UNAVAILABLE when it did: what was decided on a ledger that forgot is not told to anybody.
   */
  acknowledged(sequence: number, before: number): void;
  /** @throws MfaError UNAVAILABLE while it is not yet known whether the ledger lost anything. */
  assertProven(): void;
  floor(): RecoveryFloor;
  /** Takes note of what another replica, or a record of the ledger, says of the floor and of what was acknowledged. */
  hear(floor: RecoveryFloor, highest: number): void;
}

export class LedgerContinuity implements Continuity {
  #highest = 0;
  #proven = false;
  #floor: RecoveryFloor = { at: 0 };
  readonly #now: () => number;
  readonly #onLoss: (floor: RecoveryFloor) => void;

  /** @param onLoss told whenever this replica itself notices a loss, so that it can tell the others. */
  constructor(now: () => number, onLoss: (floor: RecoveryFloor) => void = () => {}) {
    this.#now = now;
    this.#onLoss = onLoss;
  }

  highest(): number {
    return this.#highest;
  }

  floor(): RecoveryFloor {
    return this.#floor;
  }

  acknowledged(sequence: number, before: number): void {
    if (sequence <= before) {
      this.lost();
      throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 1, reason: 'ledger went back' });
    }
    this.#highest = Math.max(this.#highest, sequence);
  }

  assertProven(): void {
    if (!this.#proven)
      throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 1, reason: 'ledger continuity unproven' });
  }

  isProven(): boolean {
    return this.#proven;
  }

  /** After a lost connection nothing is certain until check() has looked. */
  doubt(): void {
    this.#proven = false;
  }

  /**
   * Compares the stream with what is known of it.
   * @param lastSequence the stream's newest sequence now.
   * @param mark the highest sequence anybody else (another replica, the projection) has seen; undefined: somebody who may know
   * of more could not be asked.
   */
  check(lastSequence: number, mark: number | undefined): void {
    const known = Math.max(this.#highest, mark ?? 0);
    if (lastSequence < known || mark === undefined) this.lost();
    this.#highest = Math.max(lastSequence, 0);
    this.#proven = true;
  }

  /** Something was lost, at the latest now. Two losses are never told as one, even if the clock went back between them. */
  lost(): void {
    this.raise({ at: Math.max(this.#now(), this.#floor.at + 1) });
    this.#highest = 0;
    this.#onLoss(this.#floor);
  }

  /** What another replica says. A mark from before a loss that it has not noticed yet is no mark. */
  hear(floor: RecoveryFloor, highest: number): void {
    const newLoss = floor.at > this.#floor.at;
    const current = floor.at >= this.#floor.at;
    this.raise(floor);
    if (newLoss) this.#highest = 0;
    if (current) this.#highest = Math.max(this.#highest, highest);
  }

  /** The floor only rises. */
  raise(other: RecoveryFloor): void {
    if (other.at > this.#floor.at) this.#floor = { at: other.at };
  }
}
