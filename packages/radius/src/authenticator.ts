import { hash } from 'node:crypto';
import { HEADER_OCTETS } from './packet.ts';

/**
 * MD5 over a packet with `authenticator` in its header, and the secret: the Response Authenticator when that is the request's (RFC 2865
 * section 3), the authenticator of an Accounting-Request when it is zeros (RFC 2866 section 3).
 */
export function authenticatorOver(octets: Buffer, authenticator: Buffer, secret: Buffer): Buffer {
  return hash(
    'md5',
    Buffer.concat([octets.subarray(0, 4), authenticator, octets.subarray(HEADER_OCTETS), secret]),
    'buffer',
  );
}
