import { chownSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Writes files that only their owner can read: whoever the folder belongs to, so that root can renew what a service reads. Each is
 * there as a whole or not at all, also for a service that reads it now.
 */
export function writePrivateFiles(folder: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { uid, gid } = statSync(folder);
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    writeFileSync(`${path}.new`, text, { mode: 0o600 });
    if (process.getuid?.() === 0) chownSync(`${path}.new`, uid, gid);
    renameSync(`${path}.new`, path);
  }
}
