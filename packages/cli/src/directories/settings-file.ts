import { readFileSync } from 'node:fs';
import type { DirectorySettings } from '@countersign/contracts';
import { CommandError, UsageError } from '../failure.ts';
import { isObject } from '../policy/path.ts';

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
  const text = readText(file, commandName);
  let settings: unknown;
  try {
    settings = JSON.parse(text);
  } catch (error) {
    throw invalid(`${file} is not JSON (${error instanceof Error ? error.message : 'unknown error'}).`);
  }
  if (!isObject(settings)) throw invalid(`${file} holds no JSON object.`);
  if (/"(bindPassword|password)"\s*:/i.test(text)) {
    throw invalid(`${file} holds a password, which is asked for and stands in no file.`);
  }
  return {
    ...(settings as DirectorySettings),
    ...(authorities !== undefined && { authorities: readText(authorities, commandName) }),
  };
}

function readText(file: string, commandName: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new UsageError(`${JSON.stringify(file)} cannot be read (${code ?? 'unknown error'}).`, commandName);
  }
}

function invalid(message: string): CommandError {
  return new CommandError(
    'VALUE_INVALID',
    'rejected',
    message,
    'Start from an example in docs/operations/directory.md.',
  );
}
