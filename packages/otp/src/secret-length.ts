import type { OtpAlgorithm } from './algorithm.ts';

/** 128 bits. @see RFC 4226 section 4, R6 */
export const MIN_SECRET_BYTES = 16;
/** otplib's bound, and the length that SHA-512 tokens use. */
export const MAX_SECRET_BYTES = 64;

/** Bytes to draw for a new secret: the length of the hash. @see RFC 4226 section 4, R6; RFC 6238 section 5.1 */
export const RECOMMENDED_SECRET_BYTES: Readonly<Record<OtpAlgorithm, number>> = { SHA1: 20, SHA256: 32, SHA512: 64 };

/**
 * Refuses secrets that are too weak or that no token has (OATH-03). Imported ones may be shorter than recommended.
 * @throws RangeError under 16 or over 64 bytes, or for an unknown algorithm. The message never holds the secret.
 */
export function checkSecretLength(secret: Uint8Array, algorithm: OtpAlgorithm): void {
  if (!Object.hasOwn(RECOMMENDED_SECRET_BYTES, algorithm))
    throw new RangeError('algorithm must be SHA1, SHA256 or SHA512');
  if (secret.length < MIN_SECRET_BYTES || secret.length > MAX_SECRET_BYTES) {
    throw new RangeError(
      `secret must have ${MIN_SECRET_BYTES} to ${MAX_SECRET_BYTES} bytes (for ${algorithm} draw ` +
        `${RECOMMENDED_SECRET_BYTES[algorithm]}), got ${secret.length}`,
    );
  }
}
