import { networkInterfaces } from 'node:os';
import type { Logger } from '@countersign/telemetry';

const FAMILIES: Readonly<Record<string, 'IPv4' | 'IPv6'>> = { '0.0.0.0': 'IPv4', '::': 'IPv6' };

/**
 * RAD-04: on a socket for all addresses the system chooses the one that an answer leaves from, and Node lets nobody say otherwise. What cannot be
 * looked up, as where the process may not ask the system for its addresses (AF_NETLINK), is warned of as well, and nothing fails.
 */
export function warnOfManyAddresses(host: string, logger: Logger, interfaces = networkInterfaces): void {
  const family = FAMILIES[host];
  if (family === undefined) return;
  let found: ReturnType<typeof networkInterfaces>;
  try {
    found = interfaces();
  } catch (error) {
    const detail =
      'How many addresses this machine has cannot be seen. With several, name them in COUNTERSIGN_RADIUS_HOSTS.';
    logger.warn('radius.many_addresses', { host, error, detail });
    return;
  }
  const addresses = Object.values(found)
    .flatMap((some) => some ?? [])
    .filter((one) => one.family === family && !one.internal && !/^fe80:/i.test(one.address))
    .map(({ address }) => address);
  if (addresses.length < 2) return;
  const detail = `Answers may leave from another address than was asked: name those that clients use in COUNTERSIGN_RADIUS_HOSTS (${addresses.join(', ')}).`;
  logger.warn('radius.many_addresses', { host, count: addresses.length, detail });
}
