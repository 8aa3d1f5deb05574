import { globSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive } from '@countersign/testkit';

/** The clock of a machine, as our programs and Postgres see it when they were started after makeSettable(). */
export interface Clock {
  /** Starts a program so that its clock can be set, once that is wanted. */
  readonly launcher: readonly string[];
  /** Whether programs that are started from now on see this clock, or the system's. */
  makeSettable(isSettable: boolean): void;
  /** By so many seconds against the system's. */
  set(seconds: number): void;
  /** What programs that were killed have left. */
  remove(): void;
}

const LIBRARIES = '/usr/lib/*/faketime/libfaketime.so.1';
const MEMORY = '/dev/shm';
/** How soon a program notices, seconds. */
const NOTICED_AFTER = 1;

/** Whether libfaketime is here. */
export function hasClocks(): boolean {
  return globSync(LIBRARIES).length > 0;
}

/**
 * Through the C library, which Node and Postgres ask. nats-server and etcd ask the system itself, so that theirs stay right; so does
 * that of Patroni, whose Python cannot sleep with this library.
 */
export function makeClock(dir: string): Clock {
  const [library = ''] = globSync(LIBRARIES);
  const file = join(dir, 'clock');
  const preload = join(dir, 'clock.sh');
  const readable = { mode: 0o644 };
  const set = (seconds: number) => writeFileSync(file, `${seconds < 0 ? '' : '+'}${seconds}\n`, readable);
  const makeSettable = (isSettable: boolean) => {
    const variables = {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_CACHE_DURATION: NOTICED_AFTER,
      // Timers go on as they are: a clock that was set moves no stopwatch.
      FAKETIME_DONT_FAKE_MONOTONIC: 1,
    };
    const lines = Object.entries(variables).map(([name, value]) => `export ${name}='${value}'\n`);
    writeFileSync(preload, isSettable ? lines.join('') : '', readable);
  };
  set(0);
  makeSettable(false);
  return {
    launcher: ['/bin/sh', '-c', `. "${preload}"; exec "$@"`, 'launcher'],
    makeSettable,
    set,
    remove: () => {
      for (const name of readdirSync(MEMORY)) {
        const pid = /^(?:sem\.)?faketime_(?:shm|sem)_(\d+)$/.exec(name)?.[1];
        if (pid !== undefined && !isAlive(Number(pid))) rmSync(join(MEMORY, name), { force: true });
      }
    },
  };
}
