import { card } from '../terminal/table.ts';

/** The one time that a key is seen. */
export function newKeyText(key: { applicationId: string; keyId: string; apiKey: string }, more: string): string {
  const fields = card({ 'Application id': key.applicationId, 'Key id': key.keyId, 'API key': key.apiKey });
  return `${fields}\nThe key is shown this once: only a hash of it is kept. ${more}\n`;
}
