import { SettingsError } from '@countersign/config';
import { apiKeyProblems, edgeProblems } from '@countersign/edge';
import type { Environment } from './environment.ts';

const SCOPES = ['device'];

/**
 * What only shows when settings are used together, before anything is used.
 * @throws SettingsError with a sentence for each that is wrong; docs/operations/refusals.md has all of them.
 */
export function checkSettings(settings: Environment): Environment {
  const problems = [...edgeProblems(settings), ...apiKeyProblems(settings.COUNTERSIGN_API_KEY, SCOPES)];
  if (problems.length > 0) throw new SettingsError(problems);
  return settings;
}
