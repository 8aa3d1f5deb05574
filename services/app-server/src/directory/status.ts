import type { Directories } from './directories.ts';

/** Who a user is in a directory. */
export interface DirectoryLink {
  directoryId: string;
  objectId: string;
}

interface Known {
  isKeptOut: boolean;
  at: number;
}

/** No login waits longer for a directory. */
const WITHIN_MS = 1000;
/** What a directory that does not answer said last counts for so long. */
const STANDS_MS = 15 * 60_000;
const REMEMBERED = 20_000;

/**
 * Whether the directory keeps somebody out: disabled, expired, or not there any more (R17). One that does not answer keeps nobody out whom
 * it did not keep out before; nobody signs in by password then anyway.
 */
export class DirectoryStatus {
  readonly #directories: Pick<Directories, 'get'>;
  readonly #freshMs: () => number;
  readonly #now: () => number;
  readonly #onProblem: (error: unknown) => void;
  readonly #known = new Map<string, Known>();
  readonly #asking = new Map<string, Promise<boolean>>();

  constructor(options: {
    directories: Pick<Directories, 'get'>;
    /** How long an answer is not asked for again, ms. */
    freshMs: () => number;
    now: () => number;
    onProblem: (error: unknown) => void;
  }) {
    this.#directories = options.directories;
    this.#freshMs = options.freshMs;
    this.#now = options.now;
    this.#onProblem = options.onProblem;
  }

  async isKeptOut(link: DirectoryLink): Promise<boolean> {
    const key = `${link.directoryId} ${link.objectId}`;
    const known = this.#known.get(key);
    if (known !== undefined && this.#now() - known.at < this.#freshMs()) return known.isKeptOut;
    // One question at a time, however many logins of this user there are.
    let asking = this.#asking.get(key);
    if (asking === undefined) {
      asking = this.#ask(link, key).finally(() => this.#asking.delete(key));
      this.#asking.set(key, asking);
    }
    let timer: NodeJS.Timeout | undefined;
    const timeUp = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(this.#last(key)), WITHIN_MS);
    });
    return Promise.race([asking, timeUp]).finally(() => clearTimeout(timer));
  }

  /** What a sign-in has just seen. */
  note({ directoryId, objectId }: DirectoryLink, isKeptOut: boolean): void {
    this.#remember(`${directoryId} ${objectId}`, isKeptOut);
  }

  async #ask({ directoryId, objectId }: DirectoryLink, key: string): Promise<boolean> {
    const directory = this.#directories.get(directoryId);
    // One that was deleted has no links any more: this is one that this replica cannot open.
    if (directory === undefined) return this.#last(key);
    try {
      const person = await directory.standing(objectId);
      const isKeptOut = person === undefined || person.status === 'disabled' || person.status === 'expired';
      this.#remember(key, isKeptOut);
      return isKeptOut;
    } catch (error) {
      this.#onProblem(error);
      return this.#last(key);
    }
  }

  #last(key: string): boolean {
    const known = this.#known.get(key);
    return known !== undefined && this.#now() - known.at < STANDS_MS && known.isKeptOut;
  }

  #remember(key: string, isKeptOut: boolean): void {
    this.#known.delete(key);
    this.#known.set(key, { isKeptOut, at: this.#now() });
    const [oldest] = this.#known.keys();
    if (this.#known.size > REMEMBERED && oldest !== undefined) this.#known.delete(oldest);
  }
}
