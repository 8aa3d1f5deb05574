const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/**
 * The bytes behind base32 as people and vendors write it: lower case, spaces and padding are let through. Undefined for everything else,
 * left-over bits that are not zero among it.
 * @see RFC 4648 section 6
 */
export function base32Decode(text: string): Uint8Array<ArrayBuffer> | undefined {
  const compact = text.replaceAll(/\s/g, '');
  if (!/^[A-Za-z2-7]+={0,6}$/.test(compact)) return undefined;
  const letters = compact.replace(/=+$/, '').toUpperCase();
  // 1, 3 and 6 letters over are no whole number of bytes.
  if ([1, 3, 6].includes(letters.length % 8)) return undefined;
  const bytes = new Uint8Array(Math.floor((letters.length * 5) / 8));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const letter of letters) {
    held = (held << 5) | ALPHABET.indexOf(letter);
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at] = (held >> bits) & 0xff;
    at += 1;
    held &= (1 << bits) - 1;
  }
  return held === 0 ? bytes : undefined;
}
