/** The four octets of an address in dotted decimal, without leading zeros, which some read as octal. Undefined for anything else. */
export function ipv4Octets(text: string): Buffer | undefined {
  const parts = text.split('.');
  const isAddress = parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256);
  return isAddress ? Buffer.from(parts.map(Number)) : undefined;
}

/**
 * The sixteen octets of an IPv6 address, without a zone. Undefined for anything else.
 * @see RFC 4291 section 2.2
 */
export function ipv6Octets(text: string): Buffer | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [before, after] = halves.map(groupsOf);
  if (before === undefined || (halves.length === 2 && after === undefined)) return undefined;
  // Only what ends the address may be dotted decimal.
  if (halves.length === 2 && halves[0]?.includes('.')) return undefined;
  const missing = 16 - before.length - (after?.length ?? 0);
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined;
  return Buffer.concat([before, Buffer.alloc(missing), after ?? Buffer.alloc(0)]);
}

function groupsOf(text: string): Buffer | undefined {
  if (text === '') return Buffer.alloc(0);
  const groups = text.split(':');
  const octets = groups.map((group, place) => {
    if (/^[0-9a-f]{1,4}$/i.test(group)) return Buffer.from(group.padStart(4, '0'), 'hex');
    return place === groups.length - 1 ? ipv4Octets(group) : undefined;
  });
  return octets.every((group) => group !== undefined) ? Buffer.concat(octets) : undefined;
}
