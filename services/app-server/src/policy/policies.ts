import { setTimeout as sleep } from 'node:timers/promises';
import type { Policy, PolicyDocument } from '@countersign/contracts';
import type { Router } from '../database/router.ts';
import { effectivePolicy, type StoredPolicy } from './effective.ts';
import { latestPolicies, type PolicyRow } from './store.ts';

const REFRESH_MS = 3000;

/**
 * The policies in force, from memory: read again every few seconds, and kept while Postgres is away, so that a login never
 * waits for it.
 */
export class Policies {
  readonly #router: Router;
  readonly #onProblem: (error: unknown) => void;
  #rows = new Map<string, PolicyRow>();
  #effective = new Map<string, Policy>();
  #stopped = false;

  constructor(router: Router, onProblem: (error: unknown) => void) {
    this.#router = router;
    this.#onProblem = onProblem;
  }

  /** Reads once, then keeps reading. @throws MfaError UNAVAILABLE when no node answers the first time. */
  async start(): Promise<void> {
    await this.refresh();
    void this.#keepReading();
  }

  stop(): void {
    this.#stopped = true;
  }

  effective(applicationId: string): Policy {
    let policy = this.#effective.get(applicationId);
    if (policy === undefined) {
      policy = effectivePolicy(this.layers(applicationId));
      // Applications that exist are few; anything else is not asked for.
      this.#effective.set(applicationId, policy);
    }
    return policy;
  }

  /** What holds where no application says otherwise. */
  global(): Policy {
    return this.effective('');
  }

  /** Whether a PIN is asked for by anybody: everywhere, or by one application. */
  wantPin(): boolean {
    return this.#somewhere(({ pin }) => pin.methods.length > 0);
  }

  /** Whether somebody wants to know of which make a security key is: everywhere, or one application. */
  wantMakes(): boolean {
    return this.#somewhere(({ passkeys }) => passkeys.attestation !== 'none');
  }

  #somewhere(wants: (policy: Policy) => boolean): boolean {
    return ['', ...this.#rows.keys()].some((scope) => wants(this.effective(scope)));
  }

  /** The documents in force for an application, widest scope first. */
  layers(applicationId: string | undefined): StoredPolicy[] {
    const scopes = applicationId === undefined ? ['global'] : ['global', applicationId];
    return scopes.flatMap((scope) => {
      const row = this.#rows.get(scope);
      if (row === undefined) return [];
      const name = scope === 'global' ? 'global' : 'application';
      return [{ origin: `${name} v${row.version}`, document: row.document as PolicyDocument }];
    });
  }

  async refresh(): Promise<void> {
    const rows = await latestPolicies(this.#router);
    this.#rows = new Map(rows.map((row) => [row.scope, row]));
    this.#effective = new Map();
  }

  async #keepReading(): Promise<void> {
    while (!this.#stopped) {
      await sleep(REFRESH_MS, undefined, { ref: false });
      if (!this.#stopped) await this.refresh().catch(this.#onProblem);
    }
  }
}
