import type { InputOf, RadiusClient, radiusLogin } from '@countersign/contracts';
import { isCleanText } from '@countersign/http';
import { addressText, ATTRIBUTE, firstOf, readText, type Packet } from '@countersign/radius';

export type AccessServer = InputOf<typeof radiusLogin>['accessServer'];

/** What the client says of itself and of whoever logs in. What is no text is left out: nothing depends on it. */
export function readAccessServer(packet: Packet, client: RadiusClient): AccessServer {
  const said = {
    identifier: textOf(packet, ATTRIBUTE.nasIdentifier, client),
    address: addressOf(packet, ATTRIBUTE.nasIpAddress) ?? addressOf(packet, ATTRIBUTE.nasIpv6Address),
    port: textOf(packet, ATTRIBUTE.nasPortId, client) ?? numberOf(packet, ATTRIBUTE.nasPort)?.toString(),
    callingStation: textOf(packet, ATTRIBUTE.callingStationId, client),
    calledStation: textOf(packet, ATTRIBUTE.calledStationId, client),
  };
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined));
}

/** Undefined when it is absent, empty, or no text in UTF-8 or the client's own character set (RAD-07). */
export function textOf(packet: Packet, type: number, client: RadiusClient): string | undefined {
  const value = firstOf(packet, type);
  if (value === undefined || value.length === 0) return undefined;
  const text = readText(value, client.legacyCharset);
  return text !== undefined && isCleanText(text) ? text : undefined;
}

/** Undefined when it is absent or has not the four octets of a number. */
export function numberOf(packet: Packet, type: number): number | undefined {
  const value = firstOf(packet, type);
  return value?.length === 4 ? value.readUInt32BE(0) : undefined;
}

export function addressOf(packet: Packet, type: number): string | undefined {
  const value = firstOf(packet, type);
  return value === undefined ? undefined : addressText(value);
}
