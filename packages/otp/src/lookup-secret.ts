/** Crockford's base 32: no letter that is taken for a digit or for another, and none that makes words. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
/** 60 bits: nobody guesses one, and SP 800-63B-4 section 3.1.2 asks for 20. */
export const LOOKUP_SECRET_CHARACTERS = 12;
const GROUP = 4;

const SEPARATORS = /[\s\p{Pd}\u00AD\u2212\u200B-\u200F\u202A-\u202E\u2060\u2066-\u2069]/gu;
const MAX_TYPED_CHARACTERS = 64;

/**
 * A look-up secret: what a person keeps on paper and types once (SP 800-63B-4 section 3.1.2).
 * @param random a random byte for each character: it takes 5 bits of it.
 * @returns without separators, as it is hashed.
 * @throws RangeError when there are fewer bytes.
 */
export function lookupSecret(random: Uint8Array): string {
  if (random.length < LOOKUP_SECRET_CHARACTERS) {
    throw new RangeError(`a look-up secret takes ${LOOKUP_SECRET_CHARACTERS} bytes`);
  }
  return Array.from(random.subarray(0, LOOKUP_SECRET_CHARACTERS), (byte) => ALPHABET.charAt(byte % 32)).join('');
}

/** As it is shown: groups of four, which are read and typed without losing the place. */
export function formatLookupSecret(secret: string): string {
  return (secret.match(new RegExp(`.{1,${GROUP}}`, 'g')) ?? []).join('-');
}

/**
 * What a person typed, in the form in which it is hashed; undefined when it cannot be one. Case, spaces and dashes do not matter, and what
 * is mistaken for a digit counts as that digit. Never throws.
 */
export function parseLookupSecret(text: string): string | undefined {
  if (text.length > MAX_TYPED_CHARACTERS) return undefined;
  const secret = text
    .normalize('NFKC')
    .replace(SEPARATORS, '')
    .toUpperCase()
    .replaceAll('O', '0')
    .replace(/[IL]/g, '1');
  const isWhole = secret.length === LOOKUP_SECRET_CHARACTERS && /^[0-9A-HJKMNP-TV-Z]*$/.test(secret);
  return isWhole ? secret : undefined;
}
