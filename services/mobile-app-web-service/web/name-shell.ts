import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import type { Plugin } from 'vite';

/** Stands in sw.ts where the version of the shell and the addresses of its files belong. */
const SHELL_PLACE = '__SHELL__';

/** Tells the worker what to keep for a start without a network. The version changes with whatever changes in any of it. */
export function nameShell(folder: string, base: string): Plugin {
  return {
    name: 'countersign-name-shell',
    apply: 'build',
    closeBundle: () => {
      const worker = join(folder, 'sw.js');
      const code = readFileSync(worker, 'utf8');
      if (!code.includes(SHELL_PLACE)) throw new Error(`sw.js has no place for the shell (${SHELL_PLACE})`);
      const files = readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && entry.name !== 'sw.js')
        .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
        .toSorted();
      const hash = createHash('sha256').update(code);
      for (const file of files) hash.update(`\n${file}\n`).update(readFileSync(join(folder, file)));
      const version = hash.digest('hex').slice(0, 16);
      const addresses = files.map((file) => base + (file === 'index.html' ? '' : file.split(sep).join('/')));
      writeFileSync(worker, code.replaceAll(SHELL_PLACE, [version, ...addresses].join(' ')));
    },
  };
}
