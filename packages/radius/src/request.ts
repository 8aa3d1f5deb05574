import { timingSafeEqual } from 'node:crypto';
import { authenticatorOver } from './authenticator.ts';
import { encodePacket } from './encode.ts';
import { messageAuthenticatorOf } from './message-authenticator.ts';
import { AUTHENTICATOR_OCTETS, CODE, type Attribute, type Packet, type Version } from './packet.ts';

const ZEROS = Buffer.alloc(AUTHENTICATOR_OCTETS);

export interface Request {
  /** 0 to 255; in 1.1 0 to 2^32 - 1. */
  id: number;
  /** 16 random octets, never the same twice with one secret; 1.1 does not send it. */
  authenticator: Buffer;
  attributes: Attribute[];
}

/**
 * An Access-Request with Message-Authenticator first (RAD-35); in 1.1 without one.
 * @throws RangeError as encodeReply does
 * @see RFC 2865 section 4.1
 */
export function encodeAccessRequest(request: Request, secret: Buffer, version: Version = '1.0'): Buffer {
  return encodePacket({ ...request, code: CODE.accessRequest }, version, version === '1.0' ? secret : undefined);
}

/**
 * A Status-Server, which always carries a Message-Authenticator; in 1.1 without one.
 * @throws RangeError as encodeReply does
 * @see RFC 5997 section 3
 */
export function encodeStatusServer(
  { attributes = [], ...request }: Omit<Request, 'attributes'> & { attributes?: Attribute[] },
  secret: Buffer,
  version: Version = '1.0',
): Buffer {
  const packet = { ...request, attributes, code: CODE.statusServer };
  return encodePacket(packet, version, version === '1.0' ? secret : undefined);
}

/**
 * An Accounting-Request. Its authenticator is computed from the rest.
 * @throws RangeError as encodeReply does
 * @see RFC 2866 section 3
 */
export function encodeAccountingRequest(
  request: Omit<Request, 'authenticator'>,
  secret: Buffer,
  version: Version = '1.0',
): Buffer {
  const octets = encodePacket({ ...request, authenticator: ZEROS, code: CODE.accountingRequest }, version, undefined);
  if (version === '1.0') authenticatorOver(octets, ZEROS, secret).copy(octets, 4);
  return octets;
}

/**
 * Whether an Accounting-Request was made by someone with the secret (RAD-75). A Message-Authenticator that it may have is not
 * looked at: ask messageAuthenticatorOf as well. In 1.1 nothing is to be asked: TLS says who it is.
 * @see RFC 2866 section 3
 */
export function isAccountingRequestOf(packet: Packet, secret: Buffer): boolean {
  return (
    packet.code === CODE.accountingRequest &&
    timingSafeEqual(authenticatorOver(packet.octets, ZEROS, secret), packet.authenticator)
  );
}

/**
 * Whether a reply was made for this request by someone with the secret. Everything but `right` is discarded as if it had not come: the
 * right one may still follow. The Response Authenticator alone can be forged by whoever stands between and chooses a Proxy-State
 * (CVE-2024-3596), so that requireMessageAuthenticator is not to be left out lightly (RAD-35).
 * @param requestAuthenticator of the request that waits with the identifier of this reply
 */
export function checkReply(
  packet: Packet,
  {
    requestAuthenticator,
    secret,
    requireMessageAuthenticator,
  }: { requestAuthenticator: Buffer; secret: Buffer; requireMessageAuthenticator: boolean },
): 'right' | 'wrong-authenticator' | 'no-message-authenticator' | 'wrong-message-authenticator' {
  const expected = authenticatorOver(packet.octets, requestAuthenticator, secret);
  if (!timingSafeEqual(expected, packet.authenticator)) return 'wrong-authenticator';
  const found = messageAuthenticatorOf(packet, secret, requestAuthenticator);
  if (found === 'absent') return requireMessageAuthenticator ? 'no-message-authenticator' : 'right';
  return found === 'right' ? 'right' : 'wrong-message-authenticator';
}
