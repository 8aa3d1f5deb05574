import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** An API key when it is made: the text is shown once, the hash is kept. */
export interface NewApiKey {
  keyId: string;
  text: string;
  secretHash: Buffer;
}

const SECRET_BYTES = 32;

/** `csk_<keyId>_<secret>`. The secret has 256 random bits, so a fast hash of it is enough. */
export function newApiKey(keyId: string, secret: string = randomBytes(SECRET_BYTES).toString('base64url')): NewApiKey {
  const digest = createHash('sha256').update(secret).digest('base64url');
  return { keyId, text: `csk_${keyId}_${secret}`, secretHash: hashOfDigest(digest) };
}

/** Callers present a digest of the secret; what is kept is a hash of that, so that a stolen row opens nothing. */
export function isSecretOf(digest: string, secretHash: Buffer): boolean {
  const given = hashOfDigest(digest);
  return given.length === secretHash.length && timingSafeEqual(given, secretHash);
}

function hashOfDigest(digest: string): Buffer {
  return createHash('sha256').update(digest).digest();
}
