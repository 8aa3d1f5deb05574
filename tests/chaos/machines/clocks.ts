import { globSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive } from '@countersign/testkit';

/** The clock of a machine, as those of its programs see it that ask the system's C library: Node, Postgres, Patroni, HAProxy. */
export interface Clock {
  /** What those programs need in their environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Moves it by so many seconds against this machine's. */
  set(seconds: number): void;
  /** What programs that were killed have left. */
  remove(): void;
}

const MEMORY = '/dev/shm';
const LIBRARIES = '/usr/lib/*/faketime/libfaketime.so.1';
/** How soon a program notices, seconds. */
const NOTICED_AFTER = 1;

/** Whether libfaketime is here. */
export function hasClocks(): boolean {
  return globSync(LIBRARIES).length > 0;
}

/** nats-server and etcd ask the kernel itself, so that theirs stays right. */
export function makeClock(dir: string): Clock {
  const [library = ''] = globSync(LIBRARIES);
  const file = join(dir, 'clock');
  const set = (seconds: number) => writeFileSync(file, `${seconds < 0 ? '' : '+'}${seconds}\n`, { mode: 0o644 });
  set(0);
  return {
    environment: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_CACHE_DURATION: String(NOTICED_AFTER),
      // Timers go on as they are: a clock that was set moves no stopwatch.
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
    set,
    remove: () => {
      for (const name of readdirSync(MEMORY)) {
        const pid = /^(?:sem\.)?faketime_(?:shm|sem)_(\d+)$/.exec(name)?.[1];
        if (pid !== undefined && !isAlive(Number(pid))) rmSync(join(MEMORY, name), { force: true });
      }
    },
  };
}
