import { setTimeout as sleep } from 'node:timers/promises';

export interface Supervised {
  readonly name: string;
  readonly pid: number;
  readonly stop: () => Promise<void>;
}

export interface Supervisor {
  /** Adds a process that runs. `restart` starts it again after a crash. */
  add(running: Supervised, restart: () => Promise<void>, options?: { pauseMs?: number }): void;
  /** To be told of a process that ended although nobody stopped it. */
  crashed(name: string, reason: string): void;
  /** Pids by name, in the order in which they were added. 0 while a process is away. */
  processes(): Record<string, number>;
  /** Stops everything, the last one first. */
  stop(): Promise<void>;
}

interface Entry {
  running: Supervised;
  restart: () => Promise<void>;
  pauseMs: number;
  crashes: number;
  upSince: number;
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
/** Who ran so long has recovered from what made it crash. */
const STABLE_AFTER_MS = 60_000;

/**
 * Starts what crashed again, with growing pauses, for as long as it takes.
 * @param onChange called when a pid changed.
 */
export function createSupervisor(say: (line: string) => void, onChange: () => void): Supervisor {
  const entries = new Map<string, Entry>();
  const stopping = new AbortController();

  async function bringBack(entry: Entry): Promise<void> {
    const { name } = entry.running;
    for (;;) {
      if (performance.now() - entry.upSince > STABLE_AFTER_MS) entry.crashes = 0;
      const pauseMs = Math.max(entry.pauseMs, Math.min(entry.pauseMs * 2 ** entry.crashes, LONGEST_PAUSE_MS));
      entry.crashes += 1;
      await sleep(pauseMs, undefined, { signal: stopping.signal });
      try {
        await entry.restart();
        entry.upSince = performance.now();
        say(`${name} runs again (process ${entry.running.pid})`);
        onChange();
        return;
      } catch (error) {
        if (stopping.signal.aborted) return;
        say(`${name} does not start: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }

  return {
    add: (running, restart, { pauseMs = FIRST_PAUSE_MS } = {}) => {
      entries.set(running.name, { running, restart, pauseMs, crashes: 0, upSince: performance.now() });
      onChange();
    },
    crashed: (name, reason) => {
      const entry = entries.get(name);
      if (entry === undefined || stopping.signal.aborted) return;
      say(`${name} ended (${reason}); starting it again`);
      onChange();
      void bringBack(entry).catch(() => undefined);
    },
    processes: () => Object.fromEntries([...entries].map(([name, { running }]) => [name, running.pid])),
    stop: async () => {
      stopping.abort();
      for (const { running } of [...entries.values()].toReversed()) await running.stop();
    },
  };
}
