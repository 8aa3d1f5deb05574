import type { RadiusUpstreamSettings } from '@countersign/contracts';
import { keepReading } from '../database/keep-reading.ts';
import type { Router } from '../database/router.ts';
import { SealBroken, type KeyRing } from '../keys/ring.ts';
import { readUpstreams, upstreamSecretAt, type RadiusUpstreamRow } from './store.ts';

const REFRESH_MS = 2000;

/** Upstream servers as logins need them: secret opened. The same object for as long as nothing of it changes. */
export interface RadiusUpstream {
  upstreamId: string;
  name: string;
  version: number;
  settings: RadiusUpstreamSettings;
  secret: Buffer;
}

/** The upstream RADIUS servers, from memory: read again every few seconds, and kept while Postgres is away. */
export class RadiusUpstreams {
  readonly #router: Router;
  readonly #ring: KeyRing;
  readonly #onProblem: (error: unknown) => void;
  #byId = new Map<string, RadiusUpstream>();
  #unopened: readonly string[] = [];
  #stop: (() => void) | undefined;

  constructor(router: Router, ring: KeyRing, onProblem: (error: unknown) => void) {
    this.#router = router;
    this.#ring = ring;
    this.#onProblem = onProblem;
  }

  /** Reads once, then keeps reading. @throws MfaError UNAVAILABLE when no node answers the first time. */
  async start(): Promise<void> {
    await this.refresh();
    this.#stop = keepReading(() => this.refresh(), { pauseMs: REFRESH_MS, onProblem: this.#onProblem });
  }

  stop(): void {
    this.#stop?.();
  }

  /** In the order of their names. */
  all(): RadiusUpstream[] {
    return [...this.#byId.values()];
  }

  get(upstreamId: string): RadiusUpstream | undefined {
    return this.#byId.get(upstreamId);
  }

  /** Names of those whose secret no key opens: nobody asks them. */
  unopened(): readonly string[] {
    return this.#unopened;
  }

  async refresh(from?: 'primary'): Promise<void> {
    const rows = await readUpstreams(this.#router, from);
    const [byId, unopened]: [Map<string, RadiusUpstream>, string[]] = [new Map(), []];
    for (const row of rows) {
      const known = this.#byId.get(row.upstream_id);
      const upstream = known?.version === row.version ? known : this.#opened(row);
      if (upstream === undefined) unopened.push(row.name);
      else byId.set(row.upstream_id, upstream);
    }
    [this.#byId, this.#unopened] = [byId, unopened];
  }

  /** @returns undefined when no key opens its secret: that holds up no other (INV-17). */
  #opened(row: RadiusUpstreamRow): RadiusUpstream | undefined {
    const { upstream_id: upstreamId, name, version, secret_sealed: sealed } = row;
    try {
      const secret = this.#ring.open(sealed, upstreamSecretAt(upstreamId));
      return { upstreamId, name, version, settings: row.settings as RadiusUpstreamSettings, secret };
    } catch (error) {
      if (!(error instanceof SealBroken)) throw error;
      this.#onProblem(error);
      return undefined;
    }
  }
}
