import { hash } from 'node:crypto';
import { xorInto } from './xor.ts';

const BLOCK_OCTETS = 16;
/** RFC 2865 section 5.2. A longer password cannot travel, and is refused where it is chosen (RAD-06). */
export const MAX_PASSWORD_OCTETS = 128;

/**
 * What User-Password holds: the password, padded with NULs, under a stream of MD5 from the secret and the Request Authenticator.
 * @param password 1 to 128 octets. NULs at its end are lost on the way: the standard does not tell them from padding.
 * @param authenticator the Request Authenticator; never the same twice with one secret
 * @throws RangeError for a password or an authenticator of another length
 * @see RFC 2865 section 5.2
 */
export function hidePassword(password: Buffer, secret: Buffer, authenticator: Buffer): Buffer {
  if (password.length < 1 || password.length > MAX_PASSWORD_OCTETS) {
    throw new RangeError(`a password has 1 to ${MAX_PASSWORD_OCTETS} octets`);
  }
  checkAuthenticator(authenticator);
  const octets = Buffer.alloc(Math.ceil(password.length / BLOCK_OCTETS) * BLOCK_OCTETS);
  password.copy(octets);
  let previous = authenticator;
  for (let at = 0; at < octets.length; at += BLOCK_OCTETS) {
    const block = octets.subarray(at, at + BLOCK_OCTETS);
    xorInto(block, hash('md5', Buffer.concat([secret, previous]), 'buffer'));
    previous = block;
  }
  return octets;
}

/**
 * The password in User-Password, without the NULs at its end and with everything else; it may be empty. Undefined unless there are 16 to
 * 128 octets in multiples of 16. With another secret it comes out as noise, and nothing tells: check Message-Authenticator before.
 * @throws RangeError for an authenticator that has not 16 octets
 * @see RFC 2865 section 5.2
 */
export function revealPassword(hidden: Buffer, secret: Buffer, authenticator: Buffer): Buffer | undefined {
  checkAuthenticator(authenticator);
  const { length } = hidden;
  if (length < BLOCK_OCTETS || length > MAX_PASSWORD_OCTETS || length % BLOCK_OCTETS !== 0) return undefined;
  const octets = Buffer.from(hidden);
  let previous = authenticator;
  for (let at = 0; at < length; at += BLOCK_OCTETS) {
    xorInto(octets.subarray(at, at + BLOCK_OCTETS), hash('md5', Buffer.concat([secret, previous]), 'buffer'));
    previous = hidden.subarray(at, at + BLOCK_OCTETS);
  }
  let end = length;
  while (end > 0 && octets[end - 1] === 0) end -= 1;
  return octets.subarray(0, end);
}

function checkAuthenticator(authenticator: Buffer): void {
  if (authenticator.length !== BLOCK_OCTETS) throw new RangeError(`an authenticator has ${BLOCK_OCTETS} octets`);
}
