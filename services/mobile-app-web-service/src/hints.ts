import type { Bus } from '@countersign/bus';
import { MfaError, PHONE_HINTS } from '@countersign/contracts';

/** One phone that waits, as far as hints are concerned. */
export interface Listening extends Disposable {
  /**
   * Until there is a hint, the time is over, or `leave` was called; at once if there was a hint since it was asked last.
   * @returns whether there was one.
   */
  next(timeoutMs: number): Promise<boolean>;
  readonly leave: () => void;
}

export interface Hints {
  /**
   * @param since ms of uptime: a hint that came after it counts, although nobody knew then for whom it was.
   * @throws MfaError TRY_LATER when so many phones wait here under this name already that the next would be at somebody else's cost (R29).
   */
  listen(name: string, since: number): Listening;
}

/** Ten phones of one person, each with a poll that its owner has given up and we have not noticed. */
const MOST_OF_ONE = 20;
/** Longer than app-server is asked for whom a phone waits. */
const REMEMBERED_MS = 20_000;
const MOST_REMEMBERED = 50_000;
/** When NATS was away hints were lost: then everybody looks, but not all in the same instant. */
const LOOK_AGAIN_WITHIN_MS = 10_000;

interface Listener {
  hint(): void;
}

/** One subscription of this process to the hints for all phones, however many wait. */
export function hintsFrom({ nats }: Pick<Bus, 'nats'>): Hints {
  const listeners = new Map<string, Set<Listener>>();
  const remembered = createMemory();
  const prefix = `${PHONE_HINTS}.`;
  nats.subscribe(`${prefix}*`, {
    callback: (error, { subject }) => {
      if (error !== null) return;
      const name = subject.slice(prefix.length);
      remembered.add(name, performance.now());
      for (const listener of listeners.get(name) ?? []) listener.hint();
    },
  });
  void followConnection();

  async function followConnection(): Promise<void> {
    for await (const { type } of nats.status()) {
      if (type !== 'reconnect') continue;
      remembered.forget(performance.now());
      const everybody = [...listeners.values()].flatMap((some) => [...some]);
      for (const [turn, listener] of everybody.entries()) {
        setTimeout(() => listener.hint(), (turn / everybody.length) * LOOK_AGAIN_WITHIN_MS);
      }
    }
  }

  return {
    listen(name, since) {
      const others = listeners.get(name) ?? new Set();
      if (others.size >= MOST_OF_ONE) throw new MfaError('TRY_LATER', { retryAfterSeconds: 5, reason: 'polls' });
      let isHinted = remembered.mayHaveHeard(name, since);
      let resume = () => {};
      const listener: Listener = {
        hint: () => {
          isHinted = true;
          resume();
        },
      };
      listeners.set(name, others.add(listener));
      return {
        next: async (timeoutMs) => {
          if (!isHinted) {
            const { promise, resolve } = Promise.withResolvers<void>();
            resume = resolve;
            const timer = setTimeout(resolve, timeoutMs);
            await promise;
            clearTimeout(timer);
          }
          const was = isHinted;
          isHinted = false;
          return was;
        },
        leave: () => resume(),
        [Symbol.dispose]: () => {
          others.delete(listener);
          if (others.size === 0) listeners.delete(name);
        },
      };
    },
  };
}

/** Which hints came lately, and since when that is all of them. */
function createMemory() {
  const heardAt = new Map<string, number>();
  /** Whatever came before it may be forgotten. */
  let completeSince = performance.now();
  return {
    add: (name: string, now: number) => {
      heardAt.delete(name);
      heardAt.set(name, now);
      for (const [oldest, at] of heardAt) {
        if (heardAt.size <= MOST_REMEMBERED && at > now - REMEMBERED_MS) break;
        heardAt.delete(oldest);
        completeSince = Math.max(completeSince, at);
      }
    },
    forget: (now: number) => {
      heardAt.clear();
      completeSince = now;
    },
    mayHaveHeard: (name: string, since: number) => since < completeSince || (heardAt.get(name) ?? -1) >= since,
  };
}
