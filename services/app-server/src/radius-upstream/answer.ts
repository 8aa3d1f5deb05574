import type { RadiusAttribute } from '@countersign/contracts';
import {
  ATTRIBUTE,
  checkReply,
  CODE,
  firstOf,
  MICROSOFT,
  readPacket,
  revealKey,
  VENDOR,
  type Packet,
} from '@countersign/radius';
import { contractAttributes } from '../radius/attribute.ts';

/** What an upstream server says of a login. */
export interface UpstreamAnswer {
  outcome: 'accept' | 'reject' | 'challenge';
  /**
   * As received, in their order; keys of MPPE in the clear, with `hidden`. Without State, Proxy-State, Message-Authenticator, and without
   * Tunnel-Password, which is encrypted for us and which nothing hands on.
   */
  attributes: RadiusAttribute[];
  state?: Buffer;
}

/** Why a datagram is no answer. Whoever sent it, the answer may still come. */
const DROPPED = [
  'malformed',
  'another-request',
  'wrong-authenticator',
  'no-message-authenticator',
  'wrong-message-authenticator',
] as const;
export type Dropped = (typeof DROPPED)[number];

/** Of which request it has to be the answer. */
export interface Asked {
  id: number;
  authenticator: Buffer;
  secret: Buffer;
  requireMessageAuthenticator: boolean;
}

const OUTCOMES = new Map<number, UpstreamAnswer['outcome']>([
  [CODE.accessAccept, 'accept'],
  [CODE.accessReject, 'reject'],
  [CODE.accessChallenge, 'challenge'],
]);
const BETWEEN_US = new Set<number>([
  ATTRIBUTE.state,
  ATTRIBUTE.proxyState,
  ATTRIBUTE.messageAuthenticator,
  ATTRIBUTE.tunnelPassword,
]);
const KEYS = new Set<number>([MICROSOFT.mppeSendKey, MICROSOFT.mppeRecvKey]);

/** The packet in a datagram, as far as whoever has the secret made it for this request (RAD-35). */
export function provenPacket(datagram: Buffer, asked: Asked): Packet | { dropped: Dropped } {
  const packet = readPacket(datagram, '1.0');
  if ('malformed' in packet) return { dropped: 'malformed' };
  if (packet.id !== asked.id || !OUTCOMES.has(packet.code)) return { dropped: 'another-request' };
  const proof = checkReply(packet, { ...asked, requestAuthenticator: asked.authenticator });
  return proof === 'right' ? packet : { dropped: proof };
}

/** What a proven packet says. One with a key that cannot be read, or with a challenge that nothing could continue, says nothing. */
export function answerOf(packet: Packet, { secret, authenticator }: Asked): UpstreamAnswer | { dropped: Dropped } {
  const outcome = OUTCOMES.get(packet.code);
  const state = firstOf(packet, ATTRIBUTE.state);
  const isEmptyState = state !== undefined && state.length === 0;
  if (outcome === undefined || isEmptyState || (outcome === 'challenge' && state === undefined)) {
    return { dropped: 'malformed' };
  }
  const attributes = packet.attributes
    .filter(({ type }) => !BETWEEN_US.has(type))
    .flatMap(contractAttributes)
    .map((attribute) => {
      if (attribute.vendor !== VENDOR.microsoft || !KEYS.has(attribute.type)) return attribute;
      const key = revealKey(Buffer.from(attribute.value, 'base64'), secret, authenticator);
      return key && { ...attribute, value: key.toString('base64'), hidden: 'mppe' as const };
    });
  if (!attributes.every((attribute) => attribute !== undefined)) return { dropped: 'malformed' };
  return {
    outcome,
    attributes,
    ...(state !== undefined && { state: Buffer.from(state) }),
  };
}
