const MAX_DIGITS = 64;
/** An honest source fails a round for one byte in 43; this many in a row mean that it is broken. */
const MAX_ROUNDS = 64;
/** The largest multiple of ten that a byte can reach; the six values from here on would favour the digits 0 to 5. */
const UNBIASED_BELOW = 250;

/**
 * Decimal digits, every one equally likely, for codes that are sent out of band.
 * @param length 1 to 64
 * @param randomBytes a cryptographic source, such as node:crypto's randomBytes
 * @throws RangeError for another length; Error when the source gives too few bytes or none that can be used
 */
export function randomDigits(length: number, randomBytes: (byteCount: number) => Uint8Array): string {
  if (!Number.isInteger(length) || length < 1 || length > MAX_DIGITS) {
    throw new RangeError(`length must be a whole number from 1 to ${MAX_DIGITS}`);
  }
  let digits = '';
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const missing = length - digits.length;
    const bytes = randomBytes(missing);
    if (bytes.length !== missing) throw new Error('the random source gave another number of bytes than asked');
    for (const byte of bytes) if (byte < UNBIASED_BELOW) digits += String(byte % 10);
    if (digits.length === length) return digits;
  }
  throw new Error('the random source gives no usable bytes');
}
