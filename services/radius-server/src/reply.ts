import { createHmac } from 'node:crypto';
import type { RadiusAnswer, RadiusAttribute } from '@countersign/contracts';
import {
  ATTRIBUTE,
  CODE,
  encodeReply,
  hideKey,
  vendorAttribute,
  type Attribute,
  type Packet,
} from '@countersign/radius';
import type { Way } from './judge.ts';

/** What a client is told. */
export type Decision = Exclude<RadiusAnswer, { answer: 'wait' }>;

const CODES = {
  accept: CODE.accessAccept,
  reject: CODE.accessReject,
  challenge: CODE.accessChallenge,
} as const satisfies Record<Decision['answer'], number>;

/**
 * The octets of an answer. They depend on the request and what was decided and on nothing else, so that every replica makes the same
 * (RAD-41): neither a clock nor chance is in them.
 * @throws RangeError when it does not fit into a packet
 */
export function encodeDecision(decision: Decision, request: Packet, way: Way): Buffer {
  const keySalts = saltsFor(request, way.secret);
  const attributes = decision.attributes.map((attribute) => asAttribute(attribute, request, way, keySalts));
  const state =
    decision.answer === 'challenge' ? [{ type: ATTRIBUTE.state, value: Buffer.from(decision.state, 'base64') }] : [];
  return encode(CODES[decision.answer], [...state, ...attributes], request, way);
}

/** @see RFC 2866 section 4.2 */
export function encodeAccountingResponse(request: Packet, way: Way): Buffer {
  return encode(CODE.accountingResponse, [], request, way);
}

/** Access-Accept where logins are asked for, Accounting-Response where accounting is (RFC 5997 section 3), with nothing in it. */
export function encodeStatus(request: Packet, way: Way): Buffer {
  const code = way.port === 'accounting' ? CODE.accountingResponse : CODE.accessAccept;
  return encode(code, [], request, way, { messageAuthenticator: true });
}

function encode(
  code: number,
  attributes: readonly Attribute[],
  request: Packet,
  { transport, secret }: Way,
  options: { messageAuthenticator?: true } = {},
): Buffer {
  // Every one, unchanged and in its order (RAD-10, RFC 2865 section 5.33).
  const proxyStates = request.attributes.filter(({ type }) => type === ATTRIBUTE.proxyState);
  const version = transport === 'tls-1.1' ? '1.1' : '1.0';
  return encodeReply({ code, attributes: [...attributes, ...proxyStates] }, request, { secret, version, ...options });
}

function asAttribute(
  { vendor, type, value: text, hidden }: RadiusAttribute,
  request: Packet,
  { transport, secret }: Way,
  nextSalt: () => Buffer,
): Attribute {
  const plain = Buffer.from(text, 'base64');
  // RADIUS/1.1 hides nothing: TLS does (RFC 9765 section 5.1.4).
  const isHidden = hidden === 'mppe' && transport !== 'tls-1.1';
  const value = isHidden ? hideKey(plain, nextSalt(), secret, request.authenticator) : plain;
  return vendor === undefined ? { type, value } : vendorAttribute({ vendor, type, value });
}

/** Of an answer, no two the same, the top bit set (RFC 2548 section 2.4.2). Made of the request, whose authenticator is never the same twice. */
function saltsFor(request: Packet, secret: Buffer): () => Buffer {
  // Few answers hide anything.
  let first: number | undefined;
  let made = 0;
  return () => {
    first ??= createHmac('sha256', secret).update('mppe salt').update(request.authenticator).digest().readUInt16BE(0);
    const salt = Buffer.alloc(2);
    salt.writeUInt16BE(((first + made) & 0x7fff) | 0x8000);
    made += 1;
    return salt;
  };
}
