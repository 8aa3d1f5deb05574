import { setTimeout as sleep } from 'node:timers/promises';
import type { Credential } from '@countersign/bus';
import { MfaError } from '@countersign/contracts';
import type { Router } from '../database/router.ts';
import type { Application } from './authorise.ts';
import { isSecretOf } from './credentials.ts';
import { readApplications, type StoredApplication, type StoredKey } from './store.ts';

/** A revoked key works at most this much longer on other replicas. */
const REFRESH_MS = 2000;
/** While Postgres is wholly away, what was read last counts for this long. */
const STALE_AFTER_MS = 15 * 60_000;
/** A key made a moment ago on another replica is looked for at once; however many wrong ones come, this far apart at least. */
const LOOK_AGAIN_MS = 100;

/** So many calls with unknown keys may wait for a further read; the others are told at once to come again, and hold no place. */
const MAX_WAITING = 256;

/** The applications and their credentials, from memory, read again every few seconds. */
export class Applications {
  readonly #router: Router;
  readonly #now: () => number;
  readonly #onProblem: (error: unknown) => void;
  #readAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;
  #readingAgain: Promise<void> | undefined;
  #keys = new Map<string, { application: StoredApplication; key: StoredKey }>();
  #certificates = new Map<string, StoredApplication>();
  #all: StoredApplication[] = [];
  #stopped = false;
  /** Calls that wait for a further read. */
  #waiting = 0;

  constructor(router: Router, now: () => number, onProblem: (error: unknown) => void) {
    this.#router = router;
    this.#now = now;
    this.#onProblem = onProblem;
  }

  async start(): Promise<void> {
    await this.refresh();
    void this.#keepReading();
  }

  stop(): void {
    this.#stopped = true;
  }

  all(): readonly StoredApplication[] {
    return this.#all;
  }

  /** @throws MfaError UNAUTHENTICATED; UNAVAILABLE when what is known of applications is too old to trust. */
  async authenticate(credential: Credential | undefined): Promise<Application> {
    if (credential === undefined) throw new MfaError('UNAUTHENTICATED');
    let found = this.#find(credential);
    if (found === undefined && !this.#knows(credential)) {
      if (this.#waiting >= MAX_WAITING)
        throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 1, reason: 'keys unread' });
      this.#waiting += 1;
      await this.#readAgain().catch(this.#onProblem);
      this.#waiting -= 1;
      found = this.#find(credential);
    }
    if (this.#now() - this.#readAt > STALE_AFTER_MS) throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 5 });
    if (found === undefined) throw new MfaError('UNAUTHENTICATED');
    return found;
  }

  refresh(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  /**
   * A read that begins after this call, shared by all who wait for it. Joining one that is under way would not do: the key may
   * have been made after it began, and its owner may use it on any replica from the answer on.
   */
  #readAgain(): Promise<void> {
    this.#readingAgain ??= (async () => {
      await this.#reading?.catch(() => undefined);
      const sinceMs = this.#now() - this.#readAt;
      if (sinceMs < LOOK_AGAIN_MS) await sleep(LOOK_AGAIN_MS - Math.max(0, sinceMs));
      this.#readingAgain = undefined;
      await this.refresh();
    })();
    return this.#readingAgain;
  }

  /** Secrets do not change and keys that ended do not come back, so a key that is known and refused is not looked for again. */
  #knows(credential: Credential): boolean {
    return credential.type === 'certificate'
      ? this.#certificates.has(credential.fingerprint)
      : this.#keys.has(credential.keyId);
  }

  #find(credential: Credential): Application | undefined {
    if (credential.type === 'certificate') {
      // The edge vouches for a certificate, and an edge is not trusted with administration.
      const application = this.#certificates.get(credential.fingerprint);
      return application?.scopes.includes('admin') === true ? undefined : application;
    }
    const entry = this.#keys.get(credential.keyId);
    if (entry === undefined || !isSecretOf(credential.digest, entry.key.secretHash)) return undefined;
    const { expiresAt } = entry.key;
    return expiresAt !== undefined && expiresAt <= this.#now() ? undefined : entry.application;
  }

  async #read(): Promise<void> {
    const all = await readApplications(this.#router);
    this.#all = all;
    this.#keys = new Map(
      all.flatMap((application) => application.keys.map((key) => [key.keyId, { application, key }] as const)),
    );
    this.#certificates = new Map(
      all.flatMap((application) => application.certificates.map((fingerprint) => [fingerprint, application] as const)),
    );
    this.#readAt = this.#now();
  }

  async #keepReading(): Promise<void> {
    while (!this.#stopped) {
      await sleep(REFRESH_MS, undefined, { ref: false });
      if (!this.#stopped) await this.refresh().catch(this.#onProblem);
    }
  }
}
