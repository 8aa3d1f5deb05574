import { DEFAULT_RADIUS_CLIENT, type RadiusClientSettings } from '@countersign/contracts';
import { readObjectFile } from '../object-file.ts';
import { SECRET_IN_FILE } from '../radius/shared-secret.ts';

export const FILE_OPTION = {
  kind: 'text',
  value: 'settings.json',
  description: 'JSON file with the settings, as in docs/operations/radius.md. What it leaves out is as by default.',
} as const;

/** An application is more easily named than written into a file by its id. */
export type SettingsOfFile = Omit<RadiusClientSettings, 'applicationId'> & { applicationId?: string };

/**
 * The settings as the file has them, over what holds by default. Whether they are allowed, the server says.
 * @throws UsageError, CommandError
 */
export function readSettingsFile(file: string, commandName: string): SettingsOfFile {
  const settings = readObjectFile(file, {
    commandName,
    page: 'docs/operations/radius.md',
    secret: SECRET_IN_FILE,
  });
  return { ...DEFAULT_RADIUS_CLIENT, networks: [], ...settings };
}
