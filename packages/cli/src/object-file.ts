import { readFileSync } from 'node:fs';
import { CommandError, UsageError } from './failure.ts';
import { isObject } from './policy/path.ts';

interface Expected {
  commandName: string;
  /** Of the documentation, with examples. */
  page: string;
  /** What must stand in no file, and what it is called. */
  secret: { keys: RegExp; called: string };
}

/**
 * The JSON object that a file holds. Whether it is allowed, the server says.
 * @throws UsageError, CommandError
 */
export function readObjectFile(file: string, { commandName, page, secret }: Expected): Record<string, unknown> {
  const invalid = (message: string) =>
    new CommandError('VALUE_INVALID', 'rejected', message, `Start from an example in ${page}.`);
  const text = readTextFile(file, commandName);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(`${file} is not JSON (${error instanceof Error ? error.message : 'unknown error'}).`);
  }
  if (!isObject(value)) throw invalid(`${file} holds no JSON object.`);
  if (secret.keys.test(text))
    throw invalid(`${file} holds a ${secret.called}, which is asked for and stands in no file.`);
  return value;
}

/** @throws UsageError */
export function readTextFile(file: string, commandName: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new UsageError(`${JSON.stringify(file)} cannot be read (${code ?? 'unknown error'}).`, commandName);
  }
}
