import { authenticatorOver } from './authenticator.ts';
import { encodePacket } from './encode.ts';
import { AUTHENTICATOR_OCTETS, CODE, type Attribute, type Packet, type Version } from './packet.ts';

/**
 * The octets of a reply; the same for the same input, so that what was answered can be answered again (RAD-41).
 *
 * A Message-Authenticator is its first attribute, whether or not the request had one (RAD-31), and the Response Authenticator proves the
 * rest. Accounting-Response goes without it unless it is asked for, which only an answer to Status-Server should: for one to an
 * Accounting-Request no standard says what stands in the place of the authenticator, and FreeRADIUS 3.2.1 discards what we would send.
 * RADIUS/1.1 has neither of the two; TLS stands for both (RFC 9765 section 5.2).
 *
 * Only the octets are made here: Proxy-State of the request and what a reply may hold are the caller's.
 * @param request what is answered
 * @throws RangeError beyond 4096 octets, for an attribute that does not fit, or a Message-Authenticator among the attributes
 * @see RFC 2865 section 3
 */
export function encodeReply(
  reply: { code: number; attributes: Attribute[] },
  request: Pick<Packet, 'id' | 'authenticator'>,
  options: { secret: Buffer; version: Version; messageAuthenticator?: true },
): Buffer {
  const { secret, version } = options;
  const packet = { ...reply, id: request.id, authenticator: request.authenticator };
  if (version === '1.1') return encodePacket(packet, version, undefined);
  const isSigned = reply.code !== CODE.accountingResponse || options.messageAuthenticator === true;
  const octets = encodePacket(packet, version, isSigned ? secret : undefined);
  authenticatorOver(octets, request.authenticator, secret).copy(octets, 4, 0, AUTHENTICATOR_OCTETS);
  return octets;
}
