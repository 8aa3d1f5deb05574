import type { Argon2Parameters } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { MfaError } from '@countersign/contracts';
import { StartRefused } from '../start-refused.ts';

/** Each takes some 20 MiB and a core while it lasts. One core is left to everything else (KEY-22). */
const MAX_THREADS = 4;
const THREADS = Math.max(1, Math.min(MAX_THREADS, availableParallelism() - 1));
/** Those that are at it, and those that wait: two or three seconds of work on one core. */
const MAX_ADMITTED = 64;
/** Of these, for what is no login: it does several in a row, and nobody waits for it at a door. */
const MAX_CHANGES = 16;
const RETRY_AFTER_SECONDS = 3;

/** Held from before anything is paid until the hash is made. */
export interface Place extends Disposable {
  derive(job: Argon2Parameters): Promise<Buffer>;
}

interface Waiting {
  job: Argon2Parameters;
  resolve: (tag: Buffer) => void;
  reject: (error: Error) => void;
}

/**
 * The one way to Argon2id (KEY-21), in threads of its own: in those of libuv it would stand before every look-up of a name and every
 * signature (KEY-22). Threads are started when they are needed, and there are never more than four.
 */
export class Argon2 {
  readonly #idle: Worker[] = [];
  readonly #waiting: Waiting[] = [];
  #threads = 0;
  #admitted = 0;
  #changes = 0;

  /** @throws MfaError UNAVAILABLE when as many are there as may: before the caller has paid for anything. */
  enter(purpose: 'login' | 'change' = 'login'): Place {
    const isChange = purpose === 'change';
    if (this.#admitted >= MAX_ADMITTED || (isChange && this.#changes >= MAX_CHANGES)) {
      throw new MfaError('UNAVAILABLE', { retryAfterSeconds: RETRY_AFTER_SECONDS, reason: 'argon2 overload' });
    }
    this.#admitted += 1;
    if (isChange) this.#changes += 1;
    let isLeft = false;
    return {
      derive: (job) => this.#derive(job),
      [Symbol.dispose]: () => {
        if (isLeft) return;
        isLeft = true;
        this.#admitted -= 1;
        if (isChange) this.#changes -= 1;
      },
    };
  }

  /**
   * That this Node computes what the standard says, also with one lane, which its documents word as too few.
   * @throws StartRefused
   */
  async assertSound(): Promise<void> {
    using place = this.enter();
    for (const { job, tag } of SELF_TEST) {
      const derived = await place.derive(job).catch((cause: unknown) => {
        throw new StartRefused('This Node.js has no Argon2id. Run the one that the release brings.', { cause });
      });
      if (derived.toString('hex') !== tag) {
        throw new StartRefused(
          'Argon2id of this Node.js computes something else. Run the one that the release brings.',
        );
      }
    }
    this.#rest();
  }

  #derive(job: Argon2Parameters): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ job, resolve, reject });
      this.#next();
    });
  }

  #next(): void {
    if (this.#waiting.length === 0) return;
    const thread = this.#idle.pop() ?? this.#another();
    const work = thread === undefined ? undefined : this.#waiting.shift();
    if (thread === undefined || work === undefined) return;
    const settle = (finish: () => void) => {
      thread.off('message', done).off('exit', ended);
      finish();
      this.#next();
    };
    const done = (tag: Uint8Array) =>
      settle(() => {
        this.#idle.push(thread);
        work.resolve(Buffer.from(tag));
      });
    const ended = () => settle(() => work.reject(new Error('the Argon2 thread ended')));
    thread.on('message', done).on('exit', ended);
    thread.postMessage(work.job, []);
  }

  #another(): Worker | undefined {
    if (this.#threads >= THREADS) return undefined;
    this.#threads += 1;
    // `.ts` from source, `.js` from a build.
    const thread = new Worker(new URL(`./argon2-thread${extname(import.meta.url)}`, import.meta.url));
    // An error ends it: whoever waits for it hears that.
    thread.on('error', () => undefined);
    thread.on('exit', () => {
      this.#threads -= 1;
      const index = this.#idle.indexOf(thread);
      if (index >= 0) this.#idle.splice(index, 1);
    });
    thread.unref();
    return thread;
  }

  /** Most installations ask for no PIN: the threads of the self-test need not stay. */
  #rest(): void {
    for (const thread of this.#idle.splice(0)) void thread.terminate();
  }
}

/** @see RFC 9106 section 5.3, and the test vectors of the reference implementation. */
const SELF_TEST: readonly { job: Argon2Parameters; tag: string }[] = [
  {
    job: {
      message: Buffer.alloc(32, 1),
      nonce: Buffer.alloc(16, 2),
      secret: Buffer.alloc(8, 3),
      associatedData: Buffer.alloc(12, 4),
      memory: 32,
      passes: 3,
      parallelism: 4,
      tagLength: 32,
    },
    tag: '0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659',
  },
  {
    job: {
      message: Buffer.from('password'),
      nonce: Buffer.from('somesalt'),
      memory: 256,
      passes: 2,
      parallelism: 1,
      tagLength: 32,
    },
    tag: '9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe',
  },
];
