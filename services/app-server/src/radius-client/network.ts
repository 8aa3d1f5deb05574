import { isIPv4, isIPv6 } from 'node:net';

/** An address, or all that begin with the same bits. */
export interface Network {
  family: 4 | 6;
  /** 4 or 16 octets, whose bits past `prefix` are 0. */
  octets: Buffer;
  /** 0 to 32, or to 128. */
  prefix: number;
}

const MAPPED = Buffer.from('00000000000000000000ffff', 'hex');

/**
 * Reads an IPv4 or IPv6 address, or a network in CIDR notation (RFC 4632, RFC 4291).
 * @throws RangeError with a sentence that says what is wrong, for whoever typed it.
 */
export function readNetwork(text: string): Network {
  const [address = '', bits, ...rest] = text.split('/');
  if (rest.length > 0) throw new RangeError('it has more than one slash');
  const octets = octetsOf(address);
  const family = octets.length === 4 ? 4 : 6;
  const longest = octets.length * 8;
  if (bits !== undefined && (!/^(0|[1-9]\d{0,2})$/.test(bits) || Number(bits) > longest))
    throw new RangeError(`what follows the slash is a number from 0 to ${longest}`);
  const prefix = bits === undefined ? longest : Number(bits);
  if (family === 6 && prefix >= 96 && octets.subarray(0, 12).equals(MAPPED))
    throw new RangeError('it is an IPv4 address in the dress of IPv6: write it as IPv4');
  const network: Network = { family, octets: masked(octets, prefix), prefix };
  if (!network.octets.equals(octets))
    throw new RangeError(`bits past the first ${prefix} are set: the network would be ${networkText(network)}`);
  return network;
}

/** In the one spelling that each has: RFC 5952, and without the length where it is a single address. */
export function networkText({ family, octets, prefix }: Network): string {
  const address = family === 4 ? [...octets].join('.') : ipv6Text(octets);
  return prefix === octets.length * 8 ? address : `${address}/${prefix}`;
}

function octetsOf(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  // A zone has a meaning on one machine only.
  if (!isIPv6(address) || address.includes('%')) throw new RangeError('it is no IPv4 or IPv6 address, and no network');
  const groups = groupsOf(ipv4TailAsGroups(address));
  return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex');
}

/** `::ffff:192.0.2.1` is another spelling of `::ffff:c000:201`. */
function ipv4TailAsGroups(address: string): string {
  const tail = address.slice(address.lastIndexOf(':') + 1);
  if (!isIPv4(tail)) return address;
  const hex = Buffer.from(tail.split('.').map(Number)).toString('hex');
  return `${address.slice(0, -tail.length)}${hex.slice(0, 4)}:${hex.slice(4)}`;
}

function groupsOf(address: string): string[] {
  const [left = '', right] = address.split('::');
  const before = split(left);
  const after = split(right ?? '');
  const zeros = right === undefined ? 0 : 8 - before.length - after.length;
  return [...before, ...Array.from({ length: zeros }, () => '0'), ...after];
}

function split(side: string): string[] {
  return side === '' ? [] : side.split(':');
}

function masked(octets: Buffer, prefix: number): Buffer {
  return Buffer.from(
    octets.map((octet, index) => {
      const kept = Math.min(8, Math.max(0, prefix - index * 8));
      return octet & (0xff << (8 - kept));
    }),
  );
}

function ipv6Text(octets: Buffer): string {
  const groups = octets.toString('hex').match(/.{4}/g) ?? [];
  // What a URL makes of it is RFC 5952.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
