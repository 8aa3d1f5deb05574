import { MfaError, type directoryUpdate, type DirectoryView, type InputOf } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, recordAdministration } from '../audit/administration.ts';
import type { Router } from '../database/router.ts';
import type { KeyRing } from '../keys/ring.ts';
import type { Directories } from './directories.ts';
import { bindPasswordAt, nameTaken, readDirectory, viewDirectory } from './store.ts';

/**
 * Changes what is given, if nobody changed it meanwhile.
 * @throws MfaError DIRECTORY_NOT_FOUND, DIRECTORY_CONFLICT, DIRECTORY_EXISTS, PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function update(
  deps: { router: Router; ring: KeyRing; directories: Directories; now: () => number },
  { directoryId, expectedVersion, name, settings, bindPassword }: InputOf<typeof directoryUpdate>,
  { attemptId, application }: AuthorisedRequest,
): Promise<DirectoryView> {
  const at = deps.now();
  await deps.router
    .write((db) =>
      changeOnce(db, attemptId, async (transaction) => {
        const updated = await transaction
          .updateTable('directory')
          .set({
            version: expectedVersion + 1,
            updated_at: new Date(at),
            ...(name !== undefined && { name }),
            ...(settings !== undefined && { settings: JSON.stringify(settings) }),
            ...(bindPassword !== undefined && {
              bind_password_sealed: deps.ring.seal(Buffer.from(bindPassword), bindPasswordAt(directoryId)),
            }),
          })
          .where('directory_id', '=', directoryId)
          .where('version', '=', expectedVersion)
          .executeTakeFirst();
        if (updated.numUpdatedRows !== 1n) {
          await readDirectory(transaction, directoryId);
          throw new MfaError('DIRECTORY_CONFLICT');
        }
        const detail = { directoryId, name, settings, hasNewPassword: bindPassword !== undefined };
        await recordAdministration(transaction, {
          type: 'directory.update',
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
