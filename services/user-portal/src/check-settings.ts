import { SettingsError } from '@countersign/config';
import { apiKeyProblems, edgeProblems } from '@countersign/edge';
import type { Environment } from './environment.ts';

const SCOPES = ['portal', 'password', 'challenge'];

/**
 * What only shows when settings are used together, before anything is used.
 * @throws SettingsError with a sentence for each that is wrong; docs/operations/refusals.md has all of them.
 */
export function checkSettings(settings: Environment): Environment {
  const problems = [
    ...edgeProblems(settings),
    ...providerProblems(settings),
    ...apiKeyProblems(settings.COUNTERSIGN_API_KEY, SCOPES),
  ];
  if (problems.length > 0) throw new SettingsError(problems);
  return settings;
}

function providerProblems({
  COUNTERSIGN_OIDC_ISSUER: issuer,
  COUNTERSIGN_OIDC_CLIENT_ID: client,
}: Environment): string[] {
  if ((issuer === undefined) === (client === undefined)) return [];
  return ['COUNTERSIGN_OIDC_ISSUER and COUNTERSIGN_OIDC_CLIENT_ID belong together. Set both, or neither.'];
}
