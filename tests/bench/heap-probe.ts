/**
 * Loaded before a service of a bench: on SIGUSR2 it throws away what nobody needs, and writes down how much memory is left; where profiles
 * are wanted, also what it spent its time on since the last time.
 */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { basename, join } from 'node:path';

const { BENCH_HEAP_FOLDER = '', BENCH_PROFILE_FOLDER } = process.env;
let session: Session | undefined;

process.on('SIGUSR2', () => {
  globalThis.gc?.();
  const file = join(BENCH_HEAP_FOLDER, `${process.pid}.json`);
  writeFileSync(`${file}.part`, JSON.stringify(process.memoryUsage()));
  renameSync(`${file}.part`, file);
  if (BENCH_PROFILE_FOLDER !== undefined) void turnPage(BENCH_PROFILE_FOLDER);
});

async function turnPage(folder: string): Promise<void> {
  if (session === undefined) {
    session = new Session();
    session.connect();
    await session.post('Profiler.enable');
  } else {
    const { profile } = await session.post('Profiler.stop');
    mkdirSync(folder, { recursive: true });
    const service = basename(join(process.argv[1] ?? '', '../..'));
    writeFileSync(join(folder, `${service}-${process.pid}-${Date.now()}.cpuprofile`), JSON.stringify(profile));
  }
  await session.post('Profiler.start');
}
