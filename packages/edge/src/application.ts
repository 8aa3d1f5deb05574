import { credentialFromApiKey, type Credential } from '@countersign/bus';
import { SettingsError } from '@countersign/config';

/** Of an edge that is an application itself, because whoever it speaks for has no key. `apiKeyProblems` has looked at it. */
export function credentialOf(apiKey: string): Credential {
  const credential = credentialFromApiKey(apiKey);
  if (credential === undefined) throw new SettingsError(['COUNTERSIGN_API_KEY is no API key.']);
  return credential;
}

/** @param scopes that the application needs. */
export function apiKeyProblems(apiKey: string, scopes: readonly string[]): string[] {
  if (credentialFromApiKey(apiKey) !== undefined) return [];
  const wanted = scopes.map((scope) => ` --scope ${scope}`).join('');
  return [`COUNTERSIGN_API_KEY is no API key. Make one: countersign applications create <name>${wanted}`];
}
