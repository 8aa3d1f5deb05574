import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

let found: { path: string | undefined } | undefined;

/** Path of setpriv from util-linux, or undefined where there is none. Busybox has one with fewer options: not that one. */
export function findSetpriv(): string | undefined {
  found ??= {
    path: ['/usr/bin/setpriv', '/bin/setpriv', '/usr/local/bin/setpriv'].find(
      (path) => existsSync(path) && spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout.includes('util-linux'),
    ),
  };
  return found.path;
}
