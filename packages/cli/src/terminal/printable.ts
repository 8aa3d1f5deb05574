/** Control characters, and those that turn the direction of writing: a name that holds them could repaint the screen. */
const UNPRINTABLE =
  /[\p{Cc}\u{2028}\u{2029}\u{200e}\u{200f}\u{202a}-\u{202e}\u{2066}-\u{2069}\u{feff}]|\p{Surrogate}/gu;

/** Makes text that somebody else wrote safe for one line of a screen. */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, escaped);
}

/** JSON whose texts cannot repaint the screen either: JSON itself lets C1 control characters and direction marks through. */
export function printableJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replaceAll(UNPRINTABLE, (character) =>
    character === '\n' ? character : `\\u${hex(character)}`,
  );
}

function escaped(character: string): string {
  return `\\u{${hex(character).replace(/^0+(?=.)/, '')}}`;
}

function hex(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16).padStart(4, '0');
}
