import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError } from '../failure.ts';

/** @throws CommandError when this machine has not joined, or the file is somebody else's. */
export function readOwn(folder: string, file: string): string {
  try {
    return readFileSync(join(folder, file), 'utf8');
  } catch (cause) {
    throw new CommandError(
      'NOT_JOINED',
      'settings',
      `${join(folder, file)} cannot be read.`,
      'Name the folder that countersign join wrote with --dir, and run this as a user who may read it.',
      { cause },
    );
  }
}
