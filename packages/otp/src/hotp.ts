import { generateSync } from 'otplib';
import type { OtpAlgorithm, OtpDigits } from './algorithm.ts';
import { nodeHmac } from './node-hmac.ts';
import { checkSecretLength } from './secret-length.ts';

const OTPLIB_ALGORITHM = { SHA1: 'sha1', SHA256: 'sha256', SHA512: 'sha512' } as const;
const DIGITS: readonly number[] = [6, 7, 8] satisfies OtpDigits[];

/**
 * The code for one counter, with its leading zeros (OATH-01, OATH-02).
 * Every parameter is checked here because otplib takes a missing one for its default.
 * @param counter 0 to 2^53 - 1, see docs/divergences.md
 * @throws RangeError for a counter, algorithm, number of digits or length of secret out of bounds
 * @see RFC 4226 section 5.3
 */
export function hotp(
  secret: Uint8Array,
  counter: bigint | number,
  { algorithm, digits }: { algorithm: OtpAlgorithm; digits: OtpDigits },
): string {
  checkSecretLength(secret, algorithm);
  if (!DIGITS.includes(digits)) throw new RangeError('digits must be 6, 7 or 8');
  // A bigint beyond 2^53 becomes a number that is not safe, so one check serves both.
  const movingFactor = Number(counter);
  if (!Number.isSafeInteger(movingFactor) || movingFactor < 0) {
    throw new RangeError('counter must be a whole number from 0 to 2^53 - 1');
  }
  return generateSync({
    strategy: 'hotp',
    secret,
    counter: movingFactor,
    algorithm: OTPLIB_ALGORITHM[algorithm],
    digits,
    crypto: nodeHmac,
  });
}
