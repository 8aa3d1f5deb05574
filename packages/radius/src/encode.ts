import { ATTRIBUTE } from './attributes.ts';
import { messageAuthenticator } from './message-authenticator.ts';
import {
  AUTHENTICATOR_OCTETS,
  HEADER_OCTETS,
  MAX_PACKET_OCTETS,
  MAX_VALUE_OCTETS,
  type Attribute,
  type Version,
} from './packet.ts';

/** A Message-Authenticator still empty: type, length and 16 octets. */
const MESSAGE_AUTHENTICATOR_OCTETS = 2 + AUTHENTICATOR_OCTETS;

/**
 * A packet whose header ends with `authenticator`, or in 1.1 with its token and zeros. With `secret` its first attribute is a
 * Message-Authenticator over that.
 * @throws RangeError for a code, an id or an attribute out of bounds, a Message-Authenticator among the attributes, or more than 4096 octets
 */
export function encodePacket(
  { code, id, authenticator, attributes }: { code: number; id: number; authenticator: Buffer; attributes: Attribute[] },
  version: Version,
  secret: Buffer | undefined,
): Buffer {
  const isSigned = secret !== undefined;
  const length = attributes.reduce(
    (sum, { value }) => sum + 2 + value.length,
    HEADER_OCTETS + (isSigned ? MESSAGE_AUTHENTICATOR_OCTETS : 0),
  );
  if (length > MAX_PACKET_OCTETS) {
    throw new RangeError(`a packet has at most ${MAX_PACKET_OCTETS} octets, not ${length}`);
  }
  if (authenticator.length !== AUTHENTICATOR_OCTETS) {
    throw new RangeError(`an authenticator has ${AUTHENTICATOR_OCTETS} octets`);
  }
  // writeUInt takes a fraction, or what is no number, for a whole one.
  if (!Number.isInteger(code) || !Number.isInteger(id)) throw new RangeError('a code and an id are whole numbers');
  const octets = Buffer.alloc(length);
  octets.writeUInt8(code, 0);
  octets.writeUInt16BE(length, 2);
  if (version === '1.1') octets.writeUInt32BE(id, 4);
  else {
    octets.writeUInt8(id, 1);
    authenticator.copy(octets, 4);
  }
  let at = HEADER_OCTETS;
  if (isSigned) {
    octets.writeUInt8(ATTRIBUTE.messageAuthenticator, at);
    octets.writeUInt8(MESSAGE_AUTHENTICATOR_OCTETS, at + 1);
    at += MESSAGE_AUTHENTICATOR_OCTETS;
  }
  for (const attribute of attributes) at = writeAttribute(attribute, octets, at);
  if (isSigned) {
    messageAuthenticator(octets, HEADER_OCTETS + 2, secret, authenticator).copy(octets, HEADER_OCTETS + 2);
  }
  return octets;
}

function writeAttribute({ type, value }: Attribute, octets: Buffer, at: number): number {
  if (!Number.isInteger(type) || type < 1 || type > 255) {
    throw new RangeError('the type of an attribute is a whole number from 1 to 255');
  }
  if (type === ATTRIBUTE.messageAuthenticator) {
    throw new RangeError('Message-Authenticator is computed here: take it out of the attributes');
  }
  if (value.length > MAX_VALUE_OCTETS) {
    throw new RangeError(`the value of attribute ${type} has more than ${MAX_VALUE_OCTETS} octets`);
  }
  octets.writeUInt8(type, at);
  octets.writeUInt8(2 + value.length, at + 1);
  value.copy(octets, at + 2);
  return at + 2 + value.length;
}
