import type { RadiusUpstreamSettings } from '@countersign/contracts';
import { Upstream, type UpstreamOptions } from './upstream.ts';

/** An upstream as it is set, the same object for as long as nothing of it changes. */
interface UpstreamRow {
  name: string;
  settings: RadiusUpstreamSettings;
  secret: Buffer;
}

interface Rows {
  all(): readonly UpstreamRow[];
  get(upstreamId: string): UpstreamRow | undefined;
  unopened(): readonly string[];
}

/** Whom to ask of each upstream that is set, remembering which of its servers answer until something of it changes. */
export class UpstreamPool {
  readonly #rows: Rows;
  readonly #options: Pick<UpstreamOptions, 'now' | 'randomBytes' | 'onDropped'>;
  readonly #byRow = new WeakMap<UpstreamRow, Upstream>();

  constructor(rows: Rows, options: Pick<UpstreamOptions, 'now' | 'randomBytes' | 'onDropped'>) {
    this.#rows = rows;
    this.#options = options;
  }

  get(upstreamId: string): Upstream | undefined {
    const row = this.#rows.get(upstreamId);
    return row && this.#of(row);
  }

  all(): Upstream[] {
    return this.#rows.all().map((row) => this.#of(row));
  }

  /** Names of those whose secret no key opens. */
  unopened(): readonly string[] {
    return this.#rows.unopened();
  }

  #of(row: UpstreamRow): Upstream {
    const known = this.#byRow.get(row);
    if (known !== undefined) return known;
    const { name, settings, secret } = row;
    const made = new Upstream({ name, settings, secret, ...this.#options });
    this.#byRow.set(row, made);
    return made;
  }
}
