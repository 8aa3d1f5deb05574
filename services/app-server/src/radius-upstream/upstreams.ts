import type { RadiusUpstreamSettings } from '@countersign/contracts';
import { keepReading } from '../database/keep-reading.ts';
import type { Router } from '../database/router.ts';
import { SealBroken, type KeyRing } from '../keys/ring.ts';
import { Upstream, type UpstreamOptions } from './upstream.ts';
import { readUpstreams, upstreamSecretAt, type RadiusUpstreamRow } from './store.ts';

const REFRESH_MS = 2000;

interface Known {
  version: number;
  upstream: Upstream;
}

export interface UpstreamsDependencies extends Pick<UpstreamOptions, 'now' | 'randomBytes' | 'onDropped'> {
  router: Router;
  ring: KeyRing;
  onProblem: (error: unknown) => void;
}

/** The upstream RADIUS servers, from memory: read again every few seconds, and kept while Postgres is away. */
export class RadiusUpstreams {
  readonly #deps: UpstreamsDependencies;
  #byId = new Map<string, Known>();
  #unopened: readonly string[] = [];
  #stop: (() => void) | undefined;

  constructor(deps: UpstreamsDependencies) {
    this.#deps = deps;
  }

  /** Reads once, then keeps reading. @throws MfaError UNAVAILABLE when no node answers the first time. */
  async start(): Promise<void> {
    await this.refresh();
    this.#stop = keepReading(() => this.refresh(), { pauseMs: REFRESH_MS, onProblem: this.#deps.onProblem });
  }

  stop(): void {
    this.#stop?.();
  }

  /** In the order of their names. */
  all(): Upstream[] {
    return [...this.#byId.values()].map(({ upstream }) => upstream);
  }

  get(upstreamId: string): Upstream | undefined {
    return this.#byId.get(upstreamId)?.upstream;
  }

  /** Names of those whose secret no key opens: nobody asks them. */
  unopened(): readonly string[] {
    return this.#unopened;
  }

  async refresh(from?: 'primary'): Promise<void> {
    const rows = await readUpstreams(this.#deps.router, from);
    const [byId, unopened]: [Map<string, Known>, string[]] = [new Map(), []];
    for (const row of rows) {
      const known = this.#byId.get(row.upstream_id);
      // One that did not change keeps what it knows of its servers.
      const upstream = known?.version === row.version ? known : this.#opened(row);
      if (upstream === undefined) unopened.push(row.name);
      else byId.set(row.upstream_id, upstream);
    }
    [this.#byId, this.#unopened] = [byId, unopened];
  }

  /** @returns undefined when no key opens its secret: that holds up no other (INV-17). */
  #opened({ upstream_id: upstreamId, name, version, settings, secret_sealed: sealed }: RadiusUpstreamRow) {
    const { ring, now, randomBytes, onDropped, onProblem } = this.#deps;
    try {
      const secret = ring.open(sealed, upstreamSecretAt(upstreamId));
      const options = { name, settings: settings as RadiusUpstreamSettings, secret, now, randomBytes, onDropped };
      return { version, upstream: new Upstream(options) };
    } catch (error) {
      if (!(error instanceof SealBroken)) throw error;
      onProblem(error);
      return undefined;
    }
  }
}
