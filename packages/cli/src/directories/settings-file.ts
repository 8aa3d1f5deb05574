import type { DirectorySettings } from '@countersign/contracts';
import { readObjectFile, readTextFile } from '../object-file.ts';

export const FILE_OPTION = {
  kind: 'text',
  value: 'settings.json',
  description: 'JSON file with the settings, as in docs/operations/directory.md.',
} as const;

export const AUTHORITIES_OPTION = {
  kind: 'text',
  value: 'ca.pem',
  description: 'PEM file of who signed the certificates of its servers; put into the settings.',
} as const;

/**
 * The settings as the file has them. Whether they are allowed, the server says.
 * @throws UsageError, CommandError
 */
export function readSettingsFile(
  file: string,
  authorities: string | undefined,
  commandName: string,
): DirectorySettings {
  const settings = readObjectFile(file, {
    commandName,
    page: 'docs/operations/directory.md',
    secret: { keys: /"(bindPassword|password)"\s*:/i, called: 'password' },
  });
  return {
    ...(settings as unknown as DirectorySettings),
    ...(authorities !== undefined && { authorities: readTextFile(authorities, commandName) }),
  };
}
