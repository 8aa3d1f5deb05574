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
  isProven(): boolean;
  floor(): RecoveryFloor;
  /** Takes note of what another replica, or a record of the ledger, says of the floor and of what was acknowledged. */
  hear(floor: RecoveryFloor, highest: number): void;
}

/** Why the floor was raised: the stream was seen to lack something, or nobody was left who could have told. */
export type LossReason = 'seen' | 'assumed';

export interface ContinuityDependencies {
  now: () => number;
  /** Ms that never go back. */
  uptime: () => number;
  /** Told whenever this replica itself raises the floor, so that it can tell the others. */
  onLoss: (reason: LossReason) => void;
}

export class LedgerContinuity implements Continuity {
  #highest = 0;
  /** By uptime; a process that was stopped for a while must look again first. */
  #provenUntil = -Infinity;
  #floor: RecoveryFloor = { at: 0 };
  readonly #deps: ContinuityDependencies;

  constructor(deps: ContinuityDependencies) {
    this.#deps = deps;
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
    if (!this.isProven())
      throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 1, reason: 'ledger continuity unproven' });
  }

  isProven(): boolean {
    return this.#deps.uptime() < this.#provenUntil;
  }

  /** After a lost connection nothing is certain until check() has looked. */
  doubt(): void {
    this.#provenUntil = -Infinity;
  }

  /** What is proven holds longer. What was proven and has run out is to be proven again. */
  extend(until: number): void {
    if (this.isProven()) this.#provenUntil = Math.max(this.#provenUntil, until);
  }

  /**
   * Compares the stream with what is known of it.
   * @param lastSequence the stream's newest sequence now.
   * @param mark the highest sequence that is known besides what was heard; undefined: somebody who may know of more could not
   * be asked.
   * @param until by uptime; until then what was seen of the stream stands for its continuity.
   */
  check(lastSequence: number, mark: number | undefined, until: number): void {
    if (lastSequence < Math.max(this.#highest, mark ?? 0)) this.lost();
    else if (mark === undefined) this.lost('assumed');
    this.#highest = lastSequence;
    this.#provenUntil = until;
  }

  /** Something was lost, at the latest now. Two losses are never told as one, even if the clock went back between them. */
  lost(reason: LossReason = 'seen'): void {
    this.raise({ at: Math.max(this.#deps.now(), this.#floor.at + 1) });
    this.#highest = 0;
    this.#deps.onLoss(reason);
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
