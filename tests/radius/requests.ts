import { randomBytes } from 'node:crypto';
import {
  ATTRIBUTE,
  encodeAccessRequest,
  hidePassword,
  readPacket,
  type Attribute,
  type Packet,
} from '@countersign/radius';

const HEADER_OCTETS = 20;
const MESSAGE_AUTHENTICATOR_OCTETS = 18;

/** An Access-Request with a password, Message-Authenticator first. */
export function passwordRequest(
  secret: string,
  { username, password }: { username: string; password: string },
  more: readonly Attribute[] = [],
): Buffer {
  const authenticator = randomBytes(16);
  const key = Buffer.from(secret);
  const attributes = [
    { type: ATTRIBUTE.userName, value: Buffer.from(username) },
    { type: ATTRIBUTE.userPassword, value: hidePassword(Buffer.from(password), key, authenticator) },
    { type: ATTRIBUTE.nasIdentifier, value: Buffer.from('test') },
    ...more,
  ];
  return encodeAccessRequest({ id: randomBytes(1).readUInt8(0), authenticator, attributes }, key);
}

/** The same as whoever has never heard of Message-Authenticator sends it, where that is the first attribute. */
export function unsigned(packet: Buffer): Buffer {
  const rest = packet.subarray(HEADER_OCTETS + MESSAGE_AUTHENTICATOR_OCTETS);
  const shorter = Buffer.concat([packet.subarray(0, HEADER_OCTETS), rest]);
  shorter.writeUInt16BE(shorter.length, 2);
  return shorter;
}

/** Whether its first attribute is a Message-Authenticator, by its octets. */
export function isSignedFirst(packet: Buffer): boolean {
  const [type, length] = [packet.readUInt8(HEADER_OCTETS), packet.readUInt8(HEADER_OCTETS + 1)];
  return type === ATTRIBUTE.messageAuthenticator && length === MESSAGE_AUTHENTICATOR_OCTETS;
}

/** The same with other octets in the Message-Authenticator that comes first. */
export function withProof(packet: Buffer, change: (octet: number, at: number) => number): Buffer {
  const changed = Buffer.from(packet);
  const first = HEADER_OCTETS + 2;
  for (let at = first; at < HEADER_OCTETS + MESSAGE_AUTHENTICATOR_OCTETS; at += 1) {
    changed.writeUInt8(change(packet.readUInt8(at), at - first), at);
  }
  return changed;
}

/** @throws Error when nothing came, or no packet. */
export function packetIn(octets: Buffer | undefined): Packet {
  const packet = octets === undefined ? { malformed: 'nothing came' } : readPacket(octets, '1.0');
  if ('malformed' in packet) throw new Error(packet.malformed);
  return packet;
}
