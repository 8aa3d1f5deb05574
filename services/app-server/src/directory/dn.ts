/** One part of a distinguished name: as it is written, and in the one spelling that is compared. */
export interface NamePart {
  text: string;
  key: string;
}

/**
 * A distinguished name from the entry up to its root. Parts are compared as directories do it for names of people and groups: without
 * regard to case, to spaces, and to how a character is escaped.
 * @returns undefined when it is none.
 * @see RFC 4514 section 3
 */
export function partsOf(dn: string): NamePart[] | undefined {
  const parts = piecesOf(dn, ',').map((text) => ({ text: text.trim(), key: keyOf(text) }));
  return parts.length > 0 && parts.every((part): part is NamePart => part.key !== undefined) ? parts : undefined;
}

/** The name in the one spelling that is compared, or undefined when it is none. */
export function canonical(dn: string): string | undefined {
  return partsOf(dn)
    ?.map(({ key }) => key)
    .join(',');
}

/** How many parts two names have in common, from the root down. */
export function sharedParts(one: readonly NamePart[], other: readonly NamePart[]): number {
  const [here, there] = [one.toReversed(), other.toReversed()];
  const differs = here.findIndex(({ key }, depth) => key !== there[depth]?.key);
  return differs === -1 ? one.length : differs;
}

/** Cut at a character, where it is not escaped. */
function piecesOf(text: string, separator: ',' | '+'): string[] {
  const pieces = [''];
  for (const [token] of text.matchAll(/\\?./gsu)) {
    if (token === separator) pieces.push('');
    else pieces.push(`${pieces.pop() ?? ''}${token}`);
  }
  return pieces;
}

function keyOf(part: string): string | undefined {
  const pairs = piecesOf(part, '+').map((pair) => {
    const [, type, value] = /^\s*([A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+)\s*=(.*)$/s.exec(pair) ?? [];
    if (type === undefined || value === undefined) return undefined;
    const plain = unescaped(value).normalize('NFKC').replaceAll(/\s+/gu, ' ').trim().toLowerCase();
    return plain === '' ? undefined : JSON.stringify([type.toLowerCase(), plain]);
  });
  return pairs.every((pair) => pair !== undefined) ? pairs.toSorted().join('+') : undefined;
}

/** Two hexadecimal digits are one byte of UTF-8; anything else behind a backslash is itself. */
function unescaped(value: string): string {
  return value.replaceAll(/((?:\\[0-9a-f]{2})+)|\\(.)/gisu, (_, bytes: string | undefined, character: string) =>
    bytes === undefined ? character : Buffer.from(bytes.replaceAll('\\', ''), 'hex').toString('utf8'),
  );
}
