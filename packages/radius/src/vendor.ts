import { ATTRIBUTE } from './attributes.ts';
import { MAX_VALUE_OCTETS, type Attribute, type Packet } from './packet.ts';

/** Four octets of the vendor, one of the type, one of the length. */
const HEADER_OCTETS = 6;
export const MAX_VENDOR_VALUE_OCTETS = MAX_VALUE_OCTETS - HEADER_OCTETS;

/**
 * One attribute of a vendor, in a Vendor-Specific of its own.
 * @param vendor its enterprise number, 1 to 2^24 - 1
 * @param type 0 to 255
 * @param value 0 to 247 octets
 * @throws RangeError beyond those bounds
 * @see RFC 2865 section 5.26
 */
export function vendorAttribute({ vendor, type, value }: { vendor: number; type: number; value: Buffer }): Attribute {
  if (!Number.isInteger(vendor) || vendor < 1 || vendor >= 2 ** 24) {
    throw new RangeError('vendor must be a whole number from 1 to 2^24 - 1');
  }
  if (!Number.isInteger(type) || type < 0 || type > 255) {
    throw new RangeError('type must be a whole number from 0 to 255');
  }
  if (value.length > MAX_VENDOR_VALUE_OCTETS) {
    throw new RangeError(`the value of a vendor's attribute has at most ${MAX_VENDOR_VALUE_OCTETS} octets`);
  }
  const octets = Buffer.allocUnsafe(HEADER_OCTETS + value.length);
  octets.writeUInt32BE(vendor, 0);
  octets.writeUInt8(type, 4);
  octets.writeUInt8(2 + value.length, 5);
  value.copy(octets, HEADER_OCTETS);
  return { type: ATTRIBUTE.vendorSpecific, value: octets };
}

/**
 * The attributes of one vendor, in their order; several may share one Vendor-Specific. Never throws.
 * One that does not hold whole attributes is passed over as a whole: some vendors write it another way, and RFC 2865 section 5.26 says to
 * ignore what cannot be read. So nothing may be let through because an attribute is missing here.
 */
export function vendorAttributesOf(
  packet: Pick<Packet, 'attributes'>,
  vendor: number,
): { type: number; value: Buffer }[] {
  return packet.attributes.flatMap(({ type, value }) =>
    type === ATTRIBUTE.vendorSpecific && value.length > 4 && value.readUInt32BE(0) === vendor
      ? (readSubAttributes(value) ?? [])
      : [],
  );
}

function readSubAttributes(octets: Buffer): { type: number; value: Buffer }[] | undefined {
  const found: { type: number; value: Buffer }[] = [];
  for (let at = 4; at < octets.length;) {
    if (at + 2 > octets.length) return undefined;
    const length = octets.readUInt8(at + 1);
    if (length < 2 || at + length > octets.length) return undefined;
    found.push({ type: octets.readUInt8(at), value: octets.subarray(at + 2, at + length) });
    at += length;
  }
  return found;
}
