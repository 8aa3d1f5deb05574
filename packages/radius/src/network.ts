import { ipv4Octets, ipv6Octets } from './address.ts';

/** An address, or all that begin with the same bits. */
export interface Network {
  /** 4 or 16, whose bits past `prefix` are 0. */
  octets: Buffer;
  /** 0 to 32, or to 128. */
  prefix: number;
}

const MAPPED = Buffer.from('00000000000000000000ffff', 'hex');

/**
 * The 4 or 16 octets of an address that packets come from. One of IPv4 in the dress of IPv6 (`::ffff:192.0.2.1`) is one of IPv4: a socket for
 * both sees it so. A zone (`fe80::1%eth0`) says by which way, and not who. Undefined when the text is no address.
 */
export function readAddress(text: string): Buffer | undefined {
  const [address = ''] = text.split('%');
  const octets = octetsOf(address);
  return octets !== undefined && isMapped(octets) ? octets.subarray(MAPPED.length) : octets;
}

/**
 * Reads an IPv4 or IPv6 address, or a network in CIDR notation (RFC 4632, RFC 4291). Whoever types one means what it says: neither a network
 * with bits set past its prefix nor an IPv4 address in the dress of IPv6 is guessed at.
 * @throws RangeError with a sentence that says what is wrong, for whoever typed it.
 */
export function readNetwork(text: string): Network {
  const [address = '', bits, ...rest] = text.split('/');
  if (rest.length > 0) throw new RangeError('it has more than one slash');
  const octets = octetsOf(address);
  if (octets === undefined) throw new RangeError('it is no IPv4 or IPv6 address, and no network');
  const longest = octets.length * 8;
  if (bits !== undefined && (!/^(0|[1-9]\d{0,2})$/.test(bits) || Number(bits) > longest))
    throw new RangeError(`what follows the slash is a number from 0 to ${longest}`);
  const prefix = bits === undefined ? longest : Number(bits);
  if (prefix >= MAPPED.length * 8 && isMapped(octets))
    throw new RangeError('it is an IPv4 address in the dress of IPv6: write it as IPv4');
  const network: Network = { octets: firstBits(octets, prefix), prefix };
  if (!network.octets.equals(octets))
    throw new RangeError(`bits past the first ${prefix} are set: the network would be ${networkText(network)}`);
  return network;
}

/** In the one spelling that each has: RFC 5952, and without the length where it is a single address. */
export function networkText({ octets, prefix }: Network): string {
  const address = octets.length === 4 ? octets.join('.') : ipv6Text(octets);
  return prefix === octets.length * 8 ? address : `${address}/${prefix}`;
}

/** The address in an attribute of 4 or 16 octets as people write it (RFC 5952); undefined when it is of another length. */
export function addressText(octets: Buffer): string | undefined {
  if (octets.length !== 4 && octets.length !== 16) return undefined;
  return networkText({ octets, prefix: octets.length * 8 });
}

/** An address with all bits past the first `prefix` zero. */
export function firstBits(octets: Buffer, prefix: number): Buffer {
  return Buffer.from(
    octets.map((octet, index) => {
      const kept = Math.min(8, Math.max(0, prefix - index * 8));
      return octet & (0xff << (8 - kept));
    }),
  );
}

function octetsOf(address: string): Buffer | undefined {
  return ipv4Octets(address) ?? ipv6Octets(address);
}

function isMapped(octets: Buffer): boolean {
  return octets.length === 16 && octets.subarray(0, MAPPED.length).equals(MAPPED);
}

function ipv6Text(octets: Buffer): string {
  const groups = octets.toString('hex').match(/.{4}/g) ?? [];
  // What a URL makes of it is RFC 5952.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
