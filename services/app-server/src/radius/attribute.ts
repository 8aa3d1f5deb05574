import type { RadiusAttribute } from '@countersign/contracts';
import { ATTRIBUTE, vendorAttribute, vendorAttributesOf, type Attribute } from '@countersign/radius';

/** As attributes cross the bus: each of a vendor on its own. A Vendor-Specific that cannot be read stays one (RFC 2865 section 5.26). */
export function contractAttributes({ type, value }: Attribute): RadiusAttribute[] {
  const whole = [{ type, value: value.toString('base64') }];
  if (type !== ATTRIBUTE.vendorSpecific || value.length < 4) return whole;
  const vendor = value.readUInt32BE(0);
  const parts = vendorAttributesOf({ attributes: [{ type, value }] }, vendor);
  const isWhole = vendor > 0 && vendor < 2 ** 24 && parts.length > 0 && parts.every((part) => part.type > 0);
  return isWhole ? parts.map((part) => ({ vendor, type: part.type, value: part.value.toString('base64') })) : whole;
}

/**
 * As they stand in a packet. The caller has hidden what is to be hidden.
 * @throws RangeError for a value that is too long for an attribute of a vendor.
 */
export function packetAttribute({ vendor, type, value }: RadiusAttribute): Attribute {
  const octets = Buffer.from(value, 'base64');
  return vendor === undefined ? { type, value: octets } : vendorAttribute({ vendor, type, value: octets });
}
