export { ATTRIBUTE, MICROSOFT, VENDOR } from './attributes.ts';
export { attributeFrom, DICTIONARY, nameOf } from './dictionary.ts';
export { messageAuthenticatorOf } from './message-authenticator.ts';
export { hideKey, revealKey } from './mppe.ts';
export { addressText, firstBits, networkText, readAddress, readNetwork } from './network.ts';
export {
  attributesOf,
  CODE,
  firstOf,
  MALFORMED,
  nextPacketLength,
  readPacket,
  type Attribute,
  type Malformed,
  type Packet,
  type Version,
} from './packet.ts';
export { hidePassword, MAX_PASSWORD_OCTETS, revealPassword } from './password.ts';
export { encodeReply } from './reply.ts';
export {
  checkReply,
  encodeAccessRequest,
  encodeAccountingRequest,
  encodeStatusServer,
  isAccountingRequestOf,
  type Request,
} from './request.ts';
export { readText, textAttributes, type LegacyCharset } from './text.ts';
export { vendorAttribute, vendorAttributesOf } from './vendor.ts';
