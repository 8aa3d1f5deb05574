import { directoryFind, MfaError, type DirectoryView } from '@countersign/contracts';
import type { Connection } from '../connection.ts';

export const DIRECTORY_ARGUMENT = { description: 'Name or id of the directory.' } as const;

/** No two have the same name. @throws MfaError DIRECTORY_NOT_FOUND. */
export async function resolveDirectory({ ask }: Connection, nameOrId: string): Promise<DirectoryView> {
  const { directories } = await ask(directoryFind, {});
  const wanted = nameOrId.toLowerCase();
  const found =
    directories.find(({ directoryId }) => directoryId === wanted) ??
    directories.find(({ name }) => name === nameOrId) ??
    directories.find(({ name }) => name.toLowerCase() === wanted);
  if (found === undefined) throw new MfaError('DIRECTORY_NOT_FOUND');
  return found;
}
