import { createHmac, timingSafeEqual } from 'node:crypto';
import { ATTRIBUTE } from './attributes.ts';
import { AUTHENTICATOR_OCTETS, CODE, HEADER_OCTETS, type Packet } from './packet.ts';

const ZEROS = Buffer.alloc(AUTHENTICATOR_OCTETS);

/**
 * Whether the Message-Authenticator of a packet is right (RAD-30). `malformed`: there are several, or it has not 18 octets. Who gets `wrong`
 * or `malformed` discards the packet without an answer; whether `absent` will do is the client's setting.
 *
 * The HMAC is over the packet with its own 16 octets zero. What it has in the place of the authenticator depends on the packet:
 * - Access-Request and Status-Server: the Request Authenticator that they carry (RFC 3579 section 3.2, RFC 5997 section 3);
 * - Accounting-Request: zeros, for its own authenticator is computed afterwards (RFC 5176 section 3.4 says it for such requests), whatever
 *   is given here;
 * - every reply: the authenticator of the request, which must be given.
 *
 * Not to be asked about a packet of RADIUS/1.1, where the attribute has no meaning (RFC 9765 section 5.2).
 * @param packet as readPacket gave it
 * @param requestAuthenticator 16 octets
 */
export function messageAuthenticatorOf(
  packet: Packet,
  secret: Buffer,
  requestAuthenticator: Buffer = packet.authenticator,
): 'absent' | 'right' | 'wrong' | 'malformed' {
  let found: { at: number; value: Buffer } | undefined;
  let at = HEADER_OCTETS;
  for (const { type, value } of packet.attributes) {
    if (type === ATTRIBUTE.messageAuthenticator) {
      if (found !== undefined || value.length !== AUTHENTICATOR_OCTETS) return 'malformed';
      found = { at: at + 2, value };
    }
    at += 2 + value.length;
  }
  if (found === undefined) return 'absent';
  const field = packet.code === CODE.accountingRequest ? ZEROS : requestAuthenticator;
  return timingSafeEqual(messageAuthenticator(packet.octets, found.at, secret, field), found.value) ? 'right' : 'wrong';
}

/** What belongs at `at` of the packet `octets`, when `authenticator` stands in its header. */
export function messageAuthenticator(octets: Buffer, at: number, secret: Buffer, authenticator: Buffer): Buffer {
  return createHmac('md5', secret)
    .update(octets.subarray(0, 4))
    .update(authenticator)
    .update(octets.subarray(HEADER_OCTETS, at))
    .update(ZEROS)
    .update(octets.subarray(at + AUTHENTICATOR_OCTETS))
    .digest();
}
