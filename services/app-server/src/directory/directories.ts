import { setTimeout as sleep } from 'node:timers/promises';
import type { DirectorySettings } from '@countersign/contracts';
import type { Router } from '../database/router.ts';
import { SealBroken, type KeyRing } from '../keys/ring.ts';
import { Directory } from './directory.ts';
import { bindPasswordAt, readDirectories, type DirectoryRow } from './store.ts';

const REFRESH_MS = 3000;

/** The directories, from memory: read again every few seconds, and kept while Postgres is away. */
export class Directories {
  readonly #router: Router;
  readonly #ring: KeyRing;
  readonly #now: () => number;
  readonly #onProblem: (error: unknown) => void;
  #byId = new Map<string, Directory>();
  #unopened: readonly string[] = [];
  #stopped = false;

  constructor(router: Router, ring: KeyRing, now: () => number, onProblem: (error: unknown) => void) {
    this.#router = router;
    this.#ring = ring;
    this.#now = now;
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

  all(): Directory[] {
    return [...this.#byId.values()];
  }

  get(directoryId: string): Directory | undefined {
    return this.#byId.get(directoryId);
  }

  /** Names of those whose password no key opens: nobody asks them. */
  unopened(): readonly string[] {
    return this.#unopened;
  }

  async refresh(from?: 'primary'): Promise<void> {
    const rows = await readDirectories(this.#router, from);
    const [byId, unopened]: [Map<string, Directory>, string[]] = [new Map(), []];
    for (const row of rows) {
      const known = this.#byId.get(row.directory_id);
      // One that did not change keeps what it knows of its servers.
      const directory = known?.version === row.version ? known : this.#opened(row);
      if (directory === undefined) unopened.push(row.name);
      else byId.set(row.directory_id, directory);
    }
    [this.#byId, this.#unopened] = [byId, unopened];
  }

  /** @returns undefined when no key opens its password: that holds up no other directory (INV-17). */
  #opened(row: DirectoryRow): Directory | undefined {
    const { directory_id: directoryId, name, version, bind_password_sealed: sealed } = row;
    try {
      const bindPassword =
        sealed === null ? undefined : this.#ring.open(sealed, bindPasswordAt(directoryId)).toString('utf8');
      const settings = row.settings as DirectorySettings;
      return new Directory({ directoryId, name, version, settings, bindPassword, now: this.#now });
    } catch (error) {
      if (!(error instanceof SealBroken)) throw error;
      this.#onProblem(error);
      return undefined;
    }
  }

  async #keepReading(): Promise<void> {
    while (!this.#stopped) {
      await sleep(REFRESH_MS, undefined, { ref: false });
      if (!this.#stopped) await this.refresh().catch(this.#onProblem);
    }
  }
}
