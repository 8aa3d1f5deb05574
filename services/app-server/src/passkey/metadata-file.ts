import { readFile, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@countersign/telemetry';
import { readMetadata, type Metadata } from './metadata.ts';

/** How often the file is looked at, so that a new one needs no restart. */
const LOOK_EVERY_MS = 60_000;
/** The one of the FIDO Alliance has about 10 MB. */
const LARGEST_BYTES = 64 * 1024 ** 2;

/** The metadata of FIDO on the disk of this machine. One that cannot be believed leaves the one before in its place. */
export class MetadataFile {
  readonly #path: string;
  readonly #root: string | undefined;
  readonly #now: () => number;
  readonly #logger: Logger;
  #seen = '';
  #current: Metadata | undefined;
  #problem: string | undefined;
  #stopped = false;

  constructor(options: { path: string; root?: string | undefined; now: () => number; logger: Logger }) {
    this.#path = options.path;
    this.#root = options.root;
    this.#now = options.now;
    this.#logger = options.logger;
  }

  /** Reads it, and again whenever it is another. A file that is wrong stops nobody: keys are refused where the policy asks for their make. */
  async start(): Promise<void> {
    await this.look();
    void this.#keepLooking();
  }

  stop(): void {
    this.#stopped = true;
  }

  get current(): Metadata | undefined {
    return this.#current;
  }

  /** What is wrong with the file that lies there now. */
  get problem(): string | undefined {
    return this.#problem;
  }

  async look(): Promise<void> {
    try {
      const { mtimeMs, size } = await stat(this.#path).catch((error: unknown) => {
        // The same file, laid there again, is another one to us.
        this.#seen = '';
        throw error;
      });
      const seen = `${mtimeMs} ${size}`;
      if (seen === this.#seen) return;
      this.#seen = seen;
      if (size > LARGEST_BYTES) throw new Error(`it is larger than ${LARGEST_BYTES} bytes`);
      const read = await readMetadata((await readFile(this.#path, 'utf8')).trim(), this.#now(), this.#root);
      if (this.#current !== undefined && read.number < this.#current.number) {
        throw new Error(`its number ${read.number} is older than ${this.#current.number}, which was there before`);
      }
      this.#current = read;
      this.#problem = undefined;
      const { number, nextUpdate, models } = read;
      this.#logger.info('passkey.metadata', { detail: `number ${number}, ${models.size} models, next ${nextUpdate}` });
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      if (problem === this.#problem) return;
      this.#problem = problem;
      this.#logger.error('passkey.metadata', { error, detail: 'The file of FIDO metadata cannot be used.' });
    }
  }

  async #keepLooking(): Promise<void> {
    while (!this.#stopped) {
      await sleep(LOOK_EVERY_MS, undefined, { ref: false });
      if (!this.#stopped) await this.look();
    }
  }
}
