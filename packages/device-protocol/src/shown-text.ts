import { Type } from 'typebox';

/**
 * Control characters, halves of characters, line and paragraph separators, and what turns the direction of writing: with them one line of
 * text can look like another, or like two. @see Unicode Technical Report 36 section 2.5
 */
const DISGUISES = /[\p{Cc}\p{Cs}\u2028\u2029\u200E\u200F\u202A-\u202E\u2066-\u2069]/u;

/** Whether a text looks on every screen like what it is: one line. */
export function isShowable(text: string): boolean {
  return !DISGUISES.test(text);
}

/** A text with a space in place of each letter that disguises. */
export function showable(text: string): string {
  return text.replaceAll(new RegExp(DISGUISES, 'gu'), ' ');
}

/** One line, whose length is counted in code points. */
export const ShownText = ({ minLength = 0, maxLength }: { minLength?: number; maxLength: number }) =>
  Type.Refine(Type.String({ minLength, maxLength }), isShowable, () => 'text that cannot be shown as one line');
