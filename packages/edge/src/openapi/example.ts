import type { TSchema } from 'typebox';

/** JSON Schema, looked at as data. */
interface Shape {
  type?: string;
  const?: unknown;
  enum?: unknown[];
  default?: unknown;
  examples?: unknown[];
  anyOf?: TSchema[];
  properties?: Record<string, TSchema>;
  required?: string[];
  items?: TSchema;
  minimum?: number;
  format?: string;
}

const INSTANT = '2026-11-23T09:30:00.000Z';

/**
 * A value of the schema: its own example where it has one, else one put together from its parts. A field that may be left
 * out is shown when something is known of what it holds.
 */
export function exampleOf(schema: TSchema): unknown {
  const shape = schema as Shape;
  if (shape.examples?.[0] !== undefined) return shape.examples[0];
  if (shape.const !== undefined) return shape.const;
  if (shape.enum?.[0] !== undefined) return shape.enum[0];
  if (shape.default !== undefined) return shape.default;
  if (shape.anyOf?.[0] !== undefined) return exampleOf(shape.anyOf[0]);
  return BY_TYPE[shape.type ?? '']?.(shape) ?? {};
}

const BY_TYPE: Record<string, (shape: Shape) => unknown> = {
  object: ({ properties = {}, required = [] }) =>
    Object.fromEntries(
      Object.entries(properties)
        .filter(([name, property]) => required.includes(name) || isTelling(property))
        .map(([name, property]) => [name, exampleOf(property)]),
    ),
  array: ({ items }) => (items === undefined ? [] : [exampleOf(items)]),
  string: ({ format }) => (format === 'date-time' ? INSTANT : 'text'),
  integer: ({ minimum }) => minimum ?? 1,
  number: ({ minimum }) => minimum ?? 1,
  boolean: () => false,
};

function isTelling(schema: TSchema): boolean {
  const shape = schema as Shape;
  return (
    shape.examples !== undefined ||
    shape.default !== undefined ||
    Object.values(shape.properties ?? {}).some((property) => isTelling(property))
  );
}
