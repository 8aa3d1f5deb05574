import type { Router } from '../database/router.ts';
import { bounded } from '../user/login-users.ts';
import { readByThumbprint, type Device } from './store.ts';

/**
 * How long a device is believed without a look, for a poll: two of its polls. What must bite at once, that it was removed, is in the ledger.
 */
const BELIEVED_MS = 60_000;
/** The same while no node of Postgres answers. */
const REMEMBERED_MS = 15 * 60_000;

/** A key that no node knew is not looked for again so soon. */
const UNKNOWN_MS = 5000;
const REFUSAL_EVERY_MS = 60_000;

/** Reads devices by their keys: every poll asks, and thousands of phones poll. */
export class Devices {
  readonly #router: Router;
  readonly #now: () => number;
  readonly #seen = new Map<string, { device: Device; at: number }>();
  /** Keys that nobody has, and when that was found. */
  readonly #unknown = new Map<string, number>();
  readonly #refused = new Map<string, number>();

  constructor(router: Router, now: () => number) {
    this.#router = router;
    this.#now = now;
  }

  /**
   * Whether a refusal of this device is worth a row in the audit: of a kind one a minute, at this replica. Anybody who knows the name of a
   * key can be refused, and nothing that strangers send may fill a disk.
   */
  isNews(deviceId: string, reason: string): boolean {
    const name = `${deviceId} ${reason}`;
    const at = this.#refused.get(name);
    if (at !== undefined && this.#now() - at < REFUSAL_EVERY_MS) return false;
    bounded(this.#refused, name, this.#now());
    return true;
  }

  /**
   * @param options.fresh whatever is remembered, unless no node answers: a key that was changed a moment ago counts no more.
   * @throws MfaError UNAVAILABLE when no node answers and the device was not seen lately.
   */
  async byThumbprint(keyThumbprint: string, options: { fresh?: boolean } = {}): Promise<Device | undefined> {
    const seen = this.#seen.get(keyThumbprint);
    if (options.fresh !== true && seen !== undefined && this.#now() - seen.at < BELIEVED_MS) return seen.device;
    const unknownAt = this.#unknown.get(keyThumbprint);
    if (unknownAt !== undefined && this.#now() - unknownAt < UNKNOWN_MS) return undefined;
    try {
      const device = await this.#read(keyThumbprint, seen !== undefined);
      if (device === undefined) {
        this.#seen.delete(keyThumbprint);
        bounded(this.#unknown, keyThumbprint, this.#now());
      }
      if (device !== undefined) bounded(this.#seen, keyThumbprint, { device, at: this.#now() });
      return device;
    } catch (unanswered) {
      if (seen === undefined || this.#now() - seen.at > REMEMBERED_MS) throw unanswered;
      return seen.device;
    }
  }

  /** One that no node of those that lag has heard of may have been activated a moment ago. */
  async #read(keyThumbprint: string, isKnown: boolean): Promise<Device | undefined> {
    const device = await readByThumbprint(this.#router, keyThumbprint, { lane: 'verify' });
    if (device !== undefined || isKnown) return device;
    // Strangers can ask for this: it waits behind logins. That the primary does not answer is no word on the device.
    return readByThumbprint(this.#router, keyThumbprint, { from: 'primary' });
  }
}
