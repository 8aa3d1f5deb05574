/** Loaded before a service of a bench: on SIGUSR2 it throws away what nobody needs, and writes down how much memory is left. */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

process.on('SIGUSR2', () => {
  globalThis.gc?.();
  const file = join(process.env['BENCH_HEAP_FOLDER'] ?? '', `${process.pid}.json`);
  writeFileSync(`${file}.part`, JSON.stringify(process.memoryUsage()));
  renameSync(`${file}.part`, file);
});
