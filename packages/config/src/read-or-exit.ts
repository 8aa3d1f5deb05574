import { readEnvironment, SettingsError } from './read.ts';
import type { Settings, SettingsOf } from './settings.ts';

/**
 * For the first line of a process: what is wrong with its settings is said in plain sentences, without a stack, and it exits with 1.
 * @param prepare what else has to be right before anything starts. @throws SettingsError when it is not.
 */
export function readOrExit<S extends Settings, Prepared>(
  declared: S,
  environment: NodeJS.ProcessEnv,
  prepare: (read: SettingsOf<S>) => Prepared,
): Prepared {
  try {
    return prepare(readEnvironment(declared, environment));
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return process.exit(1);
  }
}
