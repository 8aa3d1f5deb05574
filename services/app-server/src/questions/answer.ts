import type { SecurityQuestion } from '@countersign/contracts';

/** The same answer however it is typed, or was heard on the telephone. */
export function normalisedAnswer(typed: string): string {
  // Up and down again is as near to folding (Unicode, section 3.13) as the language comes: it also takes a sharp s for two.
  const folded = typed.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC');
  return folded.replaceAll(/[\s\p{Cc}\p{Cf}]+/gu, ' ').trim();
}

/** Whose a hash is: the same answer of another person, or to another question, is kept as something else. */
export function ownerOf(userId: string, question: SecurityQuestion): string {
  return `${userId} ${question}`;
}
