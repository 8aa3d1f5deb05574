import { createPublicKey, type KeyObject } from 'node:crypto';
import type { Router } from '../database/router.ts';
import { bounded } from '../user/login-users.ts';
import type { ChangedKeys } from './changed-keys.ts';
import { readByThumbprint, type Device } from './store.ts';

/** One that was read, and its key as signatures are held against it. */
export interface KnownDevice extends Device {
  verifyingKey: KeyObject;
}

/**
 * How long a device is believed without a look, for a poll. What must bite at once, that it was removed, is in the ledger; that its key was
 * changed the replica that did it tells the others, and this bounds what becomes of a message that was lost.
 */
const BELIEVED_MS = 10 * 60_000;
/** The same while no node of Postgres answers. */
const REMEMBERED_MS = 15 * 60_000;
/** Phones of which one replica knows the keys, about 2 KB each. */
const MOST_KNOWN = 50_000;
/** So long after a phone got a passkey a standby may not have heard of it: whoever wants to know asks the primary. */
const SHOWN_MS = 30_000;
/** A key that no node knew is not looked for again so soon. */
const UNKNOWN_MS = 5000;
const REFUSAL_EVERY_MS = 60_000;

/** Reads devices by their keys: every poll asks, and thousands of phones poll. */
export class Devices {
  readonly #router: Router;
  readonly #now: () => number;
  readonly #changes: ChangedKeys;
  readonly #seen = new Map<string, { device: KnownDevice; at: number }>();
  /** What was read before may have changed without a word to us. */
  #believedSince = -Infinity;
  /** Keys that count no more, and since when: a read that was under way then, or a standby that lags, must not bring one back. */
  readonly #changed = new Map<string, number>();
  /** Keys whose phone got a passkey, or lost it, and when. */
  readonly #passkeyChanged = new Map<string, number>();
  /** Keys that nobody has, and when that was found. */
  readonly #unknown = new Map<string, number>();
  readonly #refused = new Map<string, number>();

  constructor(router: Router, now: () => number, changes: ChangedKeys) {
    this.#router = router;
    this.#now = now;
    this.#changes = changes;
    changes.hear(
      {
        over: (keyThumbprint) => this.#forget(keyThumbprint),
        passkey: (keyThumbprint) => this.#lookAgain(keyThumbprint),
      },
      () => (this.#believedSince = this.#now()),
    );
  }

  /** To be called when a key was changed: from here on it counts nowhere. */
  forget(keyThumbprint: string): void {
    this.#forget(keyThumbprint);
    this.#changes.tell('over', keyThumbprint);
  }

  /**
   * To be called when the phone of a key got a passkey, or has none any more: otherwise whoever has got the key, and finds no node that
   * answers, or one that lags, would approve as before.
   */
  lookAgain(keyThumbprint: string): void {
    this.#lookAgain(keyThumbprint);
    this.#changes.tell('passkey', keyThumbprint);
  }

  #forget(keyThumbprint: string): void {
    this.#seen.delete(keyThumbprint);
    bounded(this.#changed, keyThumbprint, this.#now());
  }

  #lookAgain(keyThumbprint: string): void {
    this.#seen.delete(keyThumbprint);
    bounded(this.#passkeyChanged, keyThumbprint, this.#now());
  }

  #hasNewPasskey(keyThumbprint: string): boolean {
    return this.#now() - (this.#passkeyChanged.get(keyThumbprint) ?? -Infinity) < SHOWN_MS;
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
   * @param options.fresh read from Postgres although it is remembered; what is remembered counts only where no node answers.
   * @throws MfaError UNAVAILABLE when no node answers and the device was not seen lately, or not since its passkey was changed.
   */
  async byThumbprint(keyThumbprint: string, options: { fresh?: boolean } = {}): Promise<KnownDevice | undefined> {
    const { fresh = false } = options;
    const seen = this.#seen.get(keyThumbprint);
    const believedSince = Math.max(this.#believedSince, this.#now() - BELIEVED_MS);
    if (!fresh && seen !== undefined && seen.at > believedSince) return seen.device;
    const unknownAt = this.#unknown.get(keyThumbprint);
    if (unknownAt !== undefined && this.#now() - unknownAt < UNKNOWN_MS) return undefined;
    try {
      const at = this.#now();
      const isOnPrimary = fresh && this.#hasNewPasskey(keyThumbprint);
      const device = withKey(await this.#read(keyThumbprint, { isKnown: seen !== undefined, fresh, isOnPrimary }));
      if (device === undefined) {
        this.#seen.delete(keyThumbprint);
        bounded(this.#unknown, keyThumbprint, this.#now());
      }
      if (device !== undefined && !this.#changed.has(keyThumbprint) && !this.#hasNewPasskey(keyThumbprint)) {
        bounded(this.#seen, keyThumbprint, { device, at }, MOST_KNOWN);
      }
      return device;
    } catch (unanswered) {
      // A node did answer, and what it has of this phone cannot be read here (`passkeyOf`).
      if (unanswered instanceof TypeError) throw unanswered;
      // It may have been forgotten meanwhile.
      const remembered = this.#seen.get(keyThumbprint);
      if (remembered === undefined || this.#now() - remembered.at > REMEMBERED_MS) throw unanswered;
      return remembered.device;
    }
  }

  /**
   * One that no node of those that lag has heard of may have been activated a moment ago. Who polls waits in the line of logins that begin: when
   * thousands come to a replica that knows none of them, they must not take every connection before those.
   */
  async #read(
    keyThumbprint: string,
    { isKnown, fresh, isOnPrimary }: { isKnown: boolean; fresh: boolean; isOnPrimary: boolean },
  ): Promise<Device | undefined> {
    if (isOnPrimary) return readByThumbprint(this.#router, keyThumbprint, { from: 'primary', lane: 'verify' });
    const device = await readByThumbprint(this.#router, keyThumbprint, { lane: fresh ? 'verify' : 'login' });
    if (device !== undefined || isKnown) return device;
    // Strangers can ask for this: it waits behind logins. That the primary does not answer is no word on the device.
    return readByThumbprint(this.#router, keyThumbprint, { from: 'primary' });
  }
}

/** Undefined also for a key that is no point on the curve: nobody can sign with it. */
function withKey(device: Device | undefined): KnownDevice | undefined {
  if (device === undefined) return undefined;
  try {
    return { ...device, verifyingKey: createPublicKey({ key: { ...device.publicKey }, format: 'jwk' }) };
  } catch {
    return undefined;
  }
}
