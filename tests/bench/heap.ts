import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { waitUntil } from '@countersign/testkit';
import { residentMegabytes } from './process-cost.ts';

/** Of one process, in bytes. */
export interface Memory {
  /** As it was found. */
  resident: number;
  /** After a collection: objects of the program. */
  heap: number;
  /** The same: buffers, among them those that are counted as such by TLS. */
  external: number;
}

const PROBE = join(import.meta.dirname, 'heap-probe.ts');

/**
 * Lets a service be asked by `memoryOf`.
 * @param profiles where it writes what it spent its time on from one such question to the next (`.cpuprofile`), which costs some of it.
 */
export function probeEnvironment(folder: string, profiles?: string): Record<string, string> {
  return {
    NODE_OPTIONS: `--expose-gc --import=${PROBE}`,
    BENCH_HEAP_FOLDER: folder,
    ...(profiles !== undefined && { BENCH_PROFILE_FOLDER: profiles }),
  };
}

/** What a process with the probe holds. It stands still meanwhile. */
export async function memoryOf({ pid }: { pid: number }, folder: string): Promise<Memory> {
  const resident = residentMegabytes(pid) * 2 ** 20;
  const file = join(folder, `${pid}.json`);
  process.kill(pid, 'SIGUSR2');
  await waitUntil(() => existsSync(file), { timeoutMs: 30_000, what: 'a process to collect its garbage' });
  const { heapUsed, external } = JSON.parse(readFileSync(file, 'utf8')) as NodeJS.MemoryUsage;
  rmSync(file);
  return { resident, heap: heapUsed, external };
}
