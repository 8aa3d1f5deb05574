import { lookup as systemLookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/** Not of the internet, or not of one machine in it. @see RFC 6890, and the IANA registry of special-purpose IPv4 addresses. */
const SPECIAL_4 = new BlockList();
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  SPECIAL_4.addSubnet(network, bits, 'ipv4');
}

/** Only 2000::/3 is given out (RFC 4291 section 2.4): the rest holds loopback, link-local and every form of IPv4 inside IPv6. */
const GLOBAL_6 = new BlockList();
GLOBAL_6.addSubnet('2000::', 3, 'ipv6');
/** Of that: Teredo, documentation and 6to4, behind which stands an IPv4 address of any kind. */
const SPECIAL_6 = new BlockList();
for (const [network, bits] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  SPECIAL_6.addSubnet(network, bits, 'ipv6');
}

/** Whether it is an address of one machine in the internet, and not of this one, of its network or of its cloud. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !SPECIAL_4.check(address, 'ipv4');
  return family === 6 && GLOBAL_6.check(address, 'ipv6') && !SPECIAL_6.check(address, 'ipv6');
}

/** As it stands in a URL: `[::1]` is an address too. */
export function isPublicHost(hostname: string): boolean {
  const literal = hostname.replaceAll(/^\[|\]$/g, '');
  return isIP(literal) === 0 || isPublicAddress(literal);
}

type Resolve = (
  hostname: string,
  options: { all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: { address: string; family: number }[]) => void,
) => void;

/**
 * Looks at what the name leads to at the moment of connecting, and connects only there, so that no name server can point us into the house.
 * A host that is written as an address is never looked up: `isPublicHost` is for that.
 */
export function publicLookup(resolve: Resolve = systemLookup): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) {
        callback(error, [], 0);
        return;
      }
      const allowed = addresses.filter(({ address }) => isPublicAddress(address));
      const [first] = allowed;
      if (first === undefined) {
        callback(Object.assign(new Error('no public address'), { code: 'PRIVATE_ADDRESS' }), [], 0);
      } else if (options.all === true) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
}
