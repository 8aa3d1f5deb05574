import type { InputOf, radiusAccount, RadiusClient } from '@countersign/contracts';
import { ATTRIBUTE, type Packet } from '@countersign/radius';
import { addressOf, numberOf, readAccessServer, textOf } from './access-server.ts';

export type Accounting = Omit<InputOf<typeof radiusAccount>, 'clientId'>;

/** Acct-Status-Type. @see RFC 2866 section 5.1 */
const STATUS: Readonly<Record<number, Accounting['status']>> = {
  1: 'start',
  2: 'stop',
  3: 'interim',
  7: 'on',
  8: 'off',
};
const GIGAWORD = 2 ** 32;

/** What an Accounting-Request tells, as far as the audit keeps it. */
export function readAccounting(packet: Packet, client: RadiusClient): Accounting {
  const told = {
    sessionId: textOf(packet, ATTRIBUTE.acctSessionId, client),
    username: textOf(packet, ATTRIBUTE.userName, client),
    framedAddress: addressOf(packet, ATTRIBUTE.framedIpAddress) ?? addressOf(packet, ATTRIBUTE.framedIpv6Address),
    sessionSeconds: numberOf(packet, ATTRIBUTE.acctSessionTime),
    inputOctets: wideNumberOf(packet, ATTRIBUTE.acctInputOctets, ATTRIBUTE.acctInputGigawords),
    outputOctets: wideNumberOf(packet, ATTRIBUTE.acctOutputOctets, ATTRIBUTE.acctOutputGigawords),
    cause: numberOf(packet, ATTRIBUTE.acctTerminateCause),
  };
  return {
    status: STATUS[numberOf(packet, ATTRIBUTE.acctStatusType) ?? 0] ?? 'other',
    accessServer: readAccessServer(packet, client),
    ...Object.fromEntries(Object.entries(told).filter(([, value]) => value !== undefined)),
  };
}

/** @see RFC 2869 section 5.1: how often the four octets wrapped around. */
function wideNumberOf(packet: Packet, octets: number, gigawords: number): number | undefined {
  const low = numberOf(packet, octets);
  return low === undefined ? undefined : low + (numberOf(packet, gigawords) ?? 0) * GIGAWORD;
}
