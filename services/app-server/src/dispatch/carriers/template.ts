/** `{{name}}` in the request of a carrier. Names: what is known of the message, and `secret.<name>`. */
const PLACEHOLDER = /\{\{([^{}]*)\}\}/g;

export type Values = Readonly<Record<string, string>>;

/** Strings, and the arrays and objects that JSON makes of them. */
export type Template = string | number | boolean | null | Template[] | { [key: string]: Template };

/** The names that a template asks for. */
export function placeholdersIn(template: Template): string[] {
  if (typeof template === 'string') return Array.from(template.matchAll(PLACEHOLDER), ([, name]) => name ?? '');
  if (typeof template !== 'object' || template === null) return [];
  return Object.values(template).flatMap((part) => placeholdersIn(part));
}

/**
 * Fills a string in one pass; what is filled in is never looked at again, so no text can ask for a secret.
 * @param write how a value is written where it stands, for example percent-encoded.
 */
export function fill(template: string, values: Values, write: (value: string) => string = (value) => value): string {
  return template.replaceAll(PLACEHOLDER, (_whole, name: string) => {
    if (!Object.hasOwn(values, name)) throw new Error(`{{${name}}} is not known`);
    return write(values[name] ?? '');
  });
}

/** Fills the strings of a JSON document. A string that is `{{lifeSeconds}}` and nothing else becomes a number. */
export function fillJson(template: Template, values: Values): Template {
  if (typeof template === 'string') {
    return template === '{{lifeSeconds}}' ? Number(values['lifeSeconds']) : fill(template, values);
  }
  if (Array.isArray(template)) return template.map((part) => fillJson(part, values));
  if (typeof template !== 'object' || template === null) return template;
  return Object.fromEntries(Object.entries(template).map(([key, part]) => [key, fillJson(part, values)]));
}

/** The value at a dotted path (`messages.0.id`), as text. Undefined when there is none, or when it is not a plain value. */
export function valueAt(document: unknown, path: string): string | undefined {
  let value = document;
  for (const key of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined;
}
