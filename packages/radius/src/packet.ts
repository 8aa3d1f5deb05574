/** RADIUS over UDP or TLS (RFC 2865, RFC 6614), or RADIUS/1.1 over TLS, which has no MD5 in it (RFC 9765). */
export type Version = '1.0' | '1.1';

export interface Attribute {
  /** 1 to 255. */
  type: number;
  /** 0 to 253 octets. What readPacket gives is a view of the datagram, not a copy. */
  value: Buffer;
}

export interface Packet {
  /** 0 to 255. Whether it belongs on the port is for the caller to say. */
  code: number;
  /** The Identifier, 0 to 255; in 1.1 the Token, 0 to 2^32 - 1. */
  id: number;
  /** 16 octets; all zero in 1.1, which has none. */
  authenticator: Buffer;
  /** In the order of the packet, which is of meaning (RFC 2865 section 5). */
  attributes: Attribute[];
  /** As received, without padding. */
  octets: Buffer;
}

/** @see RFC 2865 section 3, RFC 2866 section 3, RFC 5997 section 3, RFC 7930 section 4 */
export const CODE = {
  accessRequest: 1,
  accessAccept: 2,
  accessReject: 3,
  accountingRequest: 4,
  accountingResponse: 5,
  accessChallenge: 11,
  statusServer: 12,
  protocolError: 52,
} as const;

/** Why a packet is discarded without an answer (RAD-01, RAD-02). */
export const MALFORMED = [
  'too-short',
  'length-below-20',
  'length-above-4096',
  'truncated',
  'attribute-length',
  'attribute-overrun',
  'too-many-attributes',
  'reserved',
] as const;
export type Malformed = (typeof MALFORMED)[number];

export const HEADER_OCTETS = 20;
export const AUTHENTICATOR_OCTETS = 16;
/** RFC 2865 section 3. RFC 7930 allows more over TLS; no packet of an authentication needs it. */
export const MAX_PACKET_OCTETS = 4096;
/** RAD-02: as many as FreeRADIUS takes; without a bound 2038 empty ones fit. */
const MAX_ATTRIBUTES = 200;
/** The length is one octet and counts the two of type and length. */
export const MAX_VALUE_OCTETS = 253;

/**
 * Reads one packet. Never throws, whatever the octets are; nothing of it is proven yet.
 * Octets past the length that the packet states are padding and are ignored (RFC 2865 section 3).
 * Over TLS there is no padding: cut the stream with nextPacketLength first.
 * In 1.1 the reserved octets of the header are not looked at (RFC 9765 section 4.1).
 * The packet shares the memory of `datagram`: whoever uses that again copies it before.
 */
export function readPacket(datagram: Buffer, version: Version): Packet | { malformed: Malformed } {
  if (datagram.length < HEADER_OCTETS) return { malformed: 'too-short' };
  const length = nextPacketLength(datagram);
  if (typeof length !== 'number') return length ?? { malformed: 'too-short' };
  if (length > datagram.length) return { malformed: 'truncated' };
  const octets = datagram.subarray(0, length);
  const attributes = readAttributes(octets);
  if (!Array.isArray(attributes)) return attributes;
  const isOldHeader = version === '1.0';
  return {
    code: octets.readUInt8(0),
    id: isOldHeader ? octets.readUInt8(1) : octets.readUInt32BE(4),
    authenticator: isOldHeader ? octets.subarray(4, HEADER_OCTETS) : Buffer.alloc(AUTHENTICATOR_OCTETS),
    attributes,
    octets,
  };
}

/**
 * How long the packet is that starts a TLS stream: 20 to 4096 octets. Undefined while fewer than the four octets are there that tell it.
 * The caller waits until as many octets as told are there, and closes the connection on `malformed` (RFC 6613 section 2.6.4): a stream that
 * lost its place does not find it again.
 */
export function nextPacketLength(buffered: Buffer): number | undefined | { malformed: Malformed } {
  if (buffered.length < 4) return undefined;
  const length = buffered.readUInt16BE(2);
  if (length < HEADER_OCTETS) return { malformed: 'length-below-20' };
  if (length > MAX_PACKET_OCTETS) return { malformed: 'length-above-4096' };
  return length;
}

/** The values of every attribute of this type, in their order. */
export function attributesOf(packet: Pick<Packet, 'attributes'>, type: number): Buffer[] {
  return packet.attributes.filter((attribute) => attribute.type === type).map(({ value }) => value);
}

/** The value of the first attribute of this type. Whether there may be more is for the caller to say. */
export function firstOf(packet: Pick<Packet, 'attributes'>, type: number): Buffer | undefined {
  return packet.attributes.find((attribute) => attribute.type === type)?.value;
}

function readAttributes(octets: Buffer): Attribute[] | { malformed: Malformed } {
  const attributes: Attribute[] = [];
  for (let at = HEADER_OCTETS; at < octets.length;) {
    if (at + 2 > octets.length) return { malformed: 'attribute-overrun' };
    const type = octets.readUInt8(at);
    const length = octets.readUInt8(at + 1);
    if (length < 2) return { malformed: 'attribute-length' };
    if (at + length > octets.length) return { malformed: 'attribute-overrun' };
    // No attribute has this number; whoever sends it means to confuse.
    if (type === 0) return { malformed: 'reserved' };
    if (attributes.length === MAX_ATTRIBUTES) return { malformed: 'too-many-attributes' };
    attributes.push({ type, value: octets.subarray(at + 2, at + length) });
    at += length;
  }
  return attributes;
}
