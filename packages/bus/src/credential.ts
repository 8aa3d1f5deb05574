import { createHash } from 'node:crypto';

/**
 * Who asks. Edges prove nothing themselves: app-server looks the credential up for every operation. The secret part
 * of an API key never goes over the bus, only its digest.
 */
export type Credential =
  | { type: 'apiKey'; keyId: string; /** base64url SHA-256 of the secret part. */ digest: string }
  | { type: 'certificate'; /** SHA-256 of the DER certificate, hex. */ fingerprint: string };

const API_KEY = /^csk_([A-Za-z0-9]{1,64})_([A-Za-z0-9_-]{16,256})$/;

/** @returns undefined when the text does not have the form of a key: `csk_<keyId>_<secret>`. */
export function credentialFromApiKey(text: string): Credential | undefined {
  const [, keyId, secret] = API_KEY.exec(text) ?? [];
  if (keyId === undefined || secret === undefined) return undefined;
  return { type: 'apiKey', keyId, digest: createHash('sha256').update(secret).digest('base64url') };
}

const WRITTEN = /^(?:apiKey ([A-Za-z0-9]{1,64}) ([A-Za-z0-9_-]{43})|certificate ([0-9a-f]{64}))$/;

export function writeCredential(credential: Credential): string {
  return credential.type === 'apiKey'
    ? `apiKey ${credential.keyId} ${credential.digest}`
    : `certificate ${credential.fingerprint}`;
}

/** @returns undefined when the text is not what `writeCredential` writes. */
export function readCredential(text: string): Credential | undefined {
  const [, keyId, digest, fingerprint] = WRITTEN.exec(text) ?? [];
  if (keyId !== undefined && digest !== undefined) return { type: 'apiKey', keyId, digest };
  return fingerprint === undefined ? undefined : { type: 'certificate', fingerprint };
}
