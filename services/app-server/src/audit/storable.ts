/**
 * A copy that Postgres can keep: its text and jsonb hold neither NUL nor half a surrogate pair, and callers may send both. They
 * become U+FFFD, so that an event is never lost for what somebody typed.
 */
export function storable(value: unknown): unknown {
  if (typeof value === 'string') return storableText(value);
  if (Array.isArray(value)) return value.map(storable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [storableText(name), storable(inner)]));
}

function storableText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD');
}
