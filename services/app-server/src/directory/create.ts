import { createHash } from 'node:crypto';
import { uuidFrom, type directoryCreate, type DirectoryView, type InputOf } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, recordAdministration } from '../audit/administration.ts';
import type { Router } from '../database/router.ts';
import type { KeyRing } from '../keys/ring.ts';
import type { Directories } from './directories.ts';
import { bindPasswordAt, nameTaken, readDirectory, viewDirectory } from './store.ts';

/**
 * Makes a directory known. Its password is sealed, and never shown again.
 * @throws MfaError DIRECTORY_EXISTS, PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function create(
  deps: { router: Router; ring: KeyRing; directories: Directories; now: () => number },
  { name, settings, bindPassword }: InputOf<typeof directoryCreate>,
  { attemptId, application }: AuthorisedRequest,
): Promise<DirectoryView> {
  const directoryId = uuidFrom(createHash('sha256').update(`directory/${attemptId}`).digest());
  const at = deps.now();
  await deps.router
    .write((db) =>
      changeOnce(db, attemptId, async (transaction) => {
        await transaction
          .insertInto('directory')
          .values({
            directory_id: directoryId,
            name,
            version: 1,
            settings: JSON.stringify(settings),
            bind_password_sealed:
              bindPassword === undefined
                ? null
                : deps.ring.seal(Buffer.from(bindPassword), bindPasswordAt(directoryId)),
            created_at: new Date(at),
            updated_at: new Date(at),
          })
          .execute();
        const detail = { directoryId, name, settings };
        await recordAdministration(transaction, {
          type: 'directory.create',
          at,
          attemptId,
          actor: application.name,
          detail,
        });
      }),
    )
    .catch(nameTaken);
  await deps.directories.refresh('primary');
  return viewDirectory(await deps.router.read((db) => readDirectory(db, directoryId), { from: 'primary' }));
}
