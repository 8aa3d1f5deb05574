import type { directoryDelete, InputOf, OutputOf } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, recordAdministration } from '../audit/administration.ts';
import type { Router } from '../database/router.ts';
import type { Directories } from './directories.ts';
import { readDirectory } from './store.ts';

/**
 * Forgets a directory. Its users stay, and sign in by password no more.
 * @throws MfaError DIRECTORY_NOT_FOUND, PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function remove(
  deps: { router: Router; directories: Directories; now: () => number },
  { directoryId }: InputOf<typeof directoryDelete>,
  { attemptId, application }: AuthorisedRequest,
): Promise<OutputOf<typeof directoryDelete>> {
  const at = deps.now();
  await deps.router.write((db) =>
    changeOnce(db, attemptId, async (transaction) => {
      const { name } = await readDirectory(transaction, directoryId);
      await transaction.deleteFrom('directory').where('directory_id', '=', directoryId).execute();
      const detail = { directoryId, name };
      await recordAdministration(transaction, {
        type: 'directory.delete',
        at,
        attemptId,
        actor: application.name,
        detail,
      });
    }),
  );
  await deps.directories.refresh('primary');
  return { directoryId };
}
