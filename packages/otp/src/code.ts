/** Longer input than anybody types as a code is not worth normalising. */
const MAX_TYPED_CHARACTERS = 64;

/**
 * Spaces, hyphens and dashes that people and phone keyboards put into numbers, and the invisible marks that a copied SMS
 * brings along: U+200B to U+200F zero width and direction, U+202A to U+202E and U+2066 to U+2069 direction, U+2060 joiner,
 * U+00AD soft hyphen, U+2212 minus.
 */
const SEPARATORS = /[\s\p{Pd}\u00AD\u2212\u200B-\u200F\u202A-\u202E\u2060\u2066-\u2069]/gu;

/**
 * The digits of a code that a person typed, leading zeros kept (OATH-02); undefined when it cannot be a code.
 * Normalises to NFKC, so full-width digits count, and removes spaces and hyphens. What is left must be 6 to 10 ASCII
 * digits. Never throws.
 */
export function parseCode(text: string): string | undefined {
  if (text.length > MAX_TYPED_CHARACTERS) return undefined;
  const code = text.normalize('NFKC').replace(SEPARATORS, '');
  return /^[0-9]{6,10}$/.test(code) ? code : undefined;
}
