import { ScureBase32Plugin } from 'otplib';

const base32 = new ScureBase32Plugin();

/** RFC 4648 section 6, upper case, without padding: what the otpauth URI asks for. */
export function base32Encode(bytes: Uint8Array): string {
  return base32.encode(bytes, { padding: false });
}

/**
 * The bytes behind base32 as people and vendors write it: lower case, spaces and padding are let through.
 * Undefined for everything else: other characters, lengths that no bytes give, and left-over bits that are not zero (RFC 4648
 * section 3.5), which a mistyped last character leaves behind. So two texts that differ in a letter or digit never give the
 * same bytes. Never throws.
 */
export function base32Decode(text: string): Uint8Array | undefined {
  // otplib upper-cases; done before the check, that would let in letters that become ASCII by it, such as the dotless i.
  const compact = text.replaceAll(/\s/g, '');
  if (!/^[A-Za-z2-7]*={0,6}$/.test(compact)) return undefined;
  try {
    return base32.decode(compact.replace(/=+$/, ''));
  } catch {
    return undefined;
  }
}
