import { isIP, SocketAddress } from 'node:net';

/** An address as a number, of which a network is the first bits. An IPv4 address in IPv6 clothes (`::ffff:192.0.2.1`) is one of IPv4. */
export interface Address {
  family: 4 | 6;
  value: bigint;
}

export interface Network extends Address {
  /** How many bits of `value` count; the rest are zero. */
  bits: number;
}

const BITS = { 4: 32, 6: 128 } as const;
const MAPPED = 0xffffn;

/** @returns undefined when the text is no address. A zone (`fe80::1%eth0`) says by which way, and not who. */
export function readAddress(text: string): Address | undefined {
  const [address = ''] = text.split('%');
  const family = isIP(address);
  if (family === 4) return { family, value: ipv4Value(address) };
  if (family !== 6) return undefined;
  const value = ipv6Value(address);
  return value >> 32n === MAPPED ? { family: 4, value: value & 0xffff_ffffn } : { family, value };
}

/** @returns undefined when the text is neither an address nor a network. */
export function readNetwork(text: string): Network | undefined {
  const [address = '', prefix, more] = text.split('/');
  const read = readAddress(address);
  if (read === undefined || more !== undefined) return undefined;
  const { family } = read;
  if (prefix === undefined) return { ...read, bits: BITS[family] };
  if (!/^\d{1,3}$/.test(prefix)) return undefined;
  // A prefix of ::ffff:0:0/96 counts the 96 bits before the IPv4 address.
  const bits = Number(prefix) - (family === 4 && address.includes(':') ? 96 : 0);
  if (bits < 0 || bits > BITS[family]) return undefined;
  return { family, value: networkOf(read, bits), bits };
}

/** The first bits of an address, the others zero. */
export function networkOf({ family, value }: Address, bits: number): bigint {
  const host = BigInt(BITS[family] - bits);
  return (value >> host) << host;
}

/** The address in an attribute of 4 or 16 octets as people write it (RFC 5952); undefined when it is of another length. */
export function writeAddress(octets: Buffer): string | undefined {
  if (octets.length === 4) return octets.join('.');
  if (octets.length !== 16) return undefined;
  const groups = Array.from({ length: 8 }, (_, index) => octets.readUInt16BE(2 * index).toString(16));
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}

function ipv4Value(address: string): bigint {
  return address.split('.').reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

function ipv6Value(address: string): bigint {
  const [head = '', tail] = address.split('::');
  const left = groupsOf(head);
  const right = tail === undefined ? [] : groupsOf(tail);
  const zeros = Array<bigint>(8 - left.length - right.length).fill(0n);
  return [...left, ...zeros, ...right].reduce((value, group) => (value << 16n) | group, 0n);
}

/** The last of them may be written as IPv4. */
function groupsOf(text: string): bigint[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [BigInt(`0x${group}`)];
    const value = ipv4Value(group);
    return [value >> 16n, value & MAPPED];
  });
}
