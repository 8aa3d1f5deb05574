import type { RadiusUpstreamSettings } from '@countersign/contracts';
import { readObjectFile } from '../object-file.ts';
import { SECRET_IN_FILE } from '../radius/shared-secret.ts';

export const FILE_OPTION = {
  kind: 'text',
  value: 'settings.json',
  description: 'JSON file with the settings, as in docs/operations/radius.md.',
} as const;

/**
 * The settings as the file has them. Whether they are allowed, the server says.
 * @throws UsageError, CommandError
 */
export function readSettingsFile(file: string, commandName: string): RadiusUpstreamSettings {
  const page = 'docs/operations/radius.md';
  return readObjectFile(file, { commandName, page, secret: SECRET_IN_FILE }) as unknown as RadiusUpstreamSettings;
}
