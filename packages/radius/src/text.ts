import { MAX_VALUE_OCTETS, type Attribute } from './packet.ts';

const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** What stands at 80 to 9F; the rest is ISO-8859-1. Spelt out, because TextDecoder gives characters for the five that have none. */
const WINDOWS_1252 = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008DŽ\u008F\u0090‘’“”•–—˜™š›œ\u009DžŸ';
const UNASSIGNED = /[\u0081\u008D\u008F\u0090\u009D]/;

/** A character set for clients that do not send UTF-8: each client names its own. */
export type LegacyCharset = 'iso-8859-1' | 'windows-1252';

/**
 * The text of an attribute: UTF-8 (RFC 2865 section 5), and only when it is not, the character set that the client is known to use.
 * Undefined when it is neither; nothing is guessed and no character is put in place of another (RAD-07). Never throws.
 * The caller must not assume that the text is free of control characters, NUL included, nor that it is normalised.
 */
export function readText(value: Buffer, legacy?: LegacyCharset): string | undefined {
  try {
    return UTF_8.decode(value);
  } catch {
    return legacy === undefined ? undefined : readLegacy(value, legacy);
  }
}

function readLegacy(value: Buffer, legacy: LegacyCharset): string | undefined {
  const latin1 = value.toString('latin1');
  if (legacy === 'iso-8859-1') return latin1;
  if (UNASSIGNED.test(latin1)) return undefined;
  return latin1.replaceAll(/[\u0080-\u009F]/g, (character) => WINDOWS_1252.charAt(character.charCodeAt(0) - 0x80));
}

/**
 * A text as attributes of at most 253 octets, cut between code points, never inside one. None for an empty text, which must not be sent
 * (RFC 2865 section 5). A surrogate without its other half becomes U+FFFD: UTF-8 cannot say it.
 */
export function textAttributes(type: number, text: string): Attribute[] {
  const octets = Buffer.from(text, 'utf8');
  const attributes: Attribute[] = [];
  for (let at = 0; at < octets.length;) {
    const end = borderBefore(octets, Math.min(at + MAX_VALUE_OCTETS, octets.length));
    attributes.push({ type, value: octets.subarray(at, end) });
    at = end;
  }
  return attributes;
}

/** The last place at or before `end` where a code point ends: the octets inside one are 80 to BF, at most three in a row. */
function borderBefore(octets: Buffer, end: number): number {
  let border = end;
  while (((octets[border] ?? 0) & 0xc0) === 0x80) border -= 1;
  return border;
}
