import { readFileSync } from 'node:fs';
import { readPacket, type Packet, type Version } from '../packet.ts';

interface Vectors {
  exchanges: { name: string; secret: string; password?: string; request: string; reply: string }[];
  signedRequests: { name: string; secret: string; password?: string; octets: string }[];
  mppeKeys: { name: string; type: number; exchange: string; key: string }[];
}

const vectors = JSON.parse(
  readFileSync(new URL('../../../../tests/vectors/radius.json', import.meta.url), 'utf8'),
) as Vectors;

export const EXCHANGES = vectors.exchanges.map(({ name, secret, password, request, reply }) => ({
  name,
  secret: Buffer.from(secret),
  password,
  request: packetFrom(request),
  reply: packetFrom(reply),
}));

export const SIGNED_REQUESTS = vectors.signedRequests.map(({ name, secret, password, octets }) => ({
  name,
  secret: Buffer.from(secret),
  password,
  packet: packetFrom(octets),
}));

export const MPPE_KEYS = vectors.mppeKeys.map(({ name, type, exchange, key }) => ({
  name,
  type,
  exchange: exchangeOf(exchange),
  key: Buffer.from(key, 'hex'),
}));

/** @throws Error when there is no such exchange in the file. */
export function exchangeOf(name: string): (typeof EXCHANGES)[number] {
  const found = EXCHANGES.find((exchange) => exchange.name === name);
  if (found === undefined) throw new Error(`no exchange is named ${name}`);
  return found;
}

/** @param octets hexadecimal, or as they are. @throws Error when they are no packet. */
export function packetFrom(octets: string | Buffer, version: Version = '1.0'): Packet {
  const packet = readPacket(typeof octets === 'string' ? Buffer.from(octets, 'hex') : octets, version);
  if ('malformed' in packet) throw new Error(`no packet: ${packet.malformed}`);
  return packet;
}
