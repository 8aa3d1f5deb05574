import type { directoryFind, InputOf, OutputOf } from '@countersign/contracts';
import type { Router } from '../database/router.ts';
import { readDirectories, viewDirectory } from './store.ts';

/** All of them, in the order in which they are asked. @throws MfaError UNAVAILABLE. */
export async function find(
  { router }: { router: Router },
  _input: InputOf<typeof directoryFind>,
): Promise<OutputOf<typeof directoryFind>> {
  return { directories: (await readDirectories(router)).map(viewDirectory) };
}
