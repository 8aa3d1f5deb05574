import { DirectoryProblem } from './problem.ts';

/**
 * So many at a time may wait for one directory, and so many more for their turn: one that hangs holds up those who ask it, and nobody else
 * (R26).
 */
export class Turns {
  readonly #most: number;
  readonly #mostWaiting: number;
  readonly #waitMs: number;
  #taken = 0;
  readonly #waiting = new Set<() => void>();

  constructor({ most, mostWaiting, waitMs }: { most: number; mostWaiting: number; waitMs: number }) {
    this.#most = most;
    this.#mostWaiting = mostWaiting;
    this.#waitMs = waitMs;
  }

  /** @throws DirectoryProblem when there are too many. */
  async take<T>(work: () => Promise<T>): Promise<T> {
    await this.#enter();
    try {
      return await work();
    } finally {
      this.#taken -= 1;
      const [next] = this.#waiting;
      next?.();
    }
  }

  #enter(): Promise<void> {
    if (this.#taken < this.#most) {
      this.#taken += 1;
      return Promise.resolve();
    }
    if (this.#waiting.size >= this.#mostWaiting) return Promise.reject(new DirectoryProblem('too many ask it already'));
    return new Promise((resolve, reject) => {
      const enter = () => {
        clearTimeout(timer);
        this.#waiting.delete(enter);
        this.#taken += 1;
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(enter);
        reject(new DirectoryProblem('too many ask it already'));
      }, this.#waitMs);
      this.#waiting.add(enter);
    });
  }
}
