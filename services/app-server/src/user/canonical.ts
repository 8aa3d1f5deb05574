/** Longest name in UTF-16 code units, after normalisation. */
export const MAX_NAME_LENGTH = 256;
/** Longest text that is normalised at all: some characters become 18. */
const MAX_TEXT_LENGTH = 1024;

export type CanonicalName = { canonical: string } | { refused: string };

/**
 * The one spelling under which a name is kept and found: whatever the case, the Unicode form or the spaces around it, it leads
 * to the same user and the same attempt budget (R3). `EXAMPLE\alice` and `alice@example.com` are names of their own, which
 * aliases lead to a user; nothing is cut off or guessed.
 *
 * Compatibility form (NFKC) and full case folding (Unicode chapter 5.18), runs of spaces as one (RFC 4518 section 2.6.1).
 * @returns the name, or why it cannot be one (R8); the reason may be told to the caller.
 */
export function canonicalUsername(text: string): CanonicalName {
  if (text.length > MAX_TEXT_LENGTH) return { refused: `must be ${MAX_NAME_LENGTH} characters at most` };
  if (!text.isWellFormed()) return { refused: 'must be well-formed Unicode' };
  const trimmed = text.replaceAll(/\s+/gu, ' ').trim();
  // Unassigned characters too: a later Unicode version may fold them in another way.
  if (/[\p{C}\p{Default_Ignorable_Code_Point}]/u.test(trimmed)) {
    return { refused: 'must not hold control or invisible characters' };
  }
  const canonical = settled(trimmed);
  if (canonical === '') return { refused: 'must not be blank' };
  if (canonical.length > MAX_NAME_LENGTH) return { refused: `must be ${MAX_NAME_LENGTH} characters at most` };
  if (canonical.includes('*')) return { refused: 'must not hold a wildcard' };
  return { canonical };
}

/** Folding can leave a text that composes anew, and that one fold again; two rounds settle every text known, four are safe. */
function settled(text: string): string {
  let before = text;
  for (let round = 0; round < 4; round++) {
    const after = folded(before.normalize('NFKC')).normalize('NFKC').replaceAll(/\s+/gu, ' ').trim();
    if (after === before) break;
    before = after;
  }
  return before;
}

/** One character at a time, so that a name folds the same wherever it stands (a final sigma depends on its neighbours). */
function folded(text: string): string {
  return Array.from(text, foldedCharacter).join('');
}

function foldedCharacter(character: string): string {
  // The dotless i is a letter of its own in Turkish: folding it to i would lead one person's name to another.
  if (character === 'ı') return character;
  return Array.from(character.toUpperCase(), (upper) => upper.toLowerCase()).join('');
}
