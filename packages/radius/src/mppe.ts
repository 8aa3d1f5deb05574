import { hash } from 'node:crypto';
import { xorInto } from './xor.ts';

const BLOCK_OCTETS = 16;
const SALT_OCTETS = 2;
/** With its length in front it fills the fifteen blocks that fit into an attribute behind the salt. */
const MAX_KEY_OCTETS = 15 * BLOCK_OCTETS - 1;

/**
 * What MS-MPPE-Send-Key and MS-MPPE-Recv-Key hold: salt ‖ ciphertext.
 * @param key 1 to 239 octets
 * @param salt 2 octets, the top bit set, another one for each key of a packet
 * @param requestAuthenticator of the request that is answered
 * @throws RangeError beyond those bounds
 * @see RFC 2548 section 2.4.2
 */
export function hideKey(key: Buffer, salt: Buffer, secret: Buffer, requestAuthenticator: Buffer): Buffer {
  if (key.length < 1 || key.length > MAX_KEY_OCTETS) throw new RangeError(`a key has 1 to ${MAX_KEY_OCTETS} octets`);
  if (!isSalt(salt)) throw new RangeError('a salt has two octets, and its top bit is set');
  checkAuthenticator(requestAuthenticator);
  const octets = Buffer.alloc(SALT_OCTETS + Math.ceil((1 + key.length) / BLOCK_OCTETS) * BLOCK_OCTETS);
  salt.copy(octets);
  octets.writeUInt8(key.length, SALT_OCTETS);
  key.copy(octets, SALT_OCTETS + 1);
  let previous = Buffer.concat([requestAuthenticator, salt]);
  for (let at = SALT_OCTETS; at < octets.length; at += BLOCK_OCTETS) {
    const block = octets.subarray(at, at + BLOCK_OCTETS);
    xorInto(block, hash('md5', Buffer.concat([secret, previous]), 'buffer'));
    previous = block;
  }
  return octets;
}

/**
 * The key that hideKey hid. Undefined when the value cannot be one: a salt without its top bit, no whole blocks, or a length beyond what
 * is there. With another secret most values are undefined and some come out as noise: check the packet before.
 * @throws RangeError for an authenticator that has not 16 octets
 * @see RFC 2548 section 2.4.2
 */
export function revealKey(value: Buffer, secret: Buffer, requestAuthenticator: Buffer): Buffer | undefined {
  checkAuthenticator(requestAuthenticator);
  const salt = value.subarray(0, SALT_OCTETS);
  const hidden = value.subarray(SALT_OCTETS);
  if (!isSalt(salt) || hidden.length === 0 || hidden.length % BLOCK_OCTETS !== 0) return undefined;
  if (hidden.length > MAX_KEY_OCTETS + 1) return undefined;
  const octets = Buffer.from(hidden);
  let previous: Buffer = Buffer.concat([requestAuthenticator, salt]);
  for (let at = 0; at < octets.length; at += BLOCK_OCTETS) {
    xorInto(octets.subarray(at, at + BLOCK_OCTETS), hash('md5', Buffer.concat([secret, previous]), 'buffer'));
    previous = hidden.subarray(at, at + BLOCK_OCTETS);
  }
  const length = octets.readUInt8(0);
  return length === 0 || length >= octets.length ? undefined : octets.subarray(1, 1 + length);
}

function isSalt(salt: Buffer): boolean {
  return salt.length === SALT_OCTETS && salt.readUInt8(0) >= 0x80;
}

function checkAuthenticator(authenticator: Buffer): void {
  if (authenticator.length !== BLOCK_OCTETS) throw new RangeError(`an authenticator has ${BLOCK_OCTETS} octets`);
}
