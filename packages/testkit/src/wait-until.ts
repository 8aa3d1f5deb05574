import { setTimeout as sleep } from 'node:timers/promises';

export interface WaitOptions {
  timeoutMs?: number;
  everyMs?: number;
  /** What was waited for, for the error message; a function is asked when it is given up. */
  what?: string | (() => string);
  /** When it turns true there is no sense in asking on. */
  until?: () => boolean;
}

/** Asks again and again until the answer is true. A question that throws counts as "not yet". */
export async function waitUntil(question: () => boolean | Promise<boolean>, options: WaitOptions = {}): Promise<void> {
  const { timeoutMs = 10_000, everyMs = 20, what = 'a condition', until } = options;
  const giveUpAt = performance.now() + timeoutMs;
  let lastError: unknown;
  for (;;) {
    try {
      if (await question()) return;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    if (until?.() === true || performance.now() >= giveUpAt) {
      throw new Error(`waited for ${typeof what === 'string' ? what : what()} in vain (at most ${timeoutMs} ms)`, {
        cause: lastError,
      });
    }
    await sleep(everyMs);
  }
}
