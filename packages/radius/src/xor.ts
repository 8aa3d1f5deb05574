/** Changes `octets` in place. Both have the same length. */
export function xorInto(octets: Buffer, mask: Buffer): void {
  for (let at = 0; at < octets.length; at += 1) octets[at] = (octets[at] ?? 0) ^ (mask[at] ?? 0);
}
