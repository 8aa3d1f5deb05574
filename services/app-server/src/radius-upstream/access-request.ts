import {
  ATTRIBUTE,
  hidePassword,
  MICROSOFT,
  VENDOR,
  vendorAttribute,
  vendorAttributesOf,
  type Attribute,
} from '@countersign/radius';

/** What an upstream server is asked. */
export interface UpstreamRequest {
  /** User-Name, and whatever the server is to know of the access server. Credentials, State and Proxy-State among them are left out. */
  attributes: readonly Attribute[];
  /** One of these three; with `state` the last may go on with what another began. */
  password?: string;
  mschap?: { challenge: Buffer; response: Buffer };
  eap?: Buffer;
  /** Of the server's last challenge. */
  state?: Buffer;
}

/** We are the access server that it has as its client (RFC 2865 section 5.32). */
const NAS_IDENTIFIER = Buffer.from('countersign');
const LONGEST_VALUE = 253;

/**
 * Never handed on. Proxy-State is a matter between the access server and us: without it no request of ours looks like one that somebody has
 * made fit for forging (RAD-11, CVE-2024-3596), and answers are told by their socket. The rest is made anew for this server.
 */
const OURS = new Set<number>([
  ATTRIBUTE.userPassword,
  ATTRIBUTE.chapPassword,
  ATTRIBUTE.chapChallenge,
  ATTRIBUTE.arapPassword,
  ATTRIBUTE.state,
  ATTRIBUTE.proxyState,
  ATTRIBUTE.eapMessage,
  ATTRIBUTE.messageAuthenticator,
  ATTRIBUTE.nasIdentifier,
]);
const OF_MSCHAP = new Set<number>([MICROSOFT.msChapResponse, MICROSOFT.msChapChallenge, MICROSOFT.msChap2Response]);

/**
 * The attributes of the Access-Request, without Message-Authenticator. The challenge of MS-CHAPv2 and the response to it are handed on as they
 * came: one is bound to the other (RAD-62).
 * @throws RangeError for a password of no octet, or of more than 128 (RAD-06).
 */
export function accessRequestAttributes(request: UpstreamRequest, secret: Buffer, authenticator: Buffer): Attribute[] {
  const { attributes, password, mschap, eap, state } = request;
  const microsoft = (type: number, value: Buffer) => vendorAttribute({ vendor: VENDOR.microsoft, type, value });
  return [
    ...attributes.filter((attribute) => !OURS.has(attribute.type) && !isOfMschap(attribute)),
    { type: ATTRIBUTE.nasIdentifier, value: NAS_IDENTIFIER },
    ...(password === undefined
      ? []
      : [{ type: ATTRIBUTE.userPassword, value: hidePassword(Buffer.from(password), secret, authenticator) }]),
    ...(mschap === undefined
      ? []
      : [
          microsoft(MICROSOFT.msChapChallenge, mschap.challenge),
          microsoft(MICROSOFT.msChap2Response, mschap.response),
        ]),
    ...(eap === undefined ? [] : piecesOf(eap).map((value) => ({ type: ATTRIBUTE.eapMessage, value }))),
    ...(state === undefined ? [] : [{ type: ATTRIBUTE.state, value: state }]),
  ];
}

function isOfMschap(attribute: Attribute): boolean {
  return vendorAttributesOf({ attributes: [attribute] }, VENDOR.microsoft).some(({ type }) => OF_MSCHAP.has(type));
}

/** RFC 3579 section 3.1: one after the other they are one message. */
function piecesOf(eap: Buffer): Buffer[] {
  return Array.from({ length: Math.ceil(eap.length / LONGEST_VALUE) }, (_, index) =>
    eap.subarray(index * LONGEST_VALUE, (index + 1) * LONGEST_VALUE),
  );
}
